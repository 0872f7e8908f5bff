//! What stands beside a judgement in a decision record: what was known of the session, and what the route's shadow policy
//! would have done.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decide::session::{Basis, Key, KeySource, Knowledge, Sight};
use crate::decide::time::Timestamp;
use crate::telemetry::record::Shadow;
use crate::telemetry::trail::{Trail, Word};

/// What was known of the session of the token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attended {
    /// `held` (remembered), `token` (not remembered: what the token proves), `undated` (it proves nothing) or `no_room`.
    pub known: Word,
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
    pub(super) fn of(known: Knowledge, at: Timestamp) -> Option<Self> {
        let (word, Key { source, .. }, sight) = match known {
            Knowledge::Unasked => return None,
            Knowledge::Undated(key) => ("undated", key, None),
            Knowledge::NoRoom(key) => ("no_room", key, None),
            Knowledge::Known(key, Basis::Held, sight) => ("held", key, Some(sight)),
            Knowledge::Known(key, Basis::Token, sight) => ("token", key, Some(sight)),
        };
        let before = |ms: i64| at.minus(Duration::from_millis(u64::try_from(ms).unwrap_or(0))).to_string();
        let of = |ms: fn(Sight) -> i64| sight.map(ms);
        let (age, quiet) = (of(|sight| sight.age), of(|sight| sight.quiet));
        Some(Self {
            known: word.into(),
            by: by(source).into(),
            first: age.map(before),
            last: quiet.map(before),
            age_ms: age,
            quiet_ms: quiet,
            silence_ms: of(|sight| sight.silence),
        })
    }
}

const fn by(source: KeySource) -> &'static str {
    match source {
        KeySource::Claim => "claim",
        KeySource::SignIn => "sign_in",
        KeySource::Client => "client",
        KeySource::Token => "token",
    }
}

impl Shadowed {
    pub(super) fn of(shadow: &Shadow) -> Option<Self> {
        let reason = shadow.verdict.reason()?.code().into();
        Some(Self { policy: shadow.policy.to_string(), reason, trail: Trail::of(&shadow.verdict) })
    }
}
