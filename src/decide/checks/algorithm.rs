//! Algorithm: one of those that the issuer's settings allow, and no critical extension
//! (RFC 7515 §4.1.1 and §4.1.11, RFC 8725 §3.1).

use crate::decide::check::Check;
use crate::decide::evidence::{Evidence, Stage};
use crate::decide::finding::{Compared, Finding, Quantity};
use crate::decide::reason::Reason;

/// Asks for an allowed algorithm. A token that was verified before is asked again: the settings may have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlgorithmAllowed;

impl Check for AlgorithmAllowed {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let (Some(token), Some(rules)) = (evidence.token(), evidence.rules) else {
            return super::stage::ask(evidence, Stage::Algorithm, "alg");
        };
        let compared = Compared::about("alg").found(Quantity::Word(token.algorithm.name()));
        if rules.strict_header && token.key_header {
            Finding::fail(Reason::KeyHeaderForbidden, compared)
        } else if rules.algorithms.contains(token.algorithm) {
            Finding::pass(compared)
        } else {
            Finding::fail(Reason::AlgNotAllowed, compared)
        }
    }
}
