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
    /// Go by what was known last, and say so in the trail.
    Allow,
}

/// Asks whether knowledge of revocations is fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// What to do when it is not.
    pub on_stale: Limit<OnStale>,
}

impl Check for Freshness {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        if evidence.claims().is_none() {
            return Finding::Moot;
        }
        let compared = Compared::about("revocation.age");
        let (stale, compared) = match evidence.revocation.freshness {
            Known::Unfed => return Finding::Unasked,
            Known::Never { .. } => (true, compared.found(Quantity::Word("never heard"))),
            Known::Heard { age, max, .. } => (age > max, compared.found(age).against(max, Origin::Issuer)),
        };
        match (stale, self.on_stale.value) {
            (false, _) => Finding::pass(compared),
            (true, OnStale::Allow) => {
                Finding::pass(Compared { subject: "revocation.age (stale, allowed)", ..compared })
            }
            (true, OnStale::Deny) => Finding::fail(Reason::RevocationStale, compared),
        }
    }
}
