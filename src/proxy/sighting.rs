//! What of a request's token is new to those who measure: whether it is seen for the first time, and in which session.

use super::report::Report;
use crate::decide::session::KeySource;
use crate::telemetry::Sight;

impl Report {
    /// Nothing where no token was verified. A session that a newer token would not continue is none.
    pub(super) fn sight(&self) -> Option<Sight<'_>> {
        let (verified, issuer) = (self.verified()?, self.issuer()?);
        let (first, first_admitted) = verified.see(self.reason.is_none());
        let continues = matches!(verified.session.source, KeySource::Claim | KeySource::SignIn);
        let session = continues.then_some(verified.session.print);
        Some(Sight { first, first_admitted, session, leeway: issuer.rules.leeway.value, note: Some(&verified.note) })
    }
}
