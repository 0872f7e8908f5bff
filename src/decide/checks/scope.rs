//! Scope: the token carries every scope that the policy needs (RFC 6750 §3.1, RFC 9068 §2.2.3).

use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Origin, Quantity};
use crate::decide::reason::Reason;

/// Asks for all of these scopes, compared byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The scopes.
    pub all: Box<[Box<str>]>,
}

impl Check for Scope {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some(claims) = evidence.claims() else { return Finding::Moot };
        let granted = claims.scopes.as_deref().unwrap_or_default();
        let held = self.all.iter().filter(|scope| granted.contains(scope)).count();
        let compared = Compared::about("scope")
            .found(Quantity::Count(held as u64))
            .against(Quantity::Count(self.all.len() as u64), Origin::Policy);
        if held == self.all.len() {
            Finding::pass(compared)
        } else {
            Finding::fail(Reason::InsufficientScope, compared)
        }
    }
}
