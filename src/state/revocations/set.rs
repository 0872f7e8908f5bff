//! The revocation set: looked up by requests, written by sources. Entries are never dropped to make room:
//! one leaves when no token that it hits could still pass, or when its source takes it back.

use super::changes::Changes;
use super::entry::{By, Colour, Learned, Level, Revoked, Stored, Target};
use super::feed::{Bounds, Feed, FeedStanding};
use super::name::{Name, SHARDS, shard};
use super::shards::{Shards, Written, stricter};
use super::snapshot::Snapshot;
use super::table::Table;
use crate::decide::id::{Fingerprint, IssuerName, SourceId, SourceName};
use crate::decide::revocation::{Cutoff, Entries, Entry, Freshness, Handles};
use crate::decide::time::{Moment, Timestamp};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use thiserror::Error;

/// The source has reached its bound. One that is asked is incomplete from now on, until a snapshot fits; one that is told
/// refuses the event, and lacks nothing that it acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("more than {0} entries")]
pub struct Full(pub usize);

/// The revocation set.
#[derive(Default)]
pub struct Revocations {
    pub(super) shards: Shards,
    pub(super) table: ArcSwap<Table>,
    /// Whether any issuer was ever cut off as a whole, so that no request asks for it in vain.
    cut: AtomicBool,
    next_purge: AtomicUsize,
    changes: Changes,
}

/// How many entries there are, and what they occupy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Tokens.
    pub tokens: usize,
    /// Sessions.
    pub sessions: usize,
    /// Subjects.
    pub subjects: usize,
    /// Clients.
    pub clients: usize,
    /// Values of claims.
    pub claims: usize,
    /// Cut-offs of whole issuers.
    pub issuers: usize,
    /// What the entries occupy, free places included.
    pub bytes: usize,
}

/// One entry that names a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// By what it names it.
    pub target: Target,
    /// Which tokens it hits.
    pub cutoff: Cutoff,
    /// Where it came from.
    pub source: SourceId,
    /// When we learned of it.
    pub learned: Timestamp,
    /// When the last token that it hits has expired; `None` if that is not known.
    pub until: Option<Timestamp>,
}

impl Known {
    pub(super) fn of(target: Target, stored: &Stored) -> Self {
        let (Entry { cutoff, source, learned }, until) = (stored.entry(), stored.until());
        Self { target, cutoff, source, learned, until }
    }
}

/// How an entry comes in.
#[derive(Clone, Copy)]
pub(super) struct Stamp {
    pub(super) by: By,
    pub(super) colour: Colour,
    pub(super) learned: Timestamp,
    pub(super) room: bool,
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
            claim: handles.claims.iter().filter_map(|print| find(Level::Claim, Some(print))).reduce(stricter),
            issuer: if self.cut.load(Ordering::Acquire) { self.cutoff(issuer) } else { None },
        }
    }

    fn cutoff(&self, issuer: &IssuerName) -> Option<Entry> {
        self.table.load().issuers.get(issuer).and_then(|voices| voices.cutoffs.strictest())
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

    /// How many entries each level has, and what they occupy.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        let [tokens, sessions, subjects, clients, claims, _] = self.shards.counts();
        let issuers = self.table.load().issuers.values().map(|voices| voices.cutoffs.all().len()).sum();
        Holdings { tokens, sessions, subjects, clients, claims, issuers, bytes: self.shards.bytes() }
    }

    /// Every entry that names a token of an issuer, whether or not its cut-off hits that token.
    #[must_use]
    pub fn named(&self, issuer: &IssuerName, handles: &Handles) -> Vec<Known> {
        let mut known = Vec::new();
        let names = [
            Some(Target::Token(handles.token)),
            handles.session.map(Target::Session),
            handles.subject.map(Target::Subject),
            handles.client.map(Target::Client),
        ];
        let claims = handles.claims.iter().copied().map(Target::Claim);
        for target in names.into_iter().flatten().chain(claims) {
            let Some((level, print)) = target.level() else { continue };
            self.shards.named(level, &print, |stored| known.push(Known::of(target, stored)));
        }
        let table = self.table.load();
        let cutoffs = table.issuers.get(issuer).map(|voices| voices.cutoffs.all()).unwrap_or_default();
        known.extend(cutoffs.iter().map(|stored| Known::of(Target::Issuer, stored)));
        known
    }

    /// How often something was written. As long as it stays the same, no token was revoked that was not before.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.count()
    }

    /// How often a source took something back, entry by entry. What vanished with a snapshot is not counted.
    #[must_use]
    pub fn lifts(&self) -> u64 {
        self.changes.lifts()
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

    /// The feed with this index.
    #[must_use]
    pub fn feed(&self, id: SourceId) -> Option<Arc<Feed>> {
        self.table.load().feed(id).cloned()
    }

    /// Closes a feed: its entries leave with it. Who writes for it still writes nothing any more.
    pub fn close(&self, feed: &Feed) {
        // Before they leave: whoever misses one does not find the feed fresh.
        feed.close();
        self.sweep(|stored| stored.source != feed.id);
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            table.take(feed);
            table
        });
    }

    /// Replaces all that a source said. At no time is an entry missing that was there before and is there after.
    ///
    /// # Errors
    /// If it is more than the source may hold: then the source is incomplete, and what it said before stays; or if others
    /// that broke off have the room, and it is to be said again.
    pub fn replace(&self, feed: &Feed, all: impl IntoIterator<Item = Revoked>, learned: Timestamp) -> Result<(), Full> {
        let mut all = all.into_iter();
        let Some(mut snapshot) = self.begin(feed, learned) else {
            // Another one is under way: two cannot both say what is taken back.
            return all.try_for_each(|what| self.add(feed, &what, learned).map(|_| ()));
        };
        all.try_for_each(|what| snapshot.put(&what).map(|_| ()))?;
        snapshot.finish()
    }

    /// Replaces all that a source said by what it said then, as that is read. That it was said anew is not told by it.
    ///
    /// # Errors
    /// The same.
    pub(in crate::state) fn replay(
        &self,
        feed: &Feed,
        all: impl IntoIterator<Item = Revoked>,
        learned: Timestamp,
    ) -> Result<(), Full> {
        let mut all = all.into_iter();
        let Some(mut snapshot) = self.begin(feed, learned) else {
            // It is being said anew.
            return all.try_for_each(|what| self.add(feed, &what, learned).map(|_| ()));
        };
        // It had its room then.
        snapshot.most = usize::MAX;
        let taken = all.try_for_each(|what| snapshot.put(&what).map(|_| ()));
        if taken.is_err() {
            drop(snapshot);
            // It said all of that, and more.
            feed.stated_all();
            return taken;
        }
        snapshot.replayed()
    }

    /// Begins to replace all that a source said, entry by entry, as they come in. `None` while that is done already.
    #[must_use]
    pub fn begin<'a>(&'a self, feed: &'a Feed, learned: Timestamp) -> Option<Snapshot<'a>> {
        feed.begin().map(|colour| Snapshot::new(self, feed, colour, learned))
    }

    /// What a source said of a target.
    #[must_use]
    pub fn of_source(&self, feed: &Feed, target: Target) -> Option<Known> {
        let known = |stored: &Stored| (stored.source == feed.id).then(|| Known::of(target, stored));
        let Some((level, print)) = target.level() else {
            return self.table.load().issuers.get(&feed.issuer)?.cutoffs.all().iter().find_map(known);
        };
        let mut found = None;
        self.shards.named(level, &print, |stored| found = found.or_else(|| known(stored)));
        found
    }

    /// Puts this in the place of what a source said of the same target before, be it less strict. Whoever asks meanwhile
    /// finds one of the two.
    pub fn instead(&self, feed: &Feed, what: &Revoked, learned: Timestamp) {
        // What is there has its room.
        self.write(feed, what, Stamp { by: By::Instead, colour: feed.colour(), learned, room: true });
    }

    /// What is asked beside the set has changed: whoever judged a token before asks again.
    pub fn touch(&self) {
        self.changes.tell();
    }

    /// Takes back what a source said of a target, and only what that source said. Tells whether it had said something.
    pub fn lift(&self, feed: &Feed, target: Target) -> bool {
        let Some((level, print)) = target.level() else {
            let lifted = self.table.load().issuers.get(&feed.issuer).is_some_and(|one| one.cutoffs.remove(feed));
            self.changes.lift();
            return lifted;
        };
        let what = Revoked { target, cutoff: Cutoff::Always, until: None };
        let like = Stored::new(Name::new(level, &print), &what, (feed.id, feed.colour()), Learned::default());
        let lifted = self.shards.remove(shard(&print), &like, feed);
        self.changes.lift();
        if lifted {
            feed.left();
        }
        lifted
    }

    pub(super) fn write(&self, feed: &Feed, what: &Revoked, stamp: Stamp) -> Option<Written> {
        let entry = |name| Stored::new(name, what, (feed.id, stamp.colour), feed.learned(stamp.learned));
        let Some((level, print)) = what.target.level() else {
            let table = self.table.load();
            self.cut.store(true, Ordering::Release);
            let written = table.issuers.get(&feed.issuer)?.cutoffs.write(entry(Name::default()), stamp.by, feed)?;
            self.changes.tell();
            // It takes up no room of the source.
            return Some(Written::Over { former: false, stricter: written.is_news() });
        };
        let entry = entry(Name::new(level, &print));
        let written = self.shards.write(shard(&print), &entry, (stamp.by, stamp.room), feed)?;
        self.changes.tell();
        Some(written)
    }

    pub(super) fn sweep(&self, keep: impl Fn(&Stored) -> bool) {
        (0..SHARDS).for_each(|shard| self.retain(shard, &keep));
        self.table.load().issuers.values().for_each(|voices| voices.cutoffs.retain(&keep));
    }

    /// Gives all that a source said one colour, so that its next snapshot finds no trace of one that failed.
    pub(super) fn recolour(&self, feed: &Feed, colour: Colour) {
        (0..SHARDS).for_each(|shard| self.shards.recolour(shard, feed, colour));
        self.table.load().issuers.get(&feed.issuer).into_iter().for_each(|one| one.cutoffs.recolour(feed, colour));
    }

    /// So many steps purge the whole set once.
    pub const PURGE_STEPS: usize = SHARDS;

    /// Lets the entries of the next shard go that no token needs any more. A call is short; [`Self::PURGE_STEPS`]
    /// of them go round once.
    pub fn purge_step(&self, now: Timestamp) {
        let shard = self.next_purge.fetch_add(1, Ordering::Relaxed) % SHARDS;
        self.retain(shard, |stored| stored.is_needed(now));
        if shard == 0 {
            self.table.load().issuers.values().for_each(|voices| voices.cutoffs.purge(now));
        }
    }

    fn retain(&self, shard: usize, keep: impl Fn(&Stored) -> bool) {
        // Whose an entry is that leaves is asked when it does: an index may be another one's by then.
        self.shards.retain(shard, keep, |source| {
            self.table.load().feed(source).into_iter().for_each(|feed| feed.left());
        });
    }
}
