//! Rules of a policy, from outside: by role, by client, by `acr`, by network; with leave and without.

use crate::support::answer::Answer;
use crate::support::config::{Changes, World};
use crate::support::mint::{LEGACY, Mint, now, unique};
use crate::support::raw;
use crate::support::table::get;
use crate::world::{ask, pause};
use serde_json::json;
use std::time::Duration;

const POLICIES: &str = r#"  ruled:
    token: { max_age: 60s }
    step_up: { acr: [gold, silver] }
    when:
      - { if: { claims: [{ claim: roles, any_of: [admin] }] }, token: { max_age: 20s }, step_up: { acr: [gold] } }
      - { if: { clients: [batch] }, token: { max_age: 1h }, relax: { fields: [token.max_age], reason: jobs } }
      - { if: { networks: [203.0.113.0/24] }, token: { max_age: 5s } }
      - { if: { acr: [silver] }, session: { idle: 1s } }
"#;

const ROUTES: &str = r#"  - { name: ruled, path: "/ruled/**", policy: ruled, upstream: echo }
"#;

fn token(role: &str, client: &str, acr: &str, age: i64) -> String {
    let token = Mint::get().legacy.token().claim("iss", LEGACY).claim("sid", unique("session"));
    let token = token.claim("iat", now() - age).claim("auth_time", now() - age).claim("client_id", client);
    token.claim("roles", json!([role])).claim("acr", acr).sign()
}

/// Told by a load balancer to come from 203.0.113.7.
fn ask_from_afar(world: &World, token: &str) -> Answer {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    bytes.extend([203, 0, 113, 7, 198, 51, 100, 1, 0x0f, 0xa0, 0x01, 0xbb]);
    bytes.extend(get("/ruled/1", token));
    raw::ask(&mut world.proxied().open().unwrap(), &bytes, Duration::ZERO).unwrap()
}

#[test]
fn by_whom_and_from_where() {
    let world = World::start_with(&Changes { policies: POLICIES, routes: ROUTES, ..Changes::default() });
    let rows = [
        ("user", "app", "gold", 30, None),
        ("user", "app", "gold", 70, Some("token_too_old")),
        ("admin", "app", "gold", 10, None),
        ("admin", "app", "gold", 30, Some("token_too_old")),
        ("admin", "app", "silver", 0, Some("acr_insufficient")),
        ("user", "batch", "gold", 300, None),
        ("admin", "batch", "gold", 300, Some("token_too_old")),
    ];
    for (role, client, acr, age, reason) in rows {
        let answer = ask(&world, "/ruled/1", &token(role, client, acr, age));
        assert_eq!(answer.reason().as_deref(), reason, "{role} {client} {acr} {age}: {}", answer.brief());
        if reason == Some("acr_insufficient") {
            let told = answer.header("www-authenticate").unwrap_or_default().to_owned();
            assert!(told.contains("acr_values=\"gold\""), "what this caller needs, and nobody else: {told}");
        }
    }
    let far = |age| ask_from_afar(&world, &token("user", "app", "gold", age)).reason();
    assert_eq!((far(0), far(30).as_deref()), (None, Some("token_too_old")));
    // A limit of sessions that only a rule sets: it is remembered, and ends by it.
    let (silver, gold) = (token("user", "app", "silver", 0), token("user", "app", "gold", 0));
    for token in [&silver, &gold] {
        assert_eq!(ask(&world, "/ruled/1", token).status, 200);
    }
    pause(1_300);
    assert_eq!(ask(&world, "/ruled/1", &silver).reason().as_deref(), Some("session_idle_timeout"));
    assert_eq!(ask(&world, "/ruled/1", &gold).status, 200);
}
