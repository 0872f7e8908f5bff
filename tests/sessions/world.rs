//! A gateway with limits of seconds, and sessions to try them with.

use crate::support::answer::Answer;
use crate::support::config::{Changes, World};
use crate::support::mint::{LEGACY, Mint, now, unique};
use crate::support::raw;
use crate::support::table::get;
use std::time::Duration;

const POLICIES: &str = r#"  idle: { session: { idle: 2s } }
  lax: { session: { idle: 1h } }
  whole: { session: { absolute: 3s } }
  fresh: { step_up: { auth_age: 5s, acr: [gold, silver] } }
"#;

const ROUTES: &str = r#"  - { name: idle, path: "/idle/**", policy: idle, upstream: echo, websocket: true, timeouts: { between_bytes: off }, relax: { fields: [timeouts.between_bytes], reason: sessions end them } }
  - { name: polled, path: "/polled/**", policy: idle, activity: none, upstream: echo, timeouts: { between_bytes: off }, relax: { fields: [timeouts.between_bytes], reason: sessions end them } }
  - { name: idle-grpc, path: "/grpc/**", policy: idle, upstream: grpc, timeouts: { between_bytes: off }, relax: { fields: [timeouts.between_bytes], reason: sessions end them } }
  - { name: lax, path: "/lax/**", policy: lax, upstream: echo }
  - { name: unlimited, path: "/unlimited/**", upstream: echo }
  - { name: whole, path: "/whole/**", policy: whole, upstream: echo, timeouts: { between_bytes: off }, relax: { fields: [timeouts.between_bytes], reason: sessions end them } }
  - { name: fresh, path: "/fresh/**", policy: fresh, upstream: echo }
"#;

pub fn start() -> World {
    World::start_with(&Changes { policies: POLICIES, routes: ROUTES, grpc: true, ..Changes::default() })
}

/// A session, and the tokens its user is given. Their issuer is one without leeway.
pub struct Session {
    sid: String,
    auth_time: i64,
}

impl Session {
    /// Signed in right now.
    pub fn begin() -> Self {
        Self { sid: unique("session"), auth_time: now() }
    }

    /// Signed in so many seconds ago.
    pub fn begun(ago: i64) -> Self {
        Self { sid: unique("session"), auth_time: now() - ago }
    }

    /// Its name, which nobody is told.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Signed in once more, under the same name.
    pub fn signed_in_again(&self) -> Self {
        Self { sid: self.sid.clone(), auth_time: now() }
    }

    /// A token of now.
    pub fn token(&self) -> String {
        self.token_of("gold")
    }

    pub fn token_of(&self, acr: &str) -> String {
        let token = Mint::get().legacy.token().claim("iss", LEGACY).claim("sid", self.sid.clone());
        token.claim("iat", now()).claim("auth_time", self.auth_time).claim("acr", acr).sign()
    }

    /// The same without `auth_time`.
    pub fn undated(&self) -> String {
        let token = Mint::get().legacy.token().claim("iss", LEGACY).claim("sid", self.sid.clone());
        token.claim("iat", now()).sign()
    }
}

/// The answer to one request.
pub fn ask(world: &World, path: &str, token: &str) -> Answer {
    raw::ask(&mut world.h1().open().unwrap(), &get(path, token), Duration::ZERO).unwrap()
}

/// It is admitted.
pub fn good(world: &World, path: &str, token: &str) {
    let answer = ask(world, path, token);
    assert_eq!(answer.status, 200, "{path}: {}", answer.brief());
}

/// It is refused, for this reason.
pub fn bad(world: &World, path: &str, token: &str, reason: &str) -> Answer {
    let answer = ask(world, path, token);
    assert_eq!((answer.status, answer.reason().as_deref()), (401, Some(reason)), "{path}: {}", answer.brief());
    answer
}

pub fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}
