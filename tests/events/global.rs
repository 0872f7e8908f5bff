//! Global Token Revocation (draft-parecki-oauth-global-token-revocation-05; §14 and §24 I6 of the standards).

use crate::support::answer::Answer;
use crate::support::mint::{CORP, Key, Mint, PARTNER, Token, now, unique};
use crate::world::{COMMANDS, Rows, World, access, post};
use serde_json::{Value, json};

const PATH: &str = "/.curfew/events/commands";
const JSON: &str = "application/json";

/// The token by which a provider commands.
pub fn command(key: &Key) -> Token<'_> {
    let mut token = key.token().head("typ", "global-token-revocation+jwt");
    token.claims.clear();
    let claims = json!({"iss": PARTNER, "sub": "okta", "aud": COMMANDS, "iat": now(), "nbf": now(), "exp": now() + 120,
        "jti": unique("command")});
    claims.as_object().unwrap().iter().fold(token, |token, (name, value)| token.claim(name, value.clone()))
}

pub fn send(world: &World, path: &str, token: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    world.send(post(path, &[("Authorization", &bearer), ("Content-Type", JSON)], body))
}

pub fn about(sub: &str) -> String {
    json!({"sub_id": {"format": "iss_sub", "iss": PARTNER, "sub": sub}}).to_string()
}

#[test]
fn only_the_provider_commands_and_only_about_its_own() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let (held, _, sub) = access(mint.partner.token().claim("iss", PARTNER));
    let good = || command(&mint.partner);
    let body = about(&sub);
    rows.is("I6 without a token", &world.post(PATH, JSON, &body), 401);
    for (name, token) in [
        ("I6 an access token of a user", mint.partner.token().claim("iss", PARTNER)),
        ("I6 meant for another", good().claim("aud", "https://api.example.com")),
        ("I6 another issuer", good().claim("iss", CORP)),
        ("I6 another issuer's key", command(&mint.ec)),
        ("I6 expired", good().claim("iat", now() - 300).claim("exp", now() - 120)),
        ("I6 without exp", good().without("exp")),
        ("I6 too old", good().claim("iat", now() - 700)),
        ("I6 of the future", good().claim("iat", now() + 300).claim("exp", now() + 400)),
        ("I6 without jti", good().without("jti")),
        ("I6 a logout token", good().head("typ", "logout+jwt")),
        (
            "I6 an access token for us too",
            good().head("typ", "JWT").claim("aud", json!([COMMANDS, "https://api.example.com"])),
        ),
        (
            "I6 of no type, for us too",
            good().headless("typ").claim("aud", json!(["https://api.example.com", COMMANDS])),
        ),
        ("I6 with a scope", good().head("typ", "JWT").claim("scope", "read")),
        ("I6 of a client", good().head("typ", "JWT").claim("client_id", "shop")),
        ("I6 of a party", good().head("typ", "JWT").claim("azp", "shop")),
        ("I6 of a sign-in", good().head("typ", "JWT").claim("auth_time", now())),
        ("I6 an ID token", good().head("typ", "JWT").claim("nonce", "n")),
    ] {
        let answer = send(&world, PATH, &token.sign(), &body);
        rows.is(name, &answer, 401);
        rows.same(name, answer.header("www-authenticate").unwrap_or_default(), "Bearer error=\"invalid_token\"");
    }
    // Keys were looked for just now, for another one: whether this one was published since cannot be told.
    rows.is("I6 a stranger's key", &send(&world, PATH, &command(&mint.stranger).sign(), &body), 503);
    let twice = [("Authorization", "Bearer x"), ("Authorization", "Bearer y"), ("Content-Type", JSON)];
    rows.is("I6 two credentials", &world.send(post(PATH, &twice, &body)), 401);
    rows.is("I6 another caller", &send(&world, PATH, &good().claim("sub", "shop").sign(), &body), 403);
    let theirs = json!({"sub_id": {"format": "iss_sub", "iss": CORP, "sub": sub}}).to_string();
    rows.is("I6 a user of another issuer", &send(&world, PATH, &good().sign(), &theirs), 403);
    for (name, body) in [
        ("nothing", String::new()),
        ("no object", "[]".into()),
        ("no subject", "{}".into()),
        ("a subject that is a text", json!({"sub_id": sub}).to_string()),
        ("no format", json!({"sub_id": {"iss": PARTNER, "sub": sub}}).to_string()),
        ("an unknown format", json!({"sub_id": {"format": "planet", "id": sub}}).to_string()),
        ("no iss", json!({"sub_id": {"format": "iss_sub", "sub": sub}}).to_string()),
        ("no sub", json!({"sub_id": {"format": "iss_sub", "iss": PARTNER}}).to_string()),
        ("an empty sub", about("")),
        ("a member twice", r#"{"sub_id":{"format":"iss_sub"},"sub_id":{}}"#.into()),
        ("an email that no token names", json!({"sub_id": {"format": "email", "email": "a@b.example"}}).to_string()),
        ("an opaque id", json!({"sub_id": {"format": "opaque", "id": sub}}).to_string()),
    ] {
        rows.is(name, &send(&world, PATH, &good().sign(), &body), 400);
    }
    rows.same("unmatchable", &world.counted("commands", "unmatchable").to_string(), "2");
    let bearer = format!("Bearer {}", good().sign());
    let form = post(PATH, &[("Authorization", &bearer), ("Content-Type", "text/json")], &body);
    rows.is("another type", &world.send(form), 415);
    rows.same("after all of them", &world.asks(&held), "admitted");
    rows.is("the twin that must pass", &send(&world, PATH, &good().sign(), &body), 204);
    rows.same("everything of the user", &world.asks(&held), "subject_revoked");
    rows.is("nobody is told who is there", &send(&world, PATH, &good().sign(), &about("nobody")), 204);
    rows.finish();
}

#[test]
fn a_token_commands_once_and_opaque_ids_are_what_the_config_says() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let (first, second) = (unique("sub"), unique("sub"));
    let token = command(&mint.partner).sign();
    rows.is("once", &send(&world, PATH, &token, &about(&first)), 204);
    rows.is("the same again", &send(&world, PATH, &token, &about(&first)), 204);
    rows.is("something else", &send(&world, PATH, &token, &about(&second)), 401);
    let (held, sid, sub) = access(mint.ec.token());
    let good = || command(&mint.ec).claim("iss", CORP);
    let path = "/.curfew/events/opaque";
    let opaque = |id: &str| json!({"sub_id": {"format": "opaque", "id": id}}).to_string();
    rows.is("strict about its type", &send(&world, path, &good().head("typ", "JWT").sign(), &opaque(&sid)), 401);
    rows.is(
        "no id",
        &send(&world, path, &good().sign(), &json!({"sub_id": {"format": "opaque", "id": Value::Null}}).to_string()),
        400,
    );
    rows.is("no such session", &send(&world, path, &good().sign(), &opaque(&sub)), 204);
    rows.same("no such session", &world.asks(&held), "admitted");
    rows.is("a session", &send(&world, path, &good().sign(), &opaque(&sid)), 204);
    rows.same("a session", &world.asks(&held), "session_revoked");
    rows.finish();
}
