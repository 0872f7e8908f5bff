//! The boundary table over sockets, with limits of seconds: each limit is asked without a pause while it passes. What was
//! admitted was sent before the limit, and what was refused was answered after it; so the last of the one and the first of
//! the other stand around it as closely as requests follow each other.

use crate::support::answer::Answer;
use crate::support::config::{Changes, World};
use crate::support::mint::{LEGACY, Mint, unique};
use crate::support::raw;
use crate::support::table::get;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const POLICIES: &str = r#"  age: { token: { max_age: 3s } }
  idle: { session: { idle: 3s } }
  whole: { session: { absolute: 3s } }
  fresh: { step_up: { auth_age: 3s } }
  lifetime: { token: { max_lifetime: 60s } }
"#;

const ROUTES: &str = r#"  - { name: age, path: /age, policy: age, upstream: echo }
  - { name: idle, path: /idle, policy: idle, upstream: echo }
  - { name: polled, path: /polled, policy: idle, activity: none, upstream: echo }
  - { name: whole, path: /whole, policy: whole, upstream: echo }
  - { name: fresh, path: /fresh, policy: fresh, upstream: echo }
  - { name: lifetime, path: /lifetime, policy: lifetime, upstream: echo }
  - { name: plain, path: /plain, upstream: echo }
"#;

/// Our reading of the clock and the gateway's are of one clock, in whole milliseconds.
const ROUNDING: i64 = 2;

fn ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// One answer, and between which instants it was decided.
struct Asked {
    sent: i64,
    answered: i64,
    reason: Option<String>,
}

fn ask(world: &World, path: &str, token: &str) -> Asked {
    let mut conn = world.plain().open().unwrap();
    let sent = ms();
    let answer: Answer = raw::ask(&mut conn, &get(path, token), Duration::ZERO).unwrap();
    let reason = (answer.status != 200).then(|| answer.reason().unwrap_or_default());
    Asked { sent, answered: ms(), reason }
}

/// Times of a token, in seconds; it was issued now, unless they say otherwise.
fn token(now: i64, times: &[(&str, i64)]) -> String {
    let token = Mint::get().legacy.token().claim("iss", LEGACY).claim("sid", unique("session"));
    let token = token.claim("iat", now).claim("auth_time", now).claim("exp", now + 600);
    times.iter().fold(token, |token, (name, at)| token.claim(name, *at)).sign()
}

/// A limit that is passed: between which instants it lies, and what is answered on either side.
struct Limit {
    name: &'static str,
    path: &'static str,
    token: String,
    between: [i64; 2],
    sides: [Option<&'static str>; 2],
}

fn limits(world: &World) -> Vec<Limit> {
    let now = ms() / 1000;
    let limit = |name, path, times: &[(&str, i64)], sides| {
        let at = (now + 3) * 1000;
        Limit { name, path, token: token(now, times), between: [at, at], sides }
    };
    let ends = |reason| [None, Some(reason)];
    let mut idle = limit("session.idle", "/polled", &[], ends("session_idle_timeout"));
    let last = ask(world, "/idle", &idle.token);
    assert_eq!(last.reason, None);
    idle.between = [last.sent + 3000, last.answered + 3000];
    vec![
        idle,
        limit("exp", "/plain", &[("exp", now + 3)], ends("token_expired")),
        limit("nbf", "/plain", &[("nbf", now + 3)], [Some("token_not_yet_valid"), None]),
        limit("token.max_age", "/age", &[], ends("token_too_old")),
        limit("session.absolute", "/whole", &[], ends("session_absolute_timeout")),
        limit("step_up.auth_age", "/fresh", &[], ends("auth_too_old")),
    ]
}

/// Asks until the limit has passed; the last answer before it, and the first after.
fn passed(world: &World, limit: &Limit) -> [Asked; 2] {
    let (mut before, end) = (None, Instant::now() + Duration::from_secs(10));
    while Instant::now() < end {
        let asked = ask(world, limit.path, &limit.token);
        if asked.reason.as_deref() == limit.sides[1] {
            return [before.expect("it was asked before the limit"), asked];
        }
        assert_eq!(asked.reason.as_deref(), limit.sides[0], "{}", limit.name);
        before = Some(asked);
    }
    panic!("{} never passed", limit.name);
}

#[test]
fn boundary_over_sockets() {
    let world = World::start_with(&Changes { policies: POLICIES, routes: ROUTES, ..Changes::default() });
    let limits = limits(&world);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = limits.iter().map(|limit| scope.spawn(|| passed(&world, limit))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    println!("{:<19} {:<35} {:<35}", "limit of 3 s", "the last before it, sent", "the first after it, answered");
    for (limit, [before, after]) in limits.iter().zip(&answers) {
        let told = |asked: &Asked, at: i64| format!("{:>6} ms  {}", at, asked.reason.as_deref().unwrap_or("admitted"));
        let [earliest, latest] = limit.between;
        let (before_by, after_by) = (before.sent - latest, after.answered - earliest);
        println!("{:<19} {:<35} {:<35}", limit.name, told(before, before_by), told(after, after_by));
        assert!(before_by <= ROUNDING && after_by >= -ROUNDING, "{}", limit.name);
    }
    // A span within the token passes with no clock.
    let now = ms() / 1000;
    for (span, wanted) in [(60, None), (61, Some("token_lifetime_excessive"))] {
        let asked = ask(&world, "/lifetime", &token(now, &[("exp", now + span)]));
        println!("token.max_lifetime  60 s: a token of {span} s, {}", asked.reason.as_deref().unwrap_or("admitted"));
        assert_eq!(asked.reason.as_deref(), wanted);
    }
}
