//! The entries by name, spread over shards. One name may have several entries, one of each source. Readers take no lock
//! and wait for nobody; the writers of one shard take turns.

use super::blocks::Blocks;
use super::entry::{By, Colour, LEVELS, Level, Stored};
use super::feed::Feed;
use super::half::{Fill, Half};
use super::layout::{self, COMPACT, Layout, WIDE};
use super::name::{Name, SHARDS, shard};
use super::slots::{Slots, words};
use crate::decide::id::{Fingerprint, SourceId};
use crate::decide::revocation::Entry;
use arc_swap::ArcSwap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// All tables of one layout. Nothing but pointers, and seldom written: they stay in every core's cache.
type Tables<const W: usize> = Box<[ArcSwap<Slots<W>>]>;

pub(super) struct Shards {
    compact: Tables<COMPACT>,
    wide: Tables<WIDE>,
    writers: Box<[Mutex<Fills>]>,
    spare: (Blocks<COMPACT>, Blocks<WIDE>),
    /// Which levels ever had an entry, so that others cost nothing to ask; in the upper half, a wide one.
    any: AtomicU32,
    levels: [AtomicUsize; LEVELS],
    bytes: AtomicUsize,
}

#[derive(Default)]
struct Fills {
    compact: Fill,
    wide: Fill,
}

/// A shard, in the hands of its writer.
struct Shard<'a> {
    compact: Half<'a, COMPACT>,
    wide: Half<'a, WIDE>,
}

impl Default for Shards {
    fn default() -> Self {
        Self {
            compact: tables(),
            wide: tables(),
            writers: (0..SHARDS).map(|_| Mutex::default()).collect(),
            spare: Default::default(),
            any: AtomicU32::new(0),
            levels: Default::default(),
            bytes: AtomicUsize::new(0),
        }
    }
}

/// As long as they are empty, all share one.
fn tables<const W: usize>() -> Tables<W> {
    let empty = Arc::new(Slots::holding(0, || None));
    (0..SHARDS).map(|_| ArcSwap::new(Arc::clone(&empty))).collect()
}

const fn bit(level: usize) -> u32 {
    1 << level
}

const fn wide_bit(level: usize) -> u32 {
    1 << (level + 16)
}

/// What readers ask.
impl Shards {
    /// The strictest entry of a name at a level.
    #[inline]
    pub(super) fn look_up(&self, level: Level, print: &Fingerprint) -> Option<Entry> {
        if !self.has(bit(level as usize)) {
            return None;
        }
        let (shard, name) = (shard(print), Name::new(level, print));
        let always = self.compact.get(shard)?.load().find(name, |_, slot| Some(layout::always(slot)));
        // Asked only now: an entry that became a wide one in between was one before it ceased to be compact.
        if always.is_some() || !self.has(wide_bit(level as usize)) {
            return always;
        }
        let mut strictest = None;
        each(self.wide.get(shard)?, name, |stored| {
            let entry = stored.entry();
            strictest = Some(strictest.map_or(entry, |strictest| stricter(strictest, entry)));
        });
        strictest
    }

    /// Tells of every entry of a name.
    pub(super) fn named(&self, level: Level, print: &Fingerprint, mut told: impl FnMut(&Stored)) {
        let (shard, name) = (shard(print), Name::new(level, print));
        self.compact.get(shard).into_iter().for_each(|table| each(table, name, &mut told));
        self.wide.get(shard).into_iter().for_each(|table| each(table, name, &mut told));
    }

    /// How many entries each level has.
    pub(super) fn counts(&self) -> [usize; LEVELS] {
        self.levels.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// What the entries occupy.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    #[inline]
    fn has(&self, bits: u32) -> bool {
        self.any.load(Ordering::Acquire) & bits != 0
    }
}

fn each<const W: usize>(table: &ArcSwap<Slots<W>>, name: Name, mut told: impl FnMut(&Stored))
where
    [u32; W]: Layout,
{
    table.load().find(name, |_, slot| {
        told(&<[u32; W]>::unpack(words(slot)));
        None::<()>
    });
}

/// The stricter of two entries; the first of two that are alike.
pub(super) fn stricter(one: Entry, other: Entry) -> Entry {
    if one.cutoff.max(other.cutoff) == one.cutoff { one } else { other }
}

/// What writers do.
impl Shards {
    /// Writes an entry, merged with what its source said of the same thing. `None` if it is new and there is no
    /// room for it, or if the feed is closed; else whether it is new, and whether it was last in an older snapshot.
    pub(super) fn write(&self, shard: usize, entry: &Stored, (by, room): (By, bool), feed: &Feed) -> Option<Written> {
        self.hold(shard, |held| {
            if feed.is_closed() {
                return None;
            }
            let over = held.update(entry, by, |level| self.announce(wide_bit(level)));
            over.or_else(|| {
                room.then(|| {
                    self.count_in(entry);
                    feed.entered();
                    held.insert(entry);
                    Written::New
                })
            })
        })?
    }

    /// Takes out what a source said of a name; tells whether it had said something.
    pub(super) fn remove(&self, shard: usize, like: &Stored, feed: &Feed) -> bool {
        let removed = self.hold(shard, |held| !feed.is_closed() && held.remove(like)).unwrap_or(false);
        if removed {
            self.count_out(like);
        }
        removed
    }

    /// Keeps what is to be kept of one shard, and tells of each entry that leaves.
    pub(super) fn retain(&self, shard: usize, keep: impl Fn(&Stored) -> bool, mut gone: impl FnMut(SourceId)) {
        let mut gone = |stored: &Stored| {
            self.count_out(stored);
            gone(stored.source);
        };
        self.hold(shard, |held| {
            held.compact.retain(&keep, &mut gone);
            held.wide.retain(&keep, &mut gone);
        });
    }

    /// Tells of every entry of one shard.
    pub(super) fn each(&self, shard: usize, mut told: impl FnMut(&Stored)) {
        self.hold(shard, |held| {
            held.compact.each(&mut told);
            held.wide.each(&mut told);
        });
    }

    /// Gives all that a source said in one shard one colour.
    pub(super) fn recolour(&self, shard: usize, feed: &Feed, colour: Colour) {
        self.hold(shard, |held| {
            if !feed.is_closed() {
                held.compact.recolour(feed.id, colour);
                held.wide.recolour(feed.id, colour);
            }
        });
    }

    fn hold<T>(&self, shard: usize, act: impl FnOnce(&mut Shard<'_>) -> T) -> Option<T> {
        let mut fills = self.writers.get(shard)?.lock().unwrap_or_else(PoisonError::into_inner);
        let Fills { compact, wide } = &mut *fills;
        let (bytes, spare) = (&self.bytes, &self.spare);
        let compact = Half { table: self.compact.get(shard)?, fill: compact, blocks: &spare.0, bytes };
        let wide = Half { table: self.wide.get(shard)?, fill: wide, blocks: &spare.1, bytes };
        Some(act(&mut Shard { compact, wide }))
    }

    /// Told before the entry can be seen, so that no look-up skips a level that has one.
    fn count_in(&self, entry: &Stored) {
        let level = entry.name.level();
        self.levels.get(level).map(|count| count.fetch_add(1, Ordering::Relaxed));
        let wide = if layout::is_compact(entry) { 0 } else { wide_bit(level) };
        self.announce(bit(level) | wide);
    }

    fn count_out(&self, entry: &Stored) {
        self.levels.get(entry.name.level()).map(|count| count.fetch_sub(1, Ordering::Relaxed));
    }

    /// Written once a level only, because every request reads it.
    fn announce(&self, bits: u32) {
        if self.any.load(Ordering::Acquire) & bits != bits {
            self.any.fetch_or(bits, Ordering::AcqRel);
        }
    }
}

impl Shard<'_> {
    /// Writes an entry over what its source said of the same thing, if it did. A wide entry stays one, though it come
    /// to hit every token: whoever looks into the compact table first must not miss it on its way there.
    fn update(&mut self, entry: &Stored, by: By, widening: impl FnOnce(usize)) -> Option<Written> {
        if let Some((at, mut stored)) = self.compact.find(entry) {
            let learned = stored.learned;
            let written = Written::update(&mut stored, entry, by);
            if layout::is_compact(&stored) && stored.learned == learned {
                self.compact.retell(at, &stored);
            } else if layout::is_compact(&stored) {
                self.compact.supersede(&stored);
            } else {
                widening(stored.name.level());
                self.wide.insert(&stored);
                self.compact.remove(at);
            }
            return Some(written);
        }
        let (at, mut stored) = self.wide.find(entry)?;
        let before = (stored.cutoff, stored.learned);
        let written = Written::update(&mut stored, entry, by);
        if (stored.cutoff, stored.learned) == before {
            self.wide.retell(at, &stored)
        } else {
            self.wide.supersede(&stored)
        }
        Some(written)
    }

    fn insert(&mut self, entry: &Stored) {
        if layout::is_compact(entry) { self.compact.insert(entry) } else { self.wide.insert(entry) }
    }

    fn remove(&mut self, like: &Stored) -> bool {
        if let Some((at, _)) = self.compact.find(like) {
            self.compact.remove(at);
            return true;
        }
        self.wide.find(like).map(|(at, _)| self.wide.remove(at)).is_some()
    }
}

/// What writing an entry did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It was not there.
    New,
    /// It was there.
    Over {
        /// From an older snapshot; else the two are one now.
        former: bool,
        /// It hits more tokens than before.
        stricter: bool,
    },
}

impl Written {
    /// Writes an entry over another one of the same source and target.
    pub(super) fn update(stored: &mut Stored, entry: &Stored, by: By) -> Self {
        let before = stored.cutoff;
        let former = stored.update(entry, by);
        Self::Over { former, stricter: before != stored.cutoff && before.max(stored.cutoff) == stored.cutoff }
    }

    /// Was it in the snapshot that comes in already?
    pub(super) const fn is_merged(self) -> bool {
        matches!(self, Self::Over { former: false, .. })
    }

    /// Does its source revoke more than before?
    pub(super) const fn is_news(self) -> bool {
        matches!(self, Self::New | Self::Over { stricter: true, .. })
    }
}
