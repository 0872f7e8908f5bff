//! All that a source said is being replaced, entry by entry, as they come in: nothing of it is gathered first, so it
//! costs no more memory than what is new in it.

use super::entry::{By, Colour, Revoked, Stored, Target, is_needed};
use super::feed::Feed;
use super::set::{Full, Revocations, Stamp};
use super::shards::Written;
use crate::decide::time::Timestamp;

/// What snapshots that break off, or are held back, say is enforced, and stays: up to so many times what the source may
/// hold, so that what one of them brought is neither taken out again at its end nor new to the next one.
const LEFT: usize = 2;

/// A snapshot that comes in. Until it is finished, nothing is taken back; nor if it is dropped before.
pub struct Snapshot<'a> {
    set: &'a Revocations,
    feed: &'a Feed,
    colour: Colour,
    learned: Timestamp,
    max: usize,
    /// How many entries its source had said before.
    before: usize,
    held: usize,
    /// How many of them a token may still need.
    needed: usize,
    /// Those that were not there before, and were more than is left of snapshots that broke off. They have their room only
    /// if this comes to its end.
    over: Vec<Target>,
    /// How often the source had said something besides when this began.
    besides: usize,
    finished: bool,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(set: &'a Revocations, feed: &'a Feed, colour: Colour, learned: Timestamp) -> Self {
        let max = feed.bounds().max_entries;
        let (before, besides, over) = (feed.states(), feed.besides(), Vec::new());
        Self { set, feed, colour, learned, max, before, held: 0, needed: 0, over, besides, finished: false }
    }

    /// Takes in one entry. Tells whether its source revokes more by it than before.
    ///
    /// # Errors
    /// If it is more than the source may hold: then the source is incomplete, and this snapshot is to be dropped.
    pub fn put(&mut self, what: &Revoked) -> Result<bool, Full> {
        let (room, full) = (self.held < self.max, self.feed.held() >= self.max.saturating_mul(LEFT));
        let stamp = Stamp { by: By::Snapshot, colour: self.colour, learned: self.learned, room };
        let written = self.set.write(self.feed, what, stamp);
        if written == Some(Written::New) {
            self.over.extend(full.then_some(what.target));
        }
        if !written.is_some_and(Written::is_merged) {
            self.held += 1;
            self.needed += usize::from(is_needed(what.until, self.learned));
        }
        match written.filter(|_| self.held <= self.max) {
            Some(written) => Ok(written.is_news()),
            None => {
                self.feed.set_complete(false);
                Err(Full(self.max))
            }
        }
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
    pub fn finish(self) {
        let feed = self.feed;
        self.replayed();
        feed.said_all();
    }

    /// The same of what the source said some time ago, and others know: it has not said all that it has to say by it.
    pub(super) fn replayed(mut self) {
        let other = |stored: &Stored| stored.source != self.feed.id || stored.colour == self.colour;
        self.set.sweep(|stored| other(stored) || self.feed.is_closed());
        self.feed.stated_all();
        self.feed.set_complete(true);
        self.finished = true;
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.over.iter().for_each(|target| self.set.give_back(self.feed, *target, self.besides));
            self.set.recolour(self.feed, self.colour);
        }
        self.feed.end();
    }
}
