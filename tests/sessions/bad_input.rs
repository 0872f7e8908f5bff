//! Claims of sessions as nobody should write them, and clients that try to live longer by them: over real sockets, each
//! beside what must pass. Floods of wishes for more time are in `warned`, millions of sessions in `tests/properties`.

use crate::support::answer::Answer;
use crate::support::config::{Changes, World};
use crate::support::mint::{CORP, LEGACY, Mint, Token, now, unique};
use crate::support::raw;
use crate::support::table::{get, with};
use crate::world::pause;
use std::time::Duration;

const POLICIES: &str = r#"  idle: { session: { idle: 2s } }
  whole: { session: { absolute: 1h } }
"#;

const ROUTES: &str = r#"  - { name: idle, path: "/idle/**", policy: idle, upstream: echo, token: { cookie: session } }
  - { name: polled, path: "/polled/**", policy: idle, activity: none, upstream: echo }
  - { name: whole, path: "/whole/**", policy: whole, upstream: echo }
"#;

fn start() -> World {
    World::start_with(&Changes { policies: POLICIES, routes: ROUTES, ..Changes::default() })
}

/// Of an issuer without leeway, issued now.
fn token() -> Token<'static> {
    Mint::get().legacy.token().claim("iss", LEGACY).claim("iat", now())
}

/// The same of another issuer.
fn of_corp() -> Token<'static> {
    Mint::get().ec.token().claim("iss", CORP).claim("iat", now())
}

fn send(world: &World, request: &[u8]) -> Answer {
    raw::ask(&mut world.h1().open().unwrap(), request, Duration::ZERO).unwrap()
}

/// The reason of a refusal, or that it was admitted.
fn told(world: &World, path: &str, token: &Token<'_>) -> String {
    said(&send(world, &get(path, &token.sign())))
}

fn said(answer: &Answer) -> String {
    if answer.status == 200 { "admitted".to_owned() } else { answer.reason().unwrap_or_else(|| answer.brief()) }
}

/// Every claim that a session hangs on, missing, of another type, too large, and at odds with the others.
#[test]
fn claims_as_nobody_should_write_them() {
    let world = start();
    let (at, huge) = (now(), "s".repeat(3_000));
    let rows = [
        ("no session claim: by user, client and sign-in", token().without("sid"), "admitted"),
        ("an empty session claim: the same", token().claim("sid", ""), "admitted"),
        ("no session claim, no user", token().without("sid").without("sub"), "session_unidentified"),
        ("no session claim, no client", token().without("sid").without("client_id"), "session_unidentified"),
        ("a huge session claim", token().claim("sid", huge.as_str()), "admitted"),
        ("a session claim larger than any token", token().claim("sid", "s".repeat(9_000)), "token_too_large"),
        ("a number", token().claim("sid", 17), "admitted"),
        ("a negative number", token().claim("sid", -1), "admitted"),
        ("null", token().claim("sid", serde_json::Value::Null), "claims_malformed"),
        ("true", token().claim("sid", true), "claims_malformed"),
        ("a list", token().claim("sid", vec!["a"]), "claims_malformed"),
        ("an object", token().claim("sid", serde_json::json!({"a": 1})), "claims_malformed"),
        ("auth_time in the past", token().claim("auth_time", at), "admitted"),
        ("auth_time in the future", token().claim("auth_time", at + 300), "claims_malformed"),
        ("auth_time as a string", token().claim("auth_time", at.to_string()), "claims_malformed"),
        ("auth_time as null", token().claim("auth_time", serde_json::Value::Null), "claims_malformed"),
        ("auth_time before 1970", token().claim("auth_time", -1), "claims_malformed"),
        ("auth_time beyond all numbers", token().claim("auth_time", 1e300), "claims_malformed"),
        ("auth_time later than iat", token().claim("iat", at - 20).claim("auth_time", at), "claims_malformed"),
    ];
    let mut wrong = Vec::new();
    for (name, token, wanted) in &rows {
        for path in ["/idle/1", "/whole/1"] {
            let told = told(&world, path, token);
            if told != *wanted {
                wrong.push(format!("{name} at {path}: {told}, not {wanted}"));
            }
        }
    }
    println!("{} rows, each under an idle and an absolute limit", rows.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A number is its text; and what two issuers call the same is not the same.
#[test]
fn sessions_of_one_name() {
    let world = start();
    let both = || (token().claim("sid", 4_711), of_corp().claim("sid", "4711"));
    let (ours, theirs) = both();
    assert_eq!(told(&world, "/idle/1", &ours), "admitted");
    assert_eq!(told(&world, "/idle/1", &theirs), "admitted");
    for _ in 0..2 {
        pause(1_200);
        assert_eq!(told(&world, "/idle/1", &both().1), "admitted");
    }
    // That of the one was left alone, though that of the other was not.
    assert_eq!(told(&world, "/idle/1", &both().0), "session_idle_timeout");
    assert_eq!(told(&world, "/idle/1", &token().claim("sid", "4711")), "session_idle_timeout");
    assert_eq!(told(&world, "/idle/1", &both().1), "admitted");
    assert_eq!(told(&world, "/idle/1", &token().claim("sid", 4_712)), "admitted");
    let metrics = world.gateway.admin("/metrics").1;
    assert!(metrics.contains("curfew_sessions 3.0\n"), "{metrics}");
}

/// Two tokens by turns are one session: it lives by either and ends for both, and turns revive nothing.
#[test]
fn two_tokens_by_turns() {
    let world = start();
    let signed_in = now() - 60;
    let sid = unique("session");
    let of = |signed_in: i64| token().claim("sid", sid.clone()).claim("auth_time", signed_in);
    let two = [of(signed_in), of(signed_in).claim("iat", now() - 30)];
    for turn in 0..4 {
        assert_eq!(told(&world, "/idle/1", &two[turn % 2]), "admitted", "turn {turn}");
        pause(1_200);
    }
    // A sign-in is dated in whole seconds: what ended ended longer ago than that.
    pause(2_200);
    for turn in 0..6 {
        assert_eq!(told(&world, "/idle/1", &two[turn % 2]), "session_idle_timeout", "turn {turn}");
    }
    // One of an earlier sign-in beside one of a newer: the newer one lives, and lends the earlier one nothing.
    let newer = of(now());
    for turn in 0..6 {
        assert_eq!(told(&world, "/idle/1", &newer), "admitted", "turn {turn}");
        assert_eq!(told(&world, "/idle/1", &two[turn % 2]), "session_idle_timeout", "turn {turn}");
    }
}

/// A cookie and a header that name different sessions: neither is believed, and neither is used.
#[test]
fn two_sessions_in_one_request() {
    let world = start();
    let (header, cookie) = (token(), token());
    let jar = format!("session={}", cookie.sign());
    let bearer = format!("Bearer {}", header.sign());
    assert_eq!(said(&send(&world, &with("/idle/1", &[("Cookie", &jar)]))), "admitted");
    assert_eq!(said(&send(&world, &with("/idle/1", &[("Authorization", &bearer)]))), "admitted");
    for _ in 0..5 {
        pause(450);
        let both = with("/idle/1", &[("Cookie", &jar), ("Authorization", &bearer)]);
        let answer = send(&world, &both);
        assert_eq!((answer.status, said(&answer).as_str()), (400, "multiple_credentials"));
    }
    assert_eq!(told(&world, "/polled/1", &header), "session_idle_timeout");
    assert_eq!(told(&world, "/polled/1", &cookie), "session_idle_timeout");
}
