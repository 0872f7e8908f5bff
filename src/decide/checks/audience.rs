//! Audience: the token is meant for us, byte for byte (RFC 7519 §4.1.3, RFC 9068 §4).

use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Origin, Quantity};
use crate::decide::reason::Reason;

/// Asks for one of the audiences. Where the policy names none, the issuer's settings do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// The audiences that the policy names.
    pub among: Option<Box<[Box<str>]>>,
}

impl Check for Audience {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some((claims, rules)) = evidence.ground() else { return Finding::Moot };
        let (accepted, origin) = match (&self.among, &rules.audiences) {
            (Some(policy), _) => (policy, Origin::Policy),
            (None, Some(issuer)) => (issuer, Origin::Issuer),
            (None, None) => return Finding::Unasked,
        };
        let presented = claims.audience.as_deref().unwrap_or_default();
        let compared = Compared::about("aud")
            .found(Quantity::Count(presented.len() as u64))
            .against(Quantity::Count(accepted.len() as u64), origin);
        if presented.iter().any(|audience| accepted.contains(audience)) {
            Finding::pass(compared)
        } else {
            Finding::fail(Reason::AudienceMismatch, compared)
        }
    }
}
