//! What was left alone together does not end together: each session ends earlier by a part of its own, and all that tells
//! of its end tells the same.

use crate::streams::{open, rest};
use crate::support::config::{Changes, HOST, World};
use crate::support::raw;
use crate::support::wait::until;
use crate::world::{Session, ask, bad, good};
use serde_json::Value;
use std::time::{Duration, Instant};

const POLICIES: &str = r#"  spread: { session: { idle: 8s, idle_jitter: 4s, extend: allow } }
"#;

const ROUTES: &str = r#"  - { name: idle, path: "/idle/**", policy: spread, upstream: echo, websocket: true, session_headers: true, timeouts: { between_bytes: off }, relax: { fields: [timeouts.between_bytes], reason: sessions end them } }
  - { name: polled, path: "/polled/**", policy: spread, activity: none, upstream: echo, session_headers: true }
sessions: { door: { route: polled } }
"#;

fn world() -> World {
    World::start_with(&Changes { policies: POLICIES, routes: ROUTES, ..Changes::default() })
}

/// What the header says is left, in whole seconds.
fn left(world: &World, token: &str) -> i64 {
    let answer = ask(world, "/idle/1", token);
    let field = answer.header("curfew-session").unwrap_or_else(|| panic!("{}", answer.brief()));
    assert!(field.contains("reason=idle"), "{field}");
    field.split(", ").find_map(|one| one.strip_prefix("in=")).unwrap().parse().unwrap()
}

fn at_the_door(world: &World, method: &str, path: &str, token: &str) -> Value {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nCurfew-Extend: 1\r\n\
         Content-Length: 0\r\n\r\n"
    );
    raw::ask(&mut world.h1().open().unwrap(), head.as_bytes(), Duration::ZERO).unwrap().json().unwrap()
}

/// The decision, the header, the session door, the list of what is live, and the end of a stream.
#[test]
fn all_that_tells_of_the_end_tells_the_same() {
    let world = world();
    let sessions: Vec<Session> = (0..24).map(|_| Session::begin()).collect();
    let told: Vec<(i64, &Session)> = sessions.iter().map(|one| (left(&world, &one.token()), one)).collect();
    assert!(
        told.iter().all(|(left, _)| (3..=8).contains(left)),
        "{:?}",
        told.iter().map(|one| one.0).collect::<Vec<_>>()
    );
    let (short, hasty) = told.iter().min_by_key(|(left, _)| *left).unwrap();
    let (long, calm) = told.iter().max_by_key(|(left, _)| *left).unwrap();
    assert!(long > short, "of so many, some end later");

    let begun = Instant::now();
    let mut socket = open(&world, &hasty.token());
    good(&world, "/idle/1", &calm.token());
    // Both as new, and just used: within a second they say what they said before.
    for (session, left) in [(hasty, short), (calm, long)] {
        let door = at_the_door(&world, "GET", "/.curfew/session", &session.token());
        let now = door["in"].as_i64().unwrap_or_else(|| panic!("{door}"));
        assert!(door["reason"] == "idle" && (left - 1..=*left).contains(&now), "{left}: {door}");
    }
    let live: Value = serde_json::from_str(&world.gateway.admin("/connections").1).unwrap();
    let at = |name: &str| live["connections"][0][name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let lasts = at("ends").duration_since(at("since")).as_millis();
    assert!((i128::from(*short) * 1000..=i128::from(*short + 1) * 1000 + 100).contains(&lasts), "{short}: {live}");

    // The stream ends with its session, to the millisecond and what the next look takes; the other one goes on.
    let (said, ended) = rest(&mut socket);
    let lived = i128::try_from(ended.duration_since(begun).as_millis()).unwrap();
    println!("told {short} s and {lasts} ms, the socket was closed after {lived} ms");
    assert!(said.ends_with(b"session_idle_timeout") && (lasts - 100..lasts + 1_000).contains(&lived), "{lived}");
    bad(&world, "/polled/1", &hasty.token(), "session_idle_timeout");
    bad(&world, "/idle/1", &hasty.token(), "session_idle_timeout");

    // More time is what is left of the limit, and no more.
    if let Some((left, session)) = told.iter().find(|(left, _)| left == long) {
        let more = at_the_door(&world, "POST", "/.curfew/session/extend", &session.token());
        if more["in"].is_i64() {
            assert_eq!(more["in"], *left, "{more}");
        }
    }
}

/// Those that end one after the other end within their jitter, and none later than the limit.
#[test]
fn none_ends_later() {
    let world = world();
    let sessions: Vec<Session> = (0..8).map(|_| Session::begin()).collect();
    sessions.iter().for_each(|session| good(&world, "/idle/1", &session.token()));
    let last = Instant::now();
    let mut ends = Vec::new();
    let mut alive: Vec<&Session> = sessions.iter().collect();
    until("all have ended", Duration::from_secs(12), || {
        alive.retain(|session| {
            let lives = ask(&world, "/polled/1", &session.token()).status == 200;
            if !lives {
                ends.push(last.elapsed().as_millis());
            }
            lives
        });
        alive.is_empty().then_some(())
    });
    println!("they ended after {ends:?} ms");
    // The first was used a little before the last; being asked takes a little, too.
    assert!(ends[0] > 3_000 && *ends.last().unwrap() < 8_500, "{ends:?}");
    assert!(ends.last().unwrap() - ends[0] > 300, "{ends:?}");
}
