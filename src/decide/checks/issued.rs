//! Issued: not in the future, or every age would be negative (RFC 7519 §4.1.6 defines `iat` for ages only).

use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Quantity};
use crate::decide::reason::Reason;

/// Refuses iff `iat > now + leeway`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Issued;

impl Check for Issued {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some((claims, rules)) = evidence.ground() else { return Finding::Moot };
        let Some(issued) = claims.issued else { return Finding::pass(Compared::about("iat")) };
        let (now, leeway) = (evidence.moment.wall, rules.leeway);
        let compared = Compared::about("iat")
            .found(Quantity::Instant(issued))
            .against(Quantity::Instant(now), leeway.origin)
            .with_leeway(leeway.value);
        if issued > now.plus(leeway.value) {
            Finding::fail(Reason::TokenIssuedInFuture, compared)
        } else {
            Finding::pass(compared)
        }
    }
}
