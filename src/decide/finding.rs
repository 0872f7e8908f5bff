//! One answer to one question, as small plain values. They become text only when somebody looks.

use super::reason::Reason;
use super::time::Timestamp;
use std::time::Duration;

/// Where a limit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Origin {
    /// Built in: nobody wrote it down.
    #[default]
    BuiltIn,
    /// The config's `defaults`.
    Defaults,
    /// The issuer.
    Issuer,
    /// The policy.
    Policy,
    /// The preset that the policy keeps.
    Preset,
    /// The rule of the policy at this place.
    Rule(u8),
    /// The route.
    Route,
}

impl Origin {
    /// The word for it in traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in",
            Self::Defaults => "defaults",
            Self::Issuer => "issuer",
            Self::Policy => "policy",
            Self::Preset => "preset",
            Self::Rule(place) => super::when::name(place),
            Self::Route => "route",
        }
    }
}

/// A limit, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Limit<T> {
    /// The limit.
    pub value: T,
    /// Where it was written.
    pub origin: Origin,
}

impl<T> Limit<T> {
    /// A limit of this origin.
    pub const fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }
}

/// A quantity that was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Quantity {
    /// Nothing to show.
    #[default]
    Nothing,
    /// An instant of wall time.
    Instant(Timestamp),
    /// A span in milliseconds; negative if the order is the other way round.
    Span(i64),
    /// A number of things.
    Count(u64),
    /// A word of our own; never the client's.
    Word(&'static str),
}

impl From<Duration> for Quantity {
    fn from(span: Duration) -> Self {
        Self::Span(super::time::millis(span))
    }
}

/// The numbers behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Compared {
    /// What it was about: a claim, a header, a level of revocation; one of our own words.
    pub subject: &'static str,
    /// What was found.
    pub measured: Quantity,
    /// What would have been accepted.
    pub allowed: Quantity,
    /// The leeway that was granted.
    pub leeway: Duration,
    /// Where the limit came from.
    pub origin: Origin,
}

impl Compared {
    /// Something was looked at; there is no number to it.
    #[must_use]
    pub fn about(subject: &'static str) -> Self {
        Self { subject, ..Self::default() }
    }

    /// The same, with what was found.
    #[must_use]
    pub fn found(self, measured: impl Into<Quantity>) -> Self {
        Self { measured: measured.into(), ..self }
    }

    /// The same, with the limit.
    #[must_use]
    pub fn against(self, allowed: impl Into<Quantity>, origin: Origin) -> Self {
        Self { allowed: allowed.into(), origin, ..self }
    }

    /// The same, with the leeway.
    #[must_use]
    pub fn with_leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }
}

/// One answer to one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Finding {
    /// The route does not ask.
    #[default]
    Unasked,
    /// An earlier answer took the ground from the question.
    Moot,
    /// Yes; and it holds for so long if only time moves on.
    Pass {
        /// How long it holds; `None` is for ever.
        good_for: Option<Duration>,
        /// The numbers.
        compared: Compared,
    },
    /// No.
    Fail {
        /// Why.
        reason: Reason,
        /// The numbers.
        compared: Compared,
    },
}

impl Finding {
    /// Yes, whatever the hour.
    #[must_use]
    pub fn pass(compared: Compared) -> Self {
        Self::Pass { good_for: None, compared }
    }

    /// Yes, for so many milliseconds more.
    #[must_use]
    pub fn pass_for(ms: i64, compared: Compared) -> Self {
        Self::Pass { good_for: Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0))), compared }
    }

    /// No.
    #[must_use]
    pub fn fail(reason: Reason, compared: Compared) -> Self {
        Self::Fail { reason, compared }
    }

    /// The reason, if the answer is no.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        if let Self::Fail { reason, .. } = self { Some(*reason) } else { None }
    }

    /// The word for the outcome in traces.
    #[must_use]
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Moot => "moot",
            Self::Pass { .. } => "pass",
            Self::Fail { .. } => "fail",
        }
    }

    /// The numbers, if the question was answered.
    #[must_use]
    pub fn compared(&self) -> Option<&Compared> {
        match self {
            Self::Pass { compared, .. } | Self::Fail { compared, .. } => Some(compared),
            Self::Unasked | Self::Moot => None,
        }
    }
}
