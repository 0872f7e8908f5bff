//! Keycloak's pushes: "not before" and logouts, as its own code makes them.

use crate::support::mint::{Key, LEGACY, Mint, Token, now, unique};
use crate::world::{Rows, World, access};
use serde_json::{Value, json};

const PUSH: &str = "/k_push_not_before";
const LOGOUT: &str = "/k_logout";
const TEXT: &str = "text/plain; charset=ISO-8859-1";

/// An action as Keycloak signs it: the header says `JWT`, and there is no `iss`.
pub fn action<'a>(key: &'a Key, name: &str, more: Value) -> Token<'a> {
    let mut token = key.token().head("typ", "JWT");
    token.claims.clear();
    let claims = json!({"id": unique("action"), "expiration": now() + 30, "resource": "gateway", "action": name});
    let all = claims.as_object().unwrap().iter().chain(more.as_object().unwrap());
    all.fold(token, |token, (name, value)| token.claim(name, value.clone()))
}

pub fn push(key: &Key, at: i64) -> Token<'_> {
    action(key, "PUSH_NOT_BEFORE", json!({"notBefore": at}))
}

fn at(source: &str, end: &str) -> String {
    format!("/.curfew/events/{source}{end}")
}

#[test]
fn a_realms_not_before_cuts_all_its_tokens_and_only_moves_forward() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let path = at("realm", PUSH);
    let send = |token: &Token<'_>| world.post(&path, TEXT, &token.sign());
    let issued = |ago: i64| mint.legacy.token().claim("iss", LEGACY).claim("iat", now() - ago).sign();
    let (old, young) = (issued(100), issued(10));
    rows.same("before", &world.asks(&old), "admitted");
    let good = || push(&mint.legacy, now() - 50);
    for (name, token) in [
        ("another resource", good().claim("resource", "shop")),
        ("no resource", good().without("resource")),
        ("another action", good().claim("action", "LOGOUT")),
        ("no action", good().without("action")),
        ("no id", good().without("id")),
        ("no expiration", good().without("expiration")),
        ("expired", good().claim("expiration", now() - 120)),
        ("from the far future", good().claim("expiration", now() + 4000)),
        ("no notBefore", good().without("notBefore")),
        ("notBefore a text", good().claim("notBefore", "1")),
        ("notBefore below zero", good().claim("notBefore", -1)),
        ("an access token that carries it", good().claim("iss", LEGACY)),
        ("an access token's type", good().head("typ", "at+jwt")),
        ("a subject", good().claim("sub", "alice")),
        ("another's key", push(&mint.ec, now() - 50)),
    ] {
        rows.is(name, &send(&token), 400);
    }
    rows.is("a form", &world.post(&path, "application/x-www-form-urlencoded", &good().sign()), 400);
    rows.is("nothing", &world.post(&path, TEXT, ""), 400);
    rows.same("after all of them", &world.asks(&old), "admitted");
    rows.is("none is set", &send(&push(&mint.legacy, 0)), 204);
    rows.same("none is set", &world.asks(&old), "admitted");
    let pushed = push(&mint.legacy, now() - 50);
    rows.is("pushed", &send(&pushed), 204);
    rows.same("issued before", &world.asks(&old), "issued_before_cutoff");
    rows.same("issued after", &world.asks(&young), "admitted");
    rows.is("again", &send(&pushed), 204);
    rows.is("an older one", &send(&push(&mint.legacy, now() - 500)), 204);
    rows.same("moves forward only", &world.asks(&old), "issued_before_cutoff");
    rows.is("one of next year is one of now", &send(&push(&mint.legacy, now() + 31_536_000)), 204);
    rows.same("all until now", &world.asks(&young), "issued_before_cutoff");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    rows.same("and none after it", &world.asks(&issued(0)), "admitted");
    rows.same("repeated", &world.counted("realm", "repeated").to_string(), "1");
    rows.same("ignored", &world.counted("realm", "ignored").to_string(), "1");
    rows.finish();
}

/// A realm's clock may be ahead by as much as its tokens are accepted for; then so may be what cuts them off.
#[test]
fn a_clock_that_is_ahead_lets_none_of_its_tokens_escape() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let issued = |ahead: i64| mint.legacy.token().claim("iss", LEGACY).claim("iat", now() + ahead).sign();
    let (held, next) = (issued(10), issued(25));
    rows.same("before", &world.asks(&held), "admitted");
    rows.is("pushed", &world.post(&at("realm", PUSH), TEXT, &push(&mint.legacy, now() + 15).sign()), 204);
    rows.same("issued before, by that clock", &world.asks(&held), "issued_before_cutoff");
    rows.same("issued after, by that clock", &world.asks(&next), "admitted");
    let all = action(&mint.legacy, "LOGOUT", json!({})).claim("expiration", now() + 30 + 28);
    rows.is("all are logged out", &world.post(&at("realm", LOGOUT), TEXT, &all.sign()), 204);
    rows.same("issued before, by that clock", &world.asks(&next), "issued_before_cutoff");
    rows.finish();
}

#[test]
fn logouts_end_the_sessions_that_they_name() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let send = |source: &str, token: Token<'_>| world.post(&at(source, LOGOUT), TEXT, &token.sign());
    let logout = |key, more| action(key, "LOGOUT", more);
    let (held, sid, _) = access(mint.ec.token());
    let named = json!({"adapterSessionIds": ["http-1"], "notBefore": 0, "keycloakSessionIds": ["x", sid]});
    rows.is("to the other path", &world.post(&at("client", PUSH), TEXT, &logout(&mint.ec, named.clone()).sign()), 400);
    rows.is("no list", &send("client", logout(&mint.ec, json!({"keycloakSessionIds": sid}))), 400);
    rows.is("no text", &send("client", logout(&mint.ec, json!({"keycloakSessionIds": [7]}))), 400);
    rows.is(
        "the adapter's sessions alone",
        &send("client", logout(&mint.ec, json!({"adapterSessionIds": ["a"]}))),
        204,
    );
    rows.same("which nobody knows here", &world.counted("client", "unmatchable").to_string(), "1");
    rows.same("before", &world.asks(&held), "admitted");
    rows.is("named", &send("client", logout(&mint.ec, named)), 204);
    rows.same("named", &world.asks(&held), "session_revoked");
    // Of all sessions, as "Logout all" says it: no ids, and the client's or the realm's "not before".
    let (ours, others) = (mint.ec.token().claim("client_id", "gateway").sign(), mint.ec.token().sign());
    let all = json!({"adapterSessionIds": null, "notBefore": now(), "keycloakSessionIds": null});
    rows.is("all of the client", &send("client", logout(&mint.ec, all)), 204);
    rows.same("its tokens", &world.asks(&ours), "client_revoked");
    rows.same("not those of others", &world.asks(&others), "admitted");
    let realm = || mint.legacy.token().claim("iss", LEGACY);
    rows.is("all of the realm", &send("realm", logout(&mint.legacy, json!({}))), 204);
    rows.same("its tokens", &world.asks(&realm().sign()), "issued_before_cutoff");
    rows.finish();
}
