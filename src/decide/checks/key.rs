//! Key: the issuer's own key set holds the key that the header names (RFC 9068 §4, RFC 8725 §3.8).

use crate::decide::check::Check;
use crate::decide::evidence::{Evidence, Stage};
use crate::decide::finding::Finding;

/// Asks for a known key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key;

impl Check for Key {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        super::stage::ask(evidence, Stage::Key, "kid")
    }
}
