//! Lifetime: from issue to end, a token lives no longer than is accepted (RFC 6750 §5.3 recommends an hour).

use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Limit, Quantity};
use crate::decide::reason::Reason;
use crate::decide::time::millis;
use std::time::Duration;

/// Refuses iff `exp - iat > cap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The longest life that is accepted.
    pub cap: Limit<Duration>,
}

impl Check for Lifetime {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some(claims) = evidence.claims() else { return Finding::Moot };
        let (Some(ends), Some(issued)) = (claims.expires, claims.issued) else {
            return Finding::fail(Reason::ClaimMissing, Compared::about("iat"));
        };
        let lifetime = ends.since(issued);
        let compared =
            Compared::about("exp - iat").found(Quantity::Span(lifetime)).against(self.cap.value, self.cap.origin);
        if lifetime > millis(self.cap.value) {
            Finding::fail(Reason::TokenLifetimeExcessive, compared)
        } else {
            Finding::pass(compared)
        }
    }
}
