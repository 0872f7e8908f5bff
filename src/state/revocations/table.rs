//! Which feeds there are, and which of them speak for an issuer. Replaced whole when the settings change.

use super::entry::{By, Colour, Stored};
use super::feed::Feed;
use super::shards::Written;
use crate::decide::id::{IssuerName, SourceId};
use crate::decide::revocation::{Entry, Freshness};
use crate::decide::time::{Moment, Timestamp};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

/// One issuer: the sources that speak for it, and the cut-offs of the issuer as a whole.
#[derive(Clone, Default)]
pub(super) struct Voices {
    pub(super) feeds: Vec<Arc<Feed>>,
    pub(super) cutoffs: Arc<Cutoffs>,
}

/// The cut-offs of an issuer as a whole, one of each source.
#[derive(Default)]
pub(super) struct Cutoffs {
    any: AtomicBool,
    entries: RwLock<Vec<Stored>>,
}

/// All feeds, by their index and by their issuer.
#[derive(Clone, Default)]
pub(super) struct Table {
    pub(super) feeds: Vec<Option<Arc<Feed>>>,
    pub(super) issuers: HashMap<IssuerName, Voices, foldhash::fast::RandomState>,
}

impl Table {
    pub(super) fn feed(&self, id: SourceId) -> Option<&Arc<Feed>> {
        self.feeds.get(usize::from(id.0))?.as_ref()
    }

    /// The lowest index that is free; `None` if all 65,536 are taken.
    pub(super) fn free(&self) -> Option<SourceId> {
        let index = self.feeds.iter().position(Option::is_none).unwrap_or(self.feeds.len());
        u16::try_from(index).ok().map(SourceId)
    }

    pub(super) fn put(&mut self, feed: &Arc<Feed>) {
        let index = usize::from(feed.id.0);
        if self.feeds.len() <= index {
            self.feeds.resize(index + 1, None);
        }
        if let Some(place) = self.feeds.get_mut(index) {
            *place = Some(Arc::clone(feed));
        }
        self.issuers.entry(feed.issuer.clone()).or_default().feeds.push(Arc::clone(feed));
    }

    pub(super) fn take(&mut self, feed: &Feed) {
        if let Some(place) = self.feeds.get_mut(usize::from(feed.id.0)) {
            *place = None;
        }
        if let Some(voices) = self.issuers.get_mut(&feed.issuer) {
            voices.feeds.retain(|other| other.id != feed.id);
            voices.cutoffs.retain(|stored| stored.source != feed.id);
        }
        self.issuers.retain(|_, voices| !voices.feeds.is_empty());
    }
}

impl Voices {
    /// A source that was never heard speaks loudest; else the one whose knowledge is nearest to being stale.
    pub(super) fn freshness(&self, now: Moment) -> Freshness {
        self.feeds.iter().map(|feed| feed.freshness(now)).reduce(nearer).unwrap_or_default()
    }
}

fn nearer(one: Freshness, other: Freshness) -> Freshness {
    match (one, other) {
        (Freshness::Heard { age, max, .. }, Freshness::Heard { age: other_age, max: other_max, .. }) => {
            // Compared as "margin left", in nanoseconds; a source that is past its limit has a negative one.
            // What is never stale has all the margin there is.
            let margin = |age: Duration, max: Option<Duration>| {
                i128::try_from(max.unwrap_or(Duration::MAX).as_nanos()).unwrap_or(i128::MAX)
                    - i128::try_from(age.as_nanos()).unwrap_or(i128::MAX)
            };
            if margin(other_age, other_max) < margin(age, max) { other } else { one }
        }
        (Freshness::Cold { source, stale }, other) | (other, Freshness::Cold { source, stale }) => {
            Freshness::Cold { source, stale: stale || is_stale(other) }
        }
        (Freshness::Heard { .. } | Freshness::Unfed, never) => never,
        (never, _) => never,
    }
}

/// Of a source that was heard.
fn is_stale(freshness: Freshness) -> bool {
    match freshness {
        Freshness::Unfed => false,
        Freshness::Heard { age, max, .. } => max.is_some_and(|max| age > max),
        Freshness::Never { .. } => true,
        Freshness::Cold { stale, .. } => stale,
    }
}

impl Cutoffs {
    pub(super) fn strictest(&self) -> Option<Entry> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(Stored::entry).reduce(
            |one, other| {
                if one.cutoff.max(other.cutoff) == one.cutoff { one } else { other }
            },
        )
    }

    /// `None` if the feed is closed.
    pub(super) fn write(&self, entry: Stored, by: By, feed: &Feed) -> Option<Written> {
        let mut entries = self.lock();
        if feed.is_closed() {
            return None;
        }
        self.any.store(true, Ordering::Release);
        if let Some(stored) = entries.iter_mut().find(|stored| stored.source == entry.source) {
            return Some(Written::update(stored, &entry, by));
        }
        entries.push(entry);
        Some(Written::New)
    }

    pub(super) fn retain(&self, keep: impl Fn(&Stored) -> bool) {
        let mut entries = self.lock();
        entries.retain(keep);
        self.any.store(!entries.is_empty(), Ordering::Release);
    }

    /// Takes out what a source said; tells whether it had said something.
    pub(super) fn remove(&self, feed: &Feed) -> bool {
        let mut entries = self.lock();
        let before = entries.len();
        entries.retain(|stored| stored.source != feed.id || feed.is_closed());
        self.any.store(!entries.is_empty(), Ordering::Release);
        before != entries.len()
    }

    pub(super) fn recolour(&self, feed: &Feed, colour: Colour) {
        let mut entries = self.lock();
        let its = |stored: &&mut Stored| stored.source == feed.id && !feed.is_closed();
        entries.iter_mut().filter(its).for_each(|stored| stored.colour = colour);
    }

    pub(super) fn all(&self) -> Vec<Stored> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn purge(&self, now: Timestamp) {
        if self.any.load(Ordering::Acquire) {
            self.retain(|stored| stored.is_needed(now));
        }
    }

    fn lock(&self) -> RwLockWriteGuard<'_, Vec<Stored>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}
