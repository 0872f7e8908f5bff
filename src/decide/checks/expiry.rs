//! Expiry: the token's time is not over (RFC 7519 §4.1.4).

use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Quantity};
use crate::decide::reason::Reason;

/// Refuses iff `now >= exp + leeway`: at the very instant of `exp` a token is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiry;

impl Check for Expiry {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some((claims, rules)) = evidence.ground() else { return Finding::Moot };
        // Its absence is told by `claims`; a token without an end does not pass here either.
        let Some(ends) = claims.expires else {
            return Finding::fail(Reason::ClaimMissing, Compared::about("exp"));
        };
        let (now, leeway) = (evidence.moment.wall, rules.leeway);
        let compared = Compared::about("exp")
            .found(Quantity::Instant(now))
            .against(Quantity::Instant(ends), leeway.origin)
            .with_leeway(leeway.value);
        match ends.plus(leeway.value).since(now) {
            left @ 1.. => Finding::pass_for(left, compared),
            _ => Finding::fail(Reason::TokenExpired, compared),
        }
    }
}
