//! Form: three strict base64url parts, of strict JSON (RFC 7515 §5.2, RFC 8725 §3.1).

use crate::decide::check::Check;
use crate::decide::evidence::{Evidence, Stage};
use crate::decide::finding::Finding;

/// Asks for a well-formed, signed JWT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form;

impl Check for Form {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        super::stage::ask(evidence, Stage::Form, "token")
    }
}
