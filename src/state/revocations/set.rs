//! The revocation set: looked up by requests, written by sources. Entries are never dropped to make room:
//! one leaves when no token that it hits could still pass, or when its source takes it back.

use super::entry::{By, Level, Revoked, Stored};
use super::feed::{Bounds, Feed, FeedStanding};
use super::shards::{SHARDS, Shards, Written};
use super::table::Table;
use crate::decide::id::{Fingerprint, IssuerName, SourceId, SourceName};
use crate::decide::revocation::{Entries, Freshness, Handles};
use crate::decide::time::{Moment, Timestamp};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use thiserror::Error;

/// The source has reached its bound. It is incomplete from now on, until a snapshot fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("more than {0} entries")]
pub struct Full(pub usize);

/// The revocation set.
#[derive(Default)]
pub struct Revocations {
    shards: Shards,
    table: ArcSwap<Table>,
    next_purge: AtomicUsize,
}

/// How an entry comes in.
#[derive(Clone, Copy)]
struct Stamp {
    by: By,
    generation: u16,
    learned: Timestamp,
    room: bool,
}

/// What requests ask.
impl Revocations {
    /// The strictest entry of each of a token's names.
    #[must_use]
    pub fn look_up(&self, issuer: &IssuerName, handles: &Handles) -> Entries {
        let find = |level, print: Option<&Fingerprint>| print.and_then(|print| self.shards.look_up(level, print));
        Entries {
            token: find(Level::Token, Some(&handles.token)),
            session: find(Level::Session, handles.session.as_ref()),
            subject: find(Level::Subject, handles.subject.as_ref()),
            client: find(Level::Client, handles.client.as_ref()),
            issuer: self.table.load().issuers.get(issuer).and_then(|voices| voices.cutoffs.strictest()),
        }
    }

    /// How fresh the knowledge about an issuer is.
    #[must_use]
    pub fn freshness(&self, issuer: &IssuerName, now: Moment) -> Freshness {
        self.table.load().issuers.get(issuer).map_or(Freshness::Unfed, |voices| voices.freshness(now))
    }

    /// The name of a source.
    #[must_use]
    pub fn source_name(&self, id: SourceId) -> Option<SourceName> {
        self.table.load().feed(id).map(|feed| feed.name.clone())
    }

    /// All sources.
    #[must_use]
    pub fn standing(&self, now: Moment) -> Vec<FeedStanding> {
        self.table.load().feeds.iter().flatten().map(|feed| feed.standing(now)).collect()
    }
}

/// What sources do.
impl Revocations {
    /// Opens a feed. From now on its issuer's knowledge is not fresh until the feed was heard.
    /// `None` if there are 65,536 already.
    #[must_use]
    pub fn open(&self, name: &SourceName, issuer: &IssuerName, bounds: Bounds) -> Option<Arc<Feed>> {
        let mut opened = None;
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            opened = table.free().map(|id| Arc::new(Feed::new(id, name.clone(), issuer.clone(), bounds)));
            opened.iter().for_each(|feed| table.put(feed));
            table
        });
        opened
    }

    /// Closes a feed: its entries leave with it.
    pub fn close(&self, feed: &Feed) {
        self.sweep(|stored| stored.source != feed.id);
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            table.take(feed);
            table
        });
    }

    /// Adds what a source said, merged with what it said before.
    ///
    /// # Errors
    /// If the source is at its bound: then it is incomplete, and the entry is not kept.
    pub fn add(&self, feed: &Feed, what: &Revoked, learned: Timestamp) -> Result<(), Full> {
        let max = feed.bounds().max_entries;
        let room = feed.entries.load(Ordering::Acquire) < max;
        let stamp = Stamp { by: By::Delta, generation: feed.generation(), learned, room };
        self.write(feed, what, stamp).map(|_| ()).ok_or_else(|| {
            feed.set_complete(false);
            Full(max)
        })
    }

    /// Replaces all that a source said. At no time is an entry missing that was there before and is there after.
    ///
    /// # Errors
    /// If it is more than the source may hold: then the source is incomplete, and what it said before stays.
    pub fn replace(&self, feed: &Feed, all: impl IntoIterator<Item = Revoked>, learned: Timestamp) -> Result<(), Full> {
        let (max, generation) = (feed.bounds().max_entries, feed.next_generation());
        let mut held = 0_usize;
        for what in all {
            let stamp = Stamp { by: By::Snapshot, generation, learned, room: held < max };
            let written = self.write(feed, &what, stamp);
            held += usize::from(written != Some(Written::Merged));
            if written.is_none() || held > max {
                feed.set_complete(false);
                return Err(Full(max));
            }
        }
        self.sweep(|stored| stored.source != feed.id || stored.generation == generation);
        feed.set_complete(true);
        Ok(())
    }

    fn write(&self, feed: &Feed, what: &Revoked, stamp: Stamp) -> Option<Written> {
        let writer = (feed.id, stamp.generation);
        let Some(place) = what.target.level() else {
            let place = (Level::Token, Fingerprint::default());
            let table = self.table.load();
            table.issuers.get(&feed.issuer)?.cutoffs.write(Stored::new(place, what, writer, stamp.learned), stamp.by);
            return Some(Written::Merged);
        };
        let written = self.shards.write(Stored::new(place, what, writer, stamp.learned), stamp.by, stamp.room)?;
        if written == Written::New {
            feed.entries.fetch_add(1, Ordering::AcqRel);
        }
        Some(written)
    }

    fn sweep(&self, keep: impl Fn(&Stored) -> bool) {
        (0..SHARDS).for_each(|shard| self.retain(shard, &keep));
        self.table.load().issuers.values().for_each(|voices| voices.cutoffs.retain(&keep));
    }

    /// Lets the entries of the next shard go that no token needs any more. A call is short; so many calls as
    /// there are shards go round once.
    pub fn purge_step(&self, now: Timestamp) {
        let shard = self.next_purge.fetch_add(1, Ordering::Relaxed) % SHARDS;
        self.retain(shard, |stored| stored.is_needed(now));
        if shard == 0 {
            self.table.load().issuers.values().for_each(|voices| voices.cutoffs.purge(now));
        }
    }

    fn retain(&self, shard: usize, keep: impl Fn(&Stored) -> bool) {
        let table = self.table.load();
        self.shards.retain(shard, keep, |source| {
            table.feed(source).map(|feed| feed.entries.fetch_sub(1, Ordering::AcqRel));
        });
    }
}
