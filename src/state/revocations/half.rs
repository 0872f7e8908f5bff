//! One of a shard's two tables, as its writer sees it: who holds the shard's lock has it alone. Readers go on meanwhile;
//! a table that is full, or full of marks, is made anew beside them and put in its place.

use super::blocks::Blocks;
use super::entry::Stored;
use super::layout::{self, Layout};
use super::slots::{At, Slots, words};
use crate::decide::id::SourceId;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How full a table is: kept apart from it, so that readers' memory is not written with every entry.
#[derive(Clone, Copy, Default)]
pub(super) struct Fill {
    live: usize,
    used: usize,
}

/// The table, and what its writer keeps of it.
pub(super) struct Half<'a, const W: usize> {
    pub(super) table: &'a ArcSwap<Slots<W>>,
    pub(super) fill: &'a mut Fill,
    pub(super) blocks: &'a Blocks<W>,
    pub(super) bytes: &'a AtomicUsize,
}

impl<const W: usize> Half<'_, W>
where
    [u32; W]: Layout,
{
    /// What a source said of a name.
    pub(super) fn find(&self, like: &Stored) -> Option<(At, Stored)> {
        if self.fill.live == 0 {
            return None;
        }
        self.table.load().find(like.name, |at, slot| {
            let stored = <[u32; W]>::unpack(words(slot));
            (stored.source == like.source).then_some((at, stored))
        })
    }

    /// Puts in an entry that is not there.
    pub(super) fn insert(&mut self, entry: &Stored) {
        self.make_room();
        if self.table.load().insert(Layout::pack(entry)) {
            self.fill.live += 1;
            self.fill.used += 1;
        }
    }

    /// Changes an entry that is there.
    pub(super) fn retell(&self, at: At, entry: &Stored) {
        if let Some(slot) = self.table.load().slot(at) {
            layout::retell(slot, entry);
        }
    }

    /// Puts an entry in the place of what its source said before. Whoever searches finds one of the two.
    pub(super) fn supersede(&mut self, entry: &Stored) {
        // Room first: making it moves every entry.
        self.make_room();
        let former = self.find(entry);
        self.insert(entry);
        former.into_iter().for_each(|(at, _)| self.remove(at));
    }

    /// Takes out an entry that is there.
    pub(super) fn remove(&mut self, at: At) {
        self.table.load().remove(at);
        self.fill.live = self.fill.live.saturating_sub(1);
    }

    /// Keeps what is to be kept, and tells of each entry that leaves.
    pub(super) fn retain(&mut self, keep: impl Fn(&Stored) -> bool, mut gone: impl FnMut(&Stored)) {
        let (mut left, table) = (0, self.table.load());
        table.each(|at, words| {
            let stored = <[u32; W]>::unpack(words);
            if !keep(&stored) {
                table.remove(at);
                left += 1;
                gone(&stored);
            }
        });
        self.fill.live = self.fill.live.saturating_sub(left);
        let wasteful = table.is_wasteful(self.fill.live, self.fill.used);
        drop(table);
        if wasteful {
            self.renew(self.fill.live);
        }
    }

    /// Tells of every entry.
    pub(super) fn each(&self, mut told: impl FnMut(&Stored)) {
        self.table.load().each(|_, words| told(&<[u32; W]>::unpack(words)));
    }

    /// Gives all that a source said the colour of this entry.
    pub(super) fn recolour(&self, source: SourceId, colour: super::entry::Colour) {
        let table = self.table.load();
        table.each(|at, words| {
            let stored = <[u32; W]>::unpack(words);
            if stored.source == source && stored.colour != colour {
                table.slot(at).into_iter().for_each(|slot| layout::retell(slot, &Stored { colour, ..stored }));
            }
        });
    }

    fn make_room(&mut self) {
        if self.fill.used >= self.table.load().room() {
            self.renew(self.fill.live + 1);
        }
    }

    fn renew(&mut self, entries: usize) {
        let (former, new) = (self.table.load_full(), self.blocks.table(entries));
        let mut live = 0;
        former.each(|_, words| live += usize::from(new.insert(words)));
        *self.fill = Fill { live, used: live };
        self.bytes.fetch_add(new.bytes(), Ordering::Relaxed);
        self.bytes.fetch_sub(former.bytes(), Ordering::Relaxed);
        self.table.store(Arc::new(new));
        self.blocks.give(former);
    }
}
