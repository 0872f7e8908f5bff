//! The part of the table that is about time: sessions that end, and what cures each. The rows of a story follow each
//! other; the stories do not wait for one another.

use super::scenario::{Before, GOOD, Scenario, Sends, refused};

/// A session of this name, which its user has just begun.
const fn story(name: &'static str, variable: &'static str, path: &'static str, why: &'static str) -> Scenario {
    Scenario { name, variable, path, why, ..GOOD }
}

const IDLE: &str = "session_idle_timeout";
const ABSOLUTE: &str = "session_absolute_timeout";

#[rustfmt::skip]
const LEFT_ALONE: &[Scenario] = &[
    Scenario { wish: &[("sid", "idle")], path: "/idle", before: Before::Silence,
        ..refused("a session left alone", "IDLE", IDLE, "its token is good for 10 min, but it may be left alone for 2 s") },
    Scenario { wish: &[("refresh", "$IDLE")], path: "/idle",
        ..refused("its token refreshed", "REFRESHED", IDLE, "an end is sticky: a new token of the same sign-in does not revive the session") },
    Scenario { wish: &[("sid", "idle")],
        ..story("its user signed in again", "AGAIN", "/idle", "only a newer sign-in begins it anew") },
];

#[rustfmt::skip]
const BUSY: &[Scenario] = &[
    Scenario { wish: &[("sid", "busy"), ("auth_age", "118")], path: "/whole", before: Before::Activity,
        ..refused("a session that is busy", "BUSY", ABSOLUTE, "it is never left alone; but 1 min (and the issuer's leeway of 60 s) after the sign-in it is over") },
    Scenario { wish: &[("sid", "busy")],
        ..story("its user signed in again", "BUSY_AGAIN", "/whole", "a newer sign-in, a new session") },
];

#[rustfmt::skip]
const STEP_UP: &[Scenario] = &[
    Scenario { wish: &[("sid", "step-up"), ("auth_age", "600"), ("acr", "gold")], path: "/transfer", challenge: "max_age=\"300\"",
        ..refused("a sign-in too long ago", "STALE", "auth_too_old", "the challenge says how recent it has to be (RFC 9470)") },
    Scenario { wish: &[("sid", "step-up"), ("acr", "bronze")], path: "/transfer", challenge: "acr_values=\"gold\"",
        ..refused("a sign-in too weak", "WEAK", "acr_insufficient", "the challenge says which classes of sign-in will do") },
    Scenario { wish: &[("sid", "step-up"), ("acr", "gold")],
        ..story("signed in as the challenges ask", "STEPPED_UP", "/transfer", "recent and strong enough") },
];

#[rustfmt::skip]
const SOCKET: &[Scenario] = &[
    Scenario { wish: &[("sid", "live"), ("auth_age", "118")], sends: Sends::Socket, status: 101, reason: Some(ABSOLUTE),
        ..story("a WebSocket", "LIVE", "/live", "it is open until its session ends, 2 s from now; then it is closed with 1008 and the reason") },
];

/// The stories.
pub const STORIES: &[&[Scenario]] = &[LEFT_ALONE, BUSY, STEP_UP, SOCKET];
