//! The entries by fingerprint, spread over shards, each behind its own lock. One name may have several
//! entries, one of each source.

use super::entry::{By, LEVELS, Level, Stored};
use crate::decide::id::{Fingerprint, SourceId};
use crate::decide::revocation::Entry;
use hashbrown::HashTable;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

/// How many shards; a power of two.
pub(super) const SHARDS: usize = 256;

type Shard = RwLock<HashTable<Stored>>;

pub(super) struct Shards {
    shards: Box<[Shard]>,
    /// How many entries each level has, so that an empty one costs nothing to ask.
    levels: [AtomicUsize; LEVELS],
}

impl Default for Shards {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect(), levels: Default::default() }
    }
}

/// A fingerprint is a keyed hash already: its first byte chooses the shard, its last eight the bucket.
fn place(print: &Fingerprint) -> (usize, u64) {
    let [first, .., b7, b6, b5, b4, b3, b2, b1, b0] = print.0;
    (usize::from(first), u64::from_be_bytes([b7, b6, b5, b4, b3, b2, b1, b0]))
}

impl Shards {
    fn count(&self, level: Level) -> Option<&AtomicUsize> {
        self.levels.get(level as usize)
    }

    /// The strictest entry of a name at a level.
    pub(super) fn look_up(&self, level: Level, print: &Fingerprint) -> Option<Entry> {
        if self.count(level)?.load(Ordering::Acquire) == 0 {
            return None;
        }
        let (shard, hash) = place(print);
        let shard = self.shards.get(shard)?.read().unwrap_or_else(PoisonError::into_inner);
        let named = shard.iter_hash(hash).filter(|stored| stored.print == *print && stored.level == level);
        named.map(Stored::entry).reduce(
            |one, other| {
                if one.cutoff.max(other.cutoff) == one.cutoff { one } else { other }
            },
        )
    }

    /// Writes an entry, merged with what its source said of the same thing. `None` if it is new and there is no
    /// room for it; else whether it is new, and whether it was last in an older snapshot.
    pub(super) fn write(&self, entry: Stored, by: By, room: bool) -> Option<Written> {
        let (shard, hash) = place(&entry.print);
        let mut shard = self.shards.get(shard)?.write().unwrap_or_else(PoisonError::into_inner);
        let same = |stored: &Stored| {
            stored.print == entry.print && stored.level == entry.level && stored.source == entry.source
        };
        if let Some(stored) = shard.find_mut(hash, same) {
            return Some(if stored.update(&entry, by) { Written::Renewed } else { Written::Merged });
        }
        if !room {
            return None;
        }
        // Counted before it can be seen, so that no look-up skips a level that has an entry.
        self.count(entry.level)?.fetch_add(1, Ordering::AcqRel);
        shard.insert_unique(hash, entry, |stored| place(&stored.print).1);
        Some(Written::New)
    }

    /// Keeps what is to be kept of one shard, and tells of each entry that leaves.
    pub(super) fn retain(&self, shard: usize, keep: impl Fn(&Stored) -> bool, mut gone: impl FnMut(SourceId)) {
        let Some(shard) = self.shards.get(shard) else { return };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        shard.retain(|stored| {
            let keep = keep(stored);
            if !keep {
                self.count(stored.level).map(|count| count.fetch_sub(1, Ordering::AcqRel));
                gone(stored.source);
            }
            keep
        });
    }
}

/// What writing an entry did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It was not there.
    New,
    /// It was there, from an older snapshot.
    Renewed,
    /// It was there, and the two are one now.
    Merged,
}
