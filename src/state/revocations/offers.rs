//! What comes in one by one, and what becomes of it where there is no room.

use super::entry::Revoked;
use super::feed::Feed;
use super::set::{Full, Revocations, Stamp};
use super::shards::Written;
use crate::decide::time::Timestamp;

impl Revocations {
    /// Adds what a source said, merged with what it said before. Tells whether it revokes more by it than before. For
    /// sources that are asked, and for what other instances told: what does not fit now is missing, until it is said again.
    ///
    /// # Errors
    /// If the source is at its bound: then it is incomplete, and the entry is not kept.
    pub fn add(&self, feed: &Feed, what: &Revoked, learned: Timestamp) -> Result<bool, Full> {
        self.offer(feed, what, learned).inspect_err(|_| feed.set_complete(false))
    }

    /// The same of an event, whose sender is told if it is not kept: he keeps it, and says it again. The source lacks
    /// nothing that it acknowledged.
    ///
    /// # Errors
    /// If the source is at its bound: then the entry is not kept.
    pub fn offer(&self, feed: &Feed, what: &Revoked, learned: Timestamp) -> Result<bool, Full> {
        let max = feed.bounds().max_entries;
        let written = self.put(feed, what, learned, feed.held() < max);
        written.map(Written::is_news).ok_or(Full(max))
    }

    /// The same of what was taken in before: before a restart, in another feed, or until it was taken out and that could not
    /// be kept. It had its room then, and nobody says it again: the bound is for what comes.
    pub fn restore(&self, feed: &Feed, what: &Revoked, learned: Timestamp) {
        self.put(feed, what, learned, true);
    }

    fn put(&self, feed: &Feed, what: &Revoked, learned: Timestamp, room: bool) -> Option<Written> {
        feed.says_besides();
        let colour = feed.colour();
        let stamp = |colour| Stamp { by: feed.adds(), colour, learned, room };
        let mut written = self.write(feed, what, stamp(colour));
        // A snapshot that began meanwhile must not take it back.
        if feed.colour() != colour {
            let again = self.write(feed, what, stamp(feed.colour()));
            written = again.and(written);
        }
        written
    }
}
