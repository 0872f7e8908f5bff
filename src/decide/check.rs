//! The contract of a check: one question, asked of the evidence.

use super::evidence::Evidence;
use super::finding::Finding;

/// One question.
pub trait Check {
    /// Asks it.
    fn ask(&self, evidence: &Evidence<'_>) -> Finding;
}

/// A check that a policy may leave out.
impl<C: Check> Check for Option<C> {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        self.as_ref().map_or(Finding::Unasked, |check| check.ask(evidence))
    }
}
