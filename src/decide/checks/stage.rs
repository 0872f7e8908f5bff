//! The questions about how far a token got: each stage of verification is asked by a check of its own.

use crate::decide::evidence::{Evidence, Reading, Stage};
use crate::decide::finding::{Compared, Finding, Quantity};

/// Fails if the token failed at this stage; is moot if it did not get so far.
pub(super) fn ask(evidence: &Evidence<'_>, stage: Stage, subject: &'static str) -> Finding {
    match evidence.token {
        Reading::Absent => Finding::Moot,
        Reading::Trusted(_) => Finding::pass(Compared::about(subject)),
        Reading::Flawed(flaw) if flaw.stage < stage => Finding::Moot,
        Reading::Flawed(flaw) if flaw.stage > stage => Finding::pass(Compared::about(subject)),
        Reading::Flawed(flaw) => {
            Finding::fail(flaw.reason, Compared::about(subject).found(Quantity::Word(flaw.detail)))
        }
    }
}
