//! What providers tell: logout tokens, pushes, commands and signals, good and bad, about marked users.

use crate::support::config::HOST;
use crate::support::mint::{CORP, Key, LEGACY, Mint, PARTNER, Token, now, unique};
use crate::support::raw::ask;
use crate::world::World;
use serde_json::{Value, json};
use std::time::Duration;

const COMMANDS: &str = "https://api.example.com/.curfew/events/commands";

fn made<'a>(key: &'a Key, typ: &str, claims: &Value) -> Token<'a> {
    let mut token = key.token().head("typ", typ);
    token.claims = claims.as_object().unwrap().clone();
    token
}

/// How each was answered.
pub fn send_all(world: &World) -> Vec<u16> {
    let (marks, mint) = (&world.marks, Mint::get());
    let (sub, sid) = (marks.of("subject-of-event"), marks.of("session-of-event"));
    let logout = made(
        &mint.ec,
        "logout+jwt",
        &json!({"iss": CORP, "aud": "shop", "iat": now(), "exp": now() + 120, "jti": unique("logout"), "sid": sid, "sub": sub,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
    );
    let push = made(
        &mint.legacy,
        "JWT",
        &json!({"id": unique("action"), "expiration": now() + 30, "resource": "gateway", "action": "LOGOUT",
            "adapterSessionIds": [marks.of("adapter-session")], "keycloakSessionIds": [sid]}),
    );
    let command = made(
        &mint.partner,
        "global-token-revocation+jwt",
        &json!({"iss": PARTNER, "sub": "okta", "aud": COMMANDS, "iat": now(), "exp": now() + 120, "jti": unique("command")}),
    );
    let signal = made(
        &mint.ec,
        "secevent+jwt",
        &json!({"iss": CORP, "aud": "https://api.example.com/ssf", "iat": now(), "jti": unique("set"),
            "sub_id": {"format": "iss_sub", "iss": CORP, "sub": sub}, "txn": marks.of("transaction"),
            "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked":
                {"reason_admin": {"en": marks.of("reason-admin")}}}}),
    );
    let (form, text, sets, plain) =
        ("application/x-www-form-urlencoded", "text/plain", "application/secevent+jwt", "application/json");
    let ssf = format!("Authorization: {}\r\n", marks.of("ssf-auth"));
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let about = json!({"sub_id": {"format": "iss_sub", "iss": PARTNER, "sub": sub}}).to_string();
    let mut statuses = Vec::new();
    let mut post = |path: &str, kind: &str, fields: &str, body: &str| {
        let request = format!(
            "POST /.curfew/events/{path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {kind}\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = ask(&mut world.door().open().unwrap(), request.as_bytes(), Duration::ZERO).unwrap();
        statuses.push(answer.status);
    };
    let token = |token: &Token<'_>| marks.token(token.sign());
    let wrong = marks.of("wrong-credential");
    post("logout", form, "", &format!("logout_token={}", token(&logout)));
    for bad in [
        logout.clone().claim("aud", marks.of("wrong-audience")),
        logout.clone().claim("nonce", marks.of("nonce-claim")),
        logout.clone().claim("exp", now() - 900),
        logout.clone().claim("events", json!({ wrong.as_str(): {} })),
        logout.clone().claim("sub", json!([sub])),
        logout.clone().head("kid", wrong.as_str()),
    ] {
        post("logout", form, "", &format!("logout_token={}", token(&bad)));
    }
    post("logout", form, "", &format!("logout_token={wrong}&{wrong}={wrong}"));
    post("logout", plain, "", &format!("{{\"logout_token\":\"{wrong}\"}}"));
    post("realm/k_logout", text, "", &token(&push));
    post("realm/k_logout", text, "", &token(&push.clone().claim("keycloakSessionIds", json!({ wrong.as_str(): 1 }))));
    post("realm/k_push_not_before", text, "", &token(&push.claim("iss", LEGACY).claim("notBefore", wrong.as_str())));
    post("commands", plain, &bearer(&token(&command)), &about);
    post("commands", plain, &bearer(&wrong), &about);
    post("commands", plain, &bearer(&token(&command.clone().claim("sub", wrong.as_str()))), &about);
    post(
        "commands",
        plain,
        &bearer(&token(&command.claim("jti", unique("command")))),
        &about.replace("iss_sub", &wrong),
    );
    post("commands", plain, &ssf, &format!("{{ {wrong}"));
    post("signals", sets, &ssf, &token(&signal));
    post("signals", sets, &format!("Authorization: {wrong}\r\n"), &token(&signal));
    post("signals", sets, &ssf, &token(&signal.clone().claim("jti", unique("set")).claim("aud", wrong.as_str())));
    post(
        "signals",
        sets,
        &ssf,
        &token(&signal.claim("jti", unique("set")).claim("events", json!({ wrong.as_str(): wrong.as_str() }))),
    );
    post("signals", sets, &ssf, &wrong);
    statuses
}
