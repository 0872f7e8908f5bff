//! Binding: a token bound to its sender is not a bearer token (RFC 7800 §3, RFC 9449 §7.2, RFC 8705 §3).
//! No binding can be checked yet, so that each is refused: a stolen token would pass otherwise.

use crate::decide::check::Check;
use crate::decide::claims::Confirmation;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding};
use crate::decide::reason::Reason;

/// Asks for a token without a binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Binding;

impl Check for Binding {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some(claims) = evidence.claims() else { return Finding::Moot };
        let reason = match claims.confirmation {
            Confirmation::Unbound => return Finding::pass(Compared::about("cnf")),
            Confirmation::Dpop => Reason::DpopDowngrade,
            Confirmation::Certificate | Confirmation::Unknown => Reason::CnfUnsupported,
        };
        Finding::fail(reason, Compared::about("cnf"))
    }
}
