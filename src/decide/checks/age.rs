//! Age: a route may want a younger token than its `exp` would allow.

use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Limit, Quantity};
use crate::decide::reason::Reason;
use crate::decide::time::millis;
use std::time::Duration;

/// Refuses iff `now - iat > limit + leeway`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// The greatest age that is accepted.
    pub limit: Limit<Duration>,
}

impl Check for Age {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some((claims, rules)) = evidence.ground() else { return Finding::Moot };
        let Some(issued) = claims.issued else {
            return Finding::fail(Reason::ClaimMissing, Compared::about("iat"));
        };
        let (age, leeway) = (evidence.moment.wall.since(issued), rules.leeway.value);
        let compared = Compared::about("now - iat")
            .found(Quantity::Span(age))
            .against(self.limit.value, self.limit.origin)
            .with_leeway(leeway);
        let left = millis(self.limit.value).saturating_add(millis(leeway)).saturating_sub(age);
        if left < 0 {
            Finding::fail(Reason::TokenTooOld, compared)
        } else {
            // At the limit itself it is still accepted: it holds for one millisecond more than is left.
            Finding::pass_for(left.saturating_add(1), compared)
        }
    }
}
