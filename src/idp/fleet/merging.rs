//! What another instance accepted, enforced here, and kept here too: the one that accepted it may never come back.

use crate::decide::time::Timestamp;
use crate::idp::sink::Sink;
use crate::state::revocations::{Full, Revoked};

impl Sink {
    /// Takes in what another instance accepted, each with the time that it learned of it. It is told to nobody. What is
    /// known already, as most is when a stream is read anew, is not written down once more.
    ///
    /// # Errors
    /// If not all of it could be kept. What could be is enforced all the same.
    pub(super) fn merge(&self, accepted: &[(Revoked, Timestamp)]) -> Result<(), Full> {
        let (mut new, mut taken) = (Vec::new(), Ok(()));
        let turn = self.account.as_ref().map(|account| account.turn());
        for (what, learned) in accepted {
            let known = || turn.as_ref().and_then(|_| self.revocations.of_source(&self.feed, what.target));
            let before = known();
            let added = self.revocations.add(&self.feed, what, *learned);
            if turn.is_some() && known() != before {
                new.push((*what, *learned));
            }
            taken = taken.and(added.map(|_| ()));
        }
        turn.into_iter().for_each(|turn| turn.merged(&new));
        taken
    }
}
