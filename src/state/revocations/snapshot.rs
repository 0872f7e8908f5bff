//! All that a source said is being replaced, entry by entry, as they come in: nothing of it is gathered first, so it
//! costs no more memory than what is new in it.

use super::entry::{By, Colour, Revoked, Stored, is_needed};
use super::feed::Feed;
use super::set::{Full, Revocations, Stamp};
use super::shards::Written;
use crate::decide::time::Timestamp;
use std::collections::HashSet;

/// What snapshots that break off, or are held back, say is enforced, and stays: up to so many times what the source may
/// hold. What is more is enforced at the end, lest it come and go with each attempt.
const LEFT: usize = 2;

/// So much waits for the end. What is more is to be said once more: the next attempt finds room.
pub(super) const WAITING: usize = 65_536;

/// A snapshot that comes in. Until it is finished, nothing is taken back; nor if it is dropped before.
pub struct Snapshot<'a> {
    set: &'a Revocations,
    feed: &'a Feed,
    colour: Colour,
    learned: Timestamp,
    max: usize,
    /// More entries than this do not come in before the end.
    pub(super) most: usize,
    /// How many entries its source had said before.
    before: usize,
    held: usize,
    /// How many of them a token may still need.
    needed: usize,
    /// Those for which what is left of others that broke off has the room, each by a part of its name, so that none is
    /// counted twice.
    over: HashSet<u64>,
    /// The same as they were said, as far as they wait for the end.
    waiting: Vec<Revoked>,
    lacks: bool,
    finished: bool,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(set: &'a Revocations, feed: &'a Feed, colour: Colour, learned: Timestamp) -> Self {
        let (max, before) = (feed.bounds().max_entries, feed.states());
        let (most, over, waiting) = (max.saturating_mul(LEFT), HashSet::new(), Vec::new());
        let (held, needed, lacks, finished) = (0, 0, false, false);
        Self { set, feed, colour, learned, max, most, before, held, needed, over, waiting, lacks, finished }
    }

    /// Takes in one entry. Tells whether its source revokes more by it than before.
    ///
    /// # Errors
    /// If it is more than the source may hold: then the source is incomplete, and this snapshot is to be dropped.
    pub fn put(&mut self, what: &Revoked) -> Result<bool, Full> {
        let room = self.held < self.max && self.feed.held() < self.most;
        let (is_new, is_news) = match self.write(what, room) {
            // There is room by now for what there was none for before.
            Some(_) if !self.over.is_empty() && self.over.remove(&what.target.bits()) => (false, false),
            Some(written) => (!written.is_merged(), written.is_news()),
            None => {
                let is_new = self.over.insert(what.target.bits());
                self.wait(what);
                (is_new, is_new)
            }
        };
        if is_new {
            self.held += 1;
            self.needed += usize::from(is_needed(what.until, self.learned));
        }
        if self.held > self.max || self.feed.is_closed() {
            return Err(self.full());
        }
        Ok(is_news)
    }

    fn write(&self, what: &Revoked, room: bool) -> Option<Written> {
        let stamp = Stamp { by: By::Snapshot, colour: self.colour, learned: self.learned, room };
        self.set.write(self.feed, what, stamp)
    }

    fn wait(&mut self, what: &Revoked) {
        if self.waiting.len() < WAITING {
            self.waiting.push(*what);
        } else {
            self.lacks = true;
        }
    }

    fn full(&self) -> Full {
        self.feed.set_complete(false);
        Full(self.max)
    }

    /// How many entries its source had said before this began.
    #[must_use]
    pub const fn before(&self) -> usize {
        self.before
    }

    /// How many different entries came in that a token may still need.
    #[must_use]
    pub const fn counts(&self) -> usize {
        self.needed
    }

    /// That was all: what the source said before and did not say now leaves.
    ///
    /// # Errors
    /// If there was no room for much of it, because of what others left that broke off. That is gone now, so there is when
    /// it is said again; until then the source is incomplete.
    pub fn finish(self) -> Result<(), Full> {
        let feed = self.feed;
        let whole = self.replayed();
        if whole.is_ok() {
            feed.said_all();
        }
        whole
    }

    /// The same of what the source said some time ago, and others know: it has not said all that it has to say by it.
    pub(super) fn replayed(mut self) -> Result<(), Full> {
        std::mem::take(&mut self.waiting).iter().for_each(|what| _ = self.write(what, true));
        let other = |stored: &Stored| stored.source != self.feed.id || stored.colour == self.colour;
        self.set.sweep(|stored| other(stored) || self.feed.is_closed());
        self.finished = true;
        if self.lacks {
            return Err(self.full());
        }
        self.feed.stated_all();
        self.feed.set_complete(true);
        Ok(())
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.set.recolour(self.feed, self.colour);
        }
        self.feed.end();
    }
}
