//! Freshness: what we know of revocations is recent enough to rely on. What happens when it is not is written
//! in the policy.

use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Limit, Origin, Quantity};
use crate::decide::reason::Reason;
use crate::decide::revocation::Freshness as Known;

/// What to do with a token while it cannot be told whether it is revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStale {
    /// Refuse it with 503: the token may be good, so that a 401 would only send the user to sign in for nothing.
    #[default]
    Deny,
    /// Ask its issuer, and refuse it with 503 where that does not answer.
    Introspect,
    /// Go by what was known last, and say so in the trail.
    Allow,
}

impl OnStale {
    /// The stricter of two.
    #[must_use]
    pub const fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::Deny, _) | (_, Self::Deny) => Self::Deny,
            (Self::Introspect, _) | (_, Self::Introspect) => Self::Introspect,
            (Self::Allow, Self::Allow) => Self::Allow,
        }
    }
}

/// What to do with a token as long as a source of its issuer was not heard at all since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColdStart {
    /// Refuse it with 503.
    #[default]
    Deny,
    /// Ask its issuer, and refuse it with 503 where that does not answer.
    Introspect,
    /// Go by what the other sources say, and say so in the trail.
    Accept,
}

impl From<ColdStart> for OnStale {
    fn from(said: ColdStart) -> Self {
        match said {
            ColdStart::Deny => Self::Deny,
            ColdStart::Introspect => Self::Introspect,
            ColdStart::Accept => Self::Allow,
        }
    }
}

/// Asks whether knowledge of revocations is fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// What to do when it is not.
    pub on_stale: Limit<OnStale>,
    /// What to do when there never was any.
    pub cold_start: Limit<OnStale>,
}

impl Check for Freshness {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        if evidence.claims().is_none() {
            return Finding::Moot;
        }
        let compared = Compared::about("revocation.age");
        let compared = match evidence.revocation.freshness {
            Known::Unfed => return Finding::Unasked,
            Known::Never { .. } | Known::Cold { .. } => compared.found(Quantity::Word("never heard")),
            Known::Heard { age, max: Some(max), .. } => compared.found(age).against(max, Origin::Issuer),
            Known::Heard { age, max: None, .. } => compared.found(age),
        };
        match self.remedy(evidence) {
            None => Finding::pass(compared),
            Some(OnStale::Deny) => Finding::fail(Reason::RevocationStale, compared),
            // Then the question of introspection decides, which every policy with this remedy asks.
            Some(OnStale::Introspect) => {
                Finding::pass(Compared { subject: "revocation.age (stale, introspected)", ..compared })
            }
            Some(OnStale::Allow) => Finding::pass(Compared { subject: "revocation.age (stale, allowed)", ..compared }),
        }
    }
}

impl Freshness {
    /// What is to be done about knowledge that is not fresh; nothing if it is.
    pub(super) fn remedy(&self, evidence: &Evidence<'_>) -> Option<OnStale> {
        let (stale, cold) = (self.on_stale.value, self.cold_start.value);
        match evidence.revocation.freshness {
            Known::Unfed => None,
            Known::Heard { age, max, .. } => max.is_some_and(|max| age > max).then_some(stale),
            Known::Never { .. } => Some(stale),
            Known::Cold { stale: false, .. } => Some(cold),
            Known::Cold { stale: true, .. } => Some(cold.stricter(stale)),
        }
    }
}
