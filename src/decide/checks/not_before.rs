//! Not before: the token's time has begun (RFC 7519 §4.1.5).

use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Quantity};
use crate::decide::reason::Reason;

/// Refuses iff `now + leeway < nbf`. A token without `nbf` is valid from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotBefore;

impl Check for NotBefore {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some((claims, rules)) = evidence.ground() else { return Finding::Moot };
        let Some(begins) = claims.not_before else { return Finding::pass(Compared::about("nbf")) };
        let (now, leeway) = (evidence.moment.wall, rules.leeway);
        let compared = Compared::about("nbf")
            .found(Quantity::Instant(now))
            .against(Quantity::Instant(begins), leeway.origin)
            .with_leeway(leeway.value);
        if now.plus(leeway.value) < begins {
            Finding::fail(Reason::TokenNotYetValid, compared)
        } else {
            Finding::pass(compared)
        }
    }
}
