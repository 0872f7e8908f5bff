//! Warned in time: responses that tell when the session ends, and the door at which an app asks, and asks for more time.

use crate::support::answer::Answer;
use crate::support::config::{Changes, HOST, World};
use crate::support::raw;
use crate::world::{Session, bad, good, pause};
use serde_json::Value;
use std::time::Duration;

const POLICIES: &str = r#"  told: { session: { idle: 4s, absolute: 1h, warn_before: 2s, extend: allow } }
  short: { session: { idle: 30s, absolute: 61s, warn_before: 45s } }
"#;

const ROUTES: &str = r#"  - { name: told, path: "/told/**", policy: told, upstream: echo, session_headers: true }
  - { name: polled, path: "/polled/**", policy: told, upstream: echo, session_headers: true, activity: none }
  - { name: short, path: "/short/**", policy: short, upstream: echo, session_headers: true }
  - { name: silent, path: "/silent/**", policy: told, upstream: echo }
sessions: { door: { route: told, origins: ["https://app.example.com"] } }
"#;

fn start() -> World {
    World::start_with(&Changes { policies: POLICIES, routes: ROUTES, ..Changes::default() })
}

fn send(world: &World, method: &str, path: &str, token: &str, fields: &[(&str, &str)]) -> Answer {
    let more: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let token = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n{token}{more}\r\n");
    raw::ask(&mut world.h1().open().unwrap(), head.as_bytes(), Duration::ZERO).unwrap()
}

fn told(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.brief());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json().unwrap()
}

fn refused(answer: &Answer, status: u16, reason: &str) {
    assert_eq!((answer.status, answer.reason().as_deref()), (status, Some(reason)), "{}", answer.brief());
}

/// A dictionary's member, as it is written.
fn member<'a>(field: &'a str, name: &str) -> &'a str {
    field.split(", ").find_map(|one| one.strip_prefix(name)?.strip_prefix('=')).unwrap_or_else(|| panic!("{field}"))
}

#[test]
fn responses_tell_when_the_session_ends() {
    let world = start();
    let session = Session::begin();
    let token = session.token();
    let answer = send(&world, "GET", "/told/1", &token, &[]);
    let field = answer.header("curfew-session").unwrap();
    assert_eq!((member(field, "reason"), member(field, "extendable")), ("idle", "?1"), "{field}");
    assert!(["4", "3"].contains(&member(field, "in")), "{field}");
    let ends: i64 = member(field, "ends").strip_prefix('@').unwrap().parse().unwrap();
    assert!((3..=5).contains(&(ends - crate::support::mint::now())), "{field}");
    assert_eq!(answer.header("curfew-session-warning"), None);
    pause(2_200);
    // What shows no user leaves what is left; what is left is now less than `warn_before`.
    let answer = send(&world, "GET", "/polled/1", &token, &[]);
    assert_eq!(answer.header("curfew-session-warning"), answer.header("curfew-session"), "{}", answer.brief());
    assert_eq!(member(answer.header("curfew-session-warning").unwrap(), "in"), "1");
    // Neither a route that does not say so, nor a refusal, tells anything.
    for answer in [send(&world, "GET", "/silent/1", &token, &[]), send(&world, "GET", "/told/1", "", &[])] {
        assert_eq!(answer.all("curfew-session").len(), 0, "{}", answer.brief());
    }
}

#[test]
fn the_door_tells_and_is_no_activity() {
    let world = start();
    let session = Session::begin();
    let token = session.token();
    good(&world, "/told/1", &token);
    let first = told(&send(&world, "GET", "/.curfew/session", &token, &[]));
    assert_eq!(
        (&first["reason"], &first["extendable"], &first["warn_before"]),
        (&"idle".into(), &true.into(), &2.into())
    );
    let reasons: Vec<&str> = first["limits"].as_array().unwrap().iter().filter_map(|l| l["reason"].as_str()).collect();
    assert!(reasons.first() == Some(&"idle") && reasons.contains(&"absolute") && reasons.contains(&"token"), "{first}");
    for _ in 0..4 {
        pause(1_100);
        send(&world, "GET", "/.curfew/session", &token, &[]);
    }
    refused(&send(&world, "GET", "/.curfew/session", &token, &[]), 401, "session_idle_timeout");
    refused(
        &send(&world, "POST", "/.curfew/session/extend", &token, &[("Curfew-Extend", "1")]),
        401,
        "session_idle_timeout",
    );
    bad(&world, "/told/1", &session.token(), "session_idle_timeout");
    refused(&send(&world, "GET", "/.curfew/session", "", &[]), 401, "token_missing");
    refused(&send(&world, "DELETE", "/.curfew/session", &token, &[]), 405, "method_not_allowed");
}

#[test]
fn more_time_is_an_activity() {
    let world = start();
    let session = Session::begin();
    let token = session.token();
    good(&world, "/told/1", &token);
    for _ in 0..3 {
        pause(2_200);
        let now = told(&send(&world, "POST", "/.curfew/session/extend", &token, &[("Curfew-Extend", "1")]));
        assert_eq!(now["in"], 4, "{now}");
    }
    good(&world, "/told/1", &token);
}

#[test]
fn no_other_site_asks_for_more_time() {
    let world = start();
    let token = Session::begin().token();
    let extend = |fields: &[(&str, &str)]| send(&world, "POST", "/.curfew/session/extend", &token, fields);
    let mark = ("Curfew-Extend", "1");
    let own = format!("https://{HOST}");
    for fields in [
        &[][..],
        &[("Origin", "https://evil.example"), mark],
        &[("Origin", "null"), mark],
        &[("Origin", own.as_str()), ("Origin", "https://evil.example")],
        &[("Origin", "https://app.example.com.evil.example")],
        &[mark, ("Sec-Fetch-Site", "cross-site")],
        &[mark, ("Sec-Fetch-Site", "same-site")],
    ] {
        refused(&extend(fields), 403, "cross_site");
    }
    let same = extend(&[("Origin", own.as_str())]);
    assert_eq!((same.status, same.header("access-control-allow-origin")), (200, None), "{}", same.brief());
    let app = extend(&[("Origin", "https://app.example.com")]);
    assert_eq!((app.status, app.header("access-control-allow-origin")), (200, Some("https://app.example.com")));
    let evil = send(&world, "GET", "/.curfew/session", &token, &[("Origin", "https://evil.example")]);
    assert_eq!(evil.header("access-control-allow-origin"), None);
    let asked = send(&world, "OPTIONS", "/.curfew/session/extend", "", &[("Origin", "https://app.example.com")]);
    assert_eq!((asked.status, asked.header("access-control-allow-methods")), (204, Some("POST")), "{}", asked.brief());
    assert_eq!(asked.header("access-control-allow-credentials"), Some("true"));
    refused(
        &send(&world, "OPTIONS", "/.curfew/session/extend", "", &[("Origin", "https://evil.example")]),
        405,
        "method_not_allowed",
    );
}

/// Floods are refused, each session's by itself; and those who are told to wait do not all wait equally long.
#[test]
fn a_flood_is_refused() {
    let world = start();
    let (flooding, other) = (Session::begin().token(), Session::begin().token());
    let extend = |token: &str| send(&world, "POST", "/.curfew/session/extend", token, &[("Curfew-Extend", "1")]);
    let answers: Vec<Answer> = (0..12).map(|_| extend(&flooding)).collect();
    let refusals: Vec<&Answer> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!((5..=7).contains(&refusals.len()), "{}", refusals.len());
    refusals.iter().for_each(|answer| refused(answer, 429, "rate_limited"));
    let waits: std::collections::BTreeSet<_> = refusals.iter().map(|answer| answer.header("retry-after")).collect();
    assert_eq!(waits.len(), 1, "the same session waits for the same time: {waits:?}");
    assert_eq!(extend(&other).status, 200);
}

#[test]
fn those_who_wait_are_spread() {
    let world = start();
    let waits: std::collections::BTreeSet<u64> = (0..12)
        .map(|_| {
            let token = Session::begin().token();
            let extend = || send(&world, "POST", "/.curfew/session/extend", &token, &[("Curfew-Extend", "1")]);
            let refused = (0..9).map(|_| extend()).find(|answer| answer.status == 429).unwrap();
            refused.header("retry-after").unwrap().parse().unwrap()
        })
        .collect();
    assert!(waits.len() > 1 && waits.iter().all(|wait| (1..=5).contains(wait)), "{waits:?}");
}

#[test]
fn the_script_is_served_to_everybody() {
    let world = start();
    let script = send(&world, "GET", "/.curfew/session.js", "", &[]);
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    assert_eq!(script.header("x-content-type-options"), Some("nosniff"));
    let tag = script.header("etag").unwrap().to_owned();
    let again = send(&world, "GET", "/.curfew/session.js", "", &[("If-None-Match", tag.as_str())]);
    assert_eq!((again.status, again.header("etag")), (304, Some(tag.as_str())), "{}", again.brief());
}
