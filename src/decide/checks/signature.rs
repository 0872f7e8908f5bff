//! Signature: it verifies with the issuer's key (RFC 7515 §5.2).

use crate::decide::check::Check;
use crate::decide::evidence::{Evidence, Stage};
use crate::decide::finding::Finding;

/// Asks for a signature that verifies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signature;

impl Check for Signature {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        super::stage::ask(evidence, Stage::Signature, "signature")
    }
}
