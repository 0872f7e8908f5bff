//! Logout tokens (OpenID Connect Back-Channel Logout 1.0; §11 and §24 I1 of the standards).

use crate::support::mint::{CORP, Key, Mint, Token, now, set, unique};
use crate::world::{FETCHED, FORM, Rows, World, access};
use serde_json::{Value, json};
use std::time::Instant;

const LOGOUT: &str = "/.curfew/events/logout";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A good logout token of this key.
fn logout(key: &Key) -> Token<'_> {
    let mut token = key.token().head("typ", "logout+jwt");
    token.claims.clear();
    let claims = json!({"iss": CORP, "aud": "shop", "iat": now(), "exp": now() + 120, "jti": unique("logout"),
        "events": {EVENT: {}}, "sid": unique("sid"), "sub": unique("sub")});
    claims.as_object().unwrap().iter().fold(token, |token, (name, value)| token.claim(name, value.clone()))
}

#[test]
fn what_is_no_logout_token_ends_nothing() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let (held, sid, sub) = access(mint.ec.token());
    let good = || logout(&mint.ec).claim("sid", sid.clone()).claim("sub", sub.clone());
    let bad: Vec<(&str, String)> = vec![
        ("I1 with nonce", good().claim("nonce", "n").sign()),
        ("I1 nonce null", good().claim("nonce", Value::Null).sign()),
        ("I1 without events", good().without("events").sign()),
        ("I1 events a list", good().claim("events", json!([EVENT])).sign()),
        ("I1 events a text", good().claim("events", EVENT).sign()),
        ("I1 another event", good().claim("events", json!({"https://e": {}})).sign()),
        ("I1 the event a text", good().claim("events", json!({EVENT: "{}"})).sign()),
        ("I1 the event null", good().claim("events", json!({EVENT: null})).sign()),
        ("I1 neither sid nor sub", good().without("sid").without("sub").sign()),
        ("I1 empty sid and sub", good().claim("sid", "").claim("sub", "").sign()),
        ("I1 sub a number", good().claim("sub", 7).sign()),
        ("I1 wrong aud", good().claim("aud", "other").sign()),
        ("I1 aud of the API", good().claim("aud", "https://api.example.com").sign()),
        ("I1 aud empty", good().claim("aud", json!([])).sign()),
        ("I1 without aud", good().without("aud").sign()),
        ("I1 wrong iss", good().claim("iss", "https://id.example.com/realms/corp/").sign()),
        ("I1 without iss", good().without("iss").sign()),
        ("I1 iss of another of ours", good().claim("iss", FETCHED).sign()),
        ("I1 expired", good().claim("iat", now() - 300).claim("exp", now() - 120).sign()),
        ("I1 without exp", good().without("exp").sign()),
        ("I1 without iat", good().without("iat").sign()),
        ("I1 iat a text", good().claim("iat", now().to_string()).sign()),
        ("I1 from the future", good().claim("iat", now() + 300).claim("exp", now() + 400).sign()),
        ("I1 not valid yet", good().claim("nbf", now() + 300).sign()),
        ("I1 from the far past", good().claim("iat", 1).claim("exp", now() + 120).sign()),
        ("I1 older than may be", good().claim("iat", now() - 1300).claim("exp", now() + 120).sign()),
        ("I1 an end that is no time", good().claim("exp", 1e300).sign()),
        ("I1 without jti", good().without("jti").sign()),
        ("I1 jti empty", good().claim("jti", "").sign()),
        ("I1 an access token", good().head("typ", "at+jwt").sign()),
        ("I1 a security event", good().head("typ", "secevent+jwt").sign()),
        ("I1 typ a number", good().head("typ", 7).sign()),
        ("I1 alg none", good().alg("none").with_signature("")),
        ("I1 alg HS256", good().alg("HS256").with_signature("x")),
        ("I1 alg that is not allowed", logout(&mint.p384).claim("sid", sid.clone()).sign()),
        ("I1 a stranger's key", logout(&mint.stranger).claim("sid", sid.clone()).sign()),
        ("I1 an impostor's key", logout(&mint.impostor).claim("sid", sid.clone()).sign()),
        ("I1 another issuer's key", logout(&mint.partner).claim("sid", sid.clone()).sign()),
        ("I1 crit", good().head("crit", json!(["x"])).sign()),
        ("I1 a claim twice", good().sign_payload(|text| text.replacen('{', "{\"iss\":\"x\",", 1).into_bytes())),
        ("I1 no JSON", good().sign_payload(|_| b"[]".to_vec())),
        ("I1 no token", "x".into()),
        ("I1 nothing", String::new()),
        ("I1 a string beyond all", good().claim("sid", "s".repeat(5000)).sign()),
    ];
    for (name, token) in &bad {
        let answer = world.logout(LOGOUT, token);
        rows.is(name, &answer, 400);
        let error = answer.json().and_then(|body| body["error"].as_str().map(str::to_owned));
        rows.same(name, error.as_deref().unwrap_or_default(), "invalid_request");
        let told = String::from_utf8_lossy(&answer.body).into_owned();
        rows.same(name, if told.contains(sid.as_str()) { "told" } else { "untold" }, "untold");
    }
    let form = |body: &str, kind: &str| world.post(LOGOUT, kind, body);
    let token = good().sign();
    rows.is("I1 JSON", &form(&json!({"logout_token": token}).to_string(), "application/json"), 400);
    rows.is("I1 a form by another name", &form(&format!("logout_token={token}"), "text/plain"), 400);
    rows.is("I1 twice", &form(&format!("logout_token={token}&logout_token={token}"), FORM), 400);
    rows.is("I1 another field", &form(&format!("token={token}"), FORM), 400);
    rows.is("I1 bytes that are no text", &form("logout_token=%ff%fe", FORM), 400);
    rows.same("I1 after all of them", &world.asks(&held), "admitted");
    let refused = world.counted("logout", "refused");
    rows.same("I1 all are counted", &refused.to_string(), &(bad.len() + 5).to_string());
    rows.is("I1+ the twin that must pass", &form(&format!("x=1&logout_token={token}&y"), FORM), 200);
    rows.same("I1+ the session is over", &world.asks(&held), "session_revoked");
    let log = world.gateway.log();
    assert!(!log.contains(&token) && !log.contains(&sid) && !log.contains("logout_token"), "{log}");
    rows.finish();
}

#[test]
fn a_logout_is_enforced_by_the_very_next_request() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    // A session, and no other of the same user.
    let (first, sid, sub) = access(mint.ec.token());
    let other = mint.rsa.token().claim("sub", sub.clone()).sign();
    rows.same("before", &world.asks(&first), "admitted");
    let token = logout(&mint.rsa).claim("sid", sid.clone()).claim("sub", sub.clone()).sign();
    let began = Instant::now();
    rows.is("a session", &world.logout(LOGOUT, &token), 200);
    rows.same("the next request", &world.asks(&first), "session_revoked");
    println!("logout to refusal, two connections with their handshakes: {:?}", began.elapsed());
    rows.same("another session of the user", &world.asks(&other), "admitted");
    // Again: nothing changes, and the answer is the same.
    rows.is("a replay", &world.logout(LOGOUT, &token), 200);
    rows.same("is counted", &world.counted("logout", "repeated").to_string(), "1");
    // All sessions of a user, up to the logout; who signs in after it is let in.
    let all = logout(&mint.ec).without("sid").claim("sub", sub.clone()).claim("aud", json!(["x", "app"]));
    rows.is("a subject", &world.logout(LOGOUT, &all.sign()), 200);
    rows.same("all sessions", &world.asks(&other), "subject_revoked");
    let later = mint.ec.token().claim("sub", sub.clone()).claim("iat", now() + 2).claim("auth_time", now() + 2);
    rows.same("signed in again", &world.asks(&later.sign()), "admitted");
    // Out of order: an older logout takes nothing back.
    let older = logout(&mint.ec).without("sid").claim("sub", sub.clone()).claim("iat", now() - 100);
    rows.is("an older one", &world.logout(LOGOUT, &older.sign()), 200);
    rows.same("still", &world.asks(&other), "subject_revoked");
    // Types of older providers.
    for (name, token) in [
        ("JWT", logout(&mint.ec).head("typ", "JWT")),
        ("none", logout(&mint.ec).headless("typ")),
        ("application/LOGOUT+JWT", logout(&mint.ec).head("typ", "application/LOGOUT+JWT")),
    ] {
        rows.is(name, &world.logout(LOGOUT, &token.sign()), 200);
    }
    let metrics = world.gateway.admin("/metrics").1;
    assert!(metrics.contains("curfew_revocation_apply_lag_seconds_bucket{le=\"1.0\",source=\"logout\"}"), "{metrics}");
    assert!(metrics.contains("curfew_revocation_event_duration_seconds_count{source=\"logout\"}"), "{metrics}");
    rows.finish();
}

#[test]
fn strict_sources_end_subjects_and_take_one_type() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let (held, _, sub) = access(mint.ec.token());
    let strict = "/elsewhere/logout";
    let good = || logout(&mint.ec).claim("sub", sub.clone());
    rows.is("typ JWT", &world.logout(strict, &good().head("typ", "JWT").sign()), 400);
    rows.is("no typ", &world.logout(strict, &good().headless("typ").sign()), 400);
    rows.is("a long life", &world.logout(strict, &good().claim("iat", now() - 130).sign()), 400);
    rows.is("a client of another source", &world.logout(strict, &good().claim("aud", "app").sign()), 400);
    rows.same("before", &world.asks(&held), "admitted");
    rows.is("good", &world.logout(strict, &good().sign()), 200);
    rows.same("the session was another's, the user the same", &world.asks(&held), "subject_revoked");
    rows.finish();
}

/// A key that appears with a rotation is fetched once; a provider whose keys are gone is told to try again.
#[test]
fn keys_are_had_as_the_line_has_them() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let path = "/.curfew/events/lax";
    let of = |key| logout(key).claim("iss", FETCHED);
    let (held, sid, _) = access(mint.rsa.token().claim("iss", FETCHED));
    rows.same("before", &world.asks(&held), "admitted");
    rows.is("unknown", &world.logout(path, &of(&mint.ec).claim("sid", sid.clone()).sign()), 400);
    world.provider.put("/jwks", set(&[&mint.rsa, &mint.ec]).to_string());
    std::thread::sleep(std::time::Duration::from_millis(1100)); // the cool-down of unknown keys
    let fetched = world.provider.fetched("/jwks");
    rows.is("rotated in", &world.logout(path, &of(&mint.ec).claim("sid", sid).without("exp").sign()), 200);
    rows.same("fetched once", &(world.provider.fetched("/jwks") - fetched).to_string(), "1");
    rows.same("enforced", &world.asks(&held), "session_revoked");
    rows.finish();
}

/// What could not be kept is not acknowledged, so that the provider tries again.
#[test]
fn what_is_not_kept_is_not_acknowledged() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let path = "/.curfew/events/narrow";
    rows.is("the first", &world.logout(path, &logout(&mint.ec).sign()), 200);
    let second = logout(&mint.ec).sign();
    let answer = world.logout(path, &second);
    rows.is("over the bound", &answer, 503);
    rows.same("try again", answer.header("retry-after").unwrap_or_default(), "5");
    rows.is("again: not as a replay", &world.logout(path, &second), 503);
    rows.same("it is counted", &world.counted("narrow", "failed").to_string(), "2");
    rows.finish();
}
