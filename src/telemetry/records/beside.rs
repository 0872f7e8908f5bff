//! What stands beside a judgement in a decision record: what was known of the session, and what the route's shadow policy
//! would have done.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kept::{Beside, Session};
use super::known;
use crate::decide::time::Timestamp;
use crate::telemetry::trail::{Trail, Word};

/// What was known of the session of the token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attended {
    /// `held` (remembered), `shared` (as all instances know it), `alone` (the others could not be asked), `token` (not
    /// remembered: what the token proves), `unheard` (the same, and the others could not be asked), `unkept` (the same, as
    /// there was no room), `undated` (it proves nothing) or `no_room`.
    pub known: Word,
    /// The same in a few words.
    #[serde(default)]
    pub told: Word,
    /// By which claims it is told from others: `claim`, `sign_in`, `client` or `token`.
    pub by: Word,
    /// When its user signed in, or what stands for it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// Its last activity before this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// How long it lasted by then, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<i64>,
    /// How long it was quiet by then, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_ms: Option<i64>,
    /// Its longest silence since the sign-in, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<i64>,
}

/// What a shadow policy would have refused: the request was admitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shadowed {
    /// The policy's name.
    pub policy: String,
    /// For which reason.
    pub reason: Word,
    /// Every question with its answer.
    pub trail: Trail,
}

impl Attended {
    pub(super) fn of(kept: &Session<'_>, at: Timestamp) -> Self {
        let before = |ms: i64| at.minus(Duration::from_millis(u64::try_from(ms).unwrap_or(0))).to_string();
        Self {
            known: kept.known.to_owned().into(),
            told: known::told(kept.known).into(),
            by: kept.by.to_owned().into(),
            first: kept.age.map(before),
            last: kept.quiet.map(before),
            age_ms: kept.age,
            quiet_ms: kept.quiet,
            silence_ms: kept.silence,
        }
    }
}

impl Shadowed {
    pub(super) fn of(kept: &Beside<'_>) -> Option<Self> {
        let reason = kept.trail.reason()?.to_owned().into();
        Some(Self { policy: kept.policy.to_owned(), reason, trail: kept.trail.trail() })
    }
}
