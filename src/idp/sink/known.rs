//! What of that which is said is new to the set. Asked in the turn of the account, before it is taken in.

use super::Sink;
use crate::idp::feed::Understood;
use crate::state::revocations::Revoked;

impl Sink {
    /// Of each entry, whether the source has not said as much before. One that does not say how long it is needed is not
    /// new for being needed longer now.
    pub(super) fn unknown(&self, entries: &[Understood], all: &[Revoked]) -> Vec<bool> {
        all.iter().zip(entries).map(|(what, entry)| !self.knows(what, entry.until.is_some())).collect()
    }

    /// The same of an answer that goes on from a cursor: whether the journal may lack it. What a snapshot brought that broke
    /// off is held, and not written down.
    pub(super) fn unwritten(&self, entries: &[Understood], all: &[Revoked]) -> Vec<bool> {
        // Asked in this order: a snapshot that begins in between makes nothing known that is not written.
        let unknown = self.unknown(entries, all);
        if self.feed.is_stated() { unknown } else { vec![true; all.len()] }
    }

    fn knows(&self, what: &Revoked, dated: bool) -> bool {
        let Some(known) = self.revocations.of_source(&self.feed, what.target) else { return false };
        let longer = known.until.is_some_and(|known| what.until.is_none_or(|until| until > known));
        known.cutoff.max(what.cutoff) == known.cutoff && !(longer && (dated || what.until.is_none()))
    }
}
