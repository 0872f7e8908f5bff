//! Presence: a request carries exactly one credential (RFC 6750 §2).

use crate::decide::check::Check;
use crate::decide::evidence::{Credential, Evidence};
use crate::decide::finding::{Compared, Finding};

/// Asks for exactly one credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence;

impl Check for Presence {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let compared = Compared::about("credential");
        match evidence.credential {
            Credential::One => Finding::pass(compared),
            Credential::Unusable(reason) => Finding::fail(reason, compared),
        }
    }
}
