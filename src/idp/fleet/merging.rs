//! What another instance accepted, enforced here, and kept here too: the one that accepted it may never come back.

use crate::decide::time::Timestamp;
use crate::idp::sink::Sink;
use crate::state::revocations::Revoked;

impl Sink {
    /// Takes in what another instance accepted, each with the time that it learned of it. It is told to nobody. What is
    /// known already, as most is when a stream is read anew, is not written down once more. Tells how many were new, and
    /// for how many there was no room; the others are enforced.
    pub(super) fn merge(&self, accepted: &[(Revoked, Timestamp)]) -> (u64, u64) {
        let (mut new, mut refused) = (Vec::new(), 0);
        let turn = self.account.as_ref().map(|account| account.turn());
        for (what, learned) in accepted {
            let known = || self.revocations.of_source(&self.feed, what.target);
            let before = known();
            let added = self.revocations.add(&self.feed, what, *learned);
            if known() != before {
                new.push((*what, *learned));
            }
            refused += u64::from(added.is_err());
        }
        turn.into_iter().for_each(|turn| turn.merged(&new));
        (new.len() as u64, refused)
    }
}
