//! Issuer: one that this route trusts, byte for byte (RFC 9068 §4, RFC 8414 §3.3).

use crate::decide::check::Check;
use crate::decide::evidence::{Evidence, Stage};
use crate::decide::finding::{Compared, Finding, Quantity};
use crate::decide::id::IssuerName;
use crate::decide::reason::Reason;

/// Asks for a trusted issuer. Empty: every configured issuer is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuerTrusted {
    /// The issuers that the policy names.
    pub among: Box<[IssuerName]>,
}

impl Check for IssuerTrusted {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let finding = super::stage::ask(evidence, Stage::Issuer, "iss");
        match (&finding, evidence.rules) {
            (Finding::Pass { .. }, Some(rules)) if !self.trusts(&rules.name) => Finding::fail(
                Reason::IssuerUntrusted,
                Compared::about("iss").found(Quantity::Word("an issuer that this policy does not list")),
            ),
            _ => finding,
        }
    }
}

impl IssuerTrusted {
    fn trusts(&self, name: &IssuerName) -> bool {
        self.among.is_empty() || self.among.contains(name)
    }
}
