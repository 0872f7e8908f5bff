//! What the issuer said when it was asked about one token (RFC 7662), as a value. Who asks, and when, is not told here.

use std::time::Duration;

/// What is known of it at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Introspection {
    /// The issuer was not asked. A policy that wants its word refuses.
    #[default]
    Unasked,
    /// Nobody is asked here: `curfew explain` judges without a network.
    Offline,
    /// It was asked.
    Told(Told),
}

/// An answer, and how it was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The answer.
    pub answer: Answer,
    /// How it was had.
    pub had: Had,
}

/// What the issuer says of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It may be used.
    Active,
    /// It may not: expired, revoked, or never issued. A cause is not given (RFC 7662 §2.2).
    Inactive,
    /// It cannot be told: why, in words of our own. That is no fault of the token.
    Unknown(&'static str),
}

/// How an answer was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Had {
    /// This request waited for it, for so long.
    Asked(Duration),
    /// It was asked so long ago.
    Cached(Duration),
}
