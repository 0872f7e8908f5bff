//! The memory that tables give back when they are made anew, and that the next ones take. The allocator is seldom asked in
//! between: what it takes anew from the system the system has to clear first, up to two mebibytes at a time.
//!
//! A table that is replaced may still be read. It waits here until nobody does, so that no reader ever has to take one
//! apart.

use super::slots::{Block, Slots};
use std::sync::{Arc, Mutex, PoisonError};

/// So many blocks are kept at most, of each layout: a mebibyte, which is twice what a table has where ten million entries are
/// held.
const KEPT: usize = 32;

/// What no table uses any more.
pub(super) struct Blocks<const W: usize> {
    spare: Mutex<Spare<W>>,
}

struct Spare<const W: usize> {
    /// Replaced, but perhaps still read.
    replaced: Vec<Arc<Slots<W>>>,
    blocks: Vec<Block<W>>,
}

impl<const W: usize> Default for Blocks<W> {
    fn default() -> Self {
        Self { spare: Mutex::new(Spare { replaced: Vec::new(), blocks: Vec::new() }) }
    }
}

impl<const W: usize> Blocks<W> {
    /// A table with room for so many entries, made of what is here as far as it goes.
    pub(super) fn table(&self, entries: usize) -> Slots<W> {
        let mut taken = self.take(Slots::<W>::blocks_for(entries));
        Slots::holding(entries, || taken.pop())
    }

    /// Takes a table that was replaced.
    pub(super) fn give(&self, table: Arc<Slots<W>>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        // All shards that never had an entry share one; it has nothing to give.
        if table.room() > 0 {
            spare.replaced.push(table);
        }
    }

    fn take(&self, most: usize) -> Vec<Block<W>> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.reclaim();
        let left = spare.blocks.len().saturating_sub(most);
        spare.blocks.split_off(left)
    }
}

impl<const W: usize> Spare<W> {
    /// Takes the tables apart that nobody reads any more.
    fn reclaim(&mut self) {
        for table in std::mem::take(&mut self.replaced) {
            match Arc::try_unwrap(table) {
                Ok(table) => {
                    let room = KEPT.saturating_sub(self.blocks.len());
                    self.blocks.extend(table.into_blocks().take(room));
                }
                Err(read) => self.replaced.push(read),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(of: &Blocks<5>) -> (usize, usize) {
        let spare = of.spare.lock().unwrap();
        (spare.replaced.len(), spare.blocks.len())
    }

    #[test]
    fn a_table_waits_for_its_last_reader() {
        let store = Blocks::<5>::default();
        let table = Arc::new(store.table(5_000));
        let reader = Arc::clone(&table);
        store.give(table);
        drop(store.table(1));
        assert_eq!(blocks(&store), (1, 0), "it is still read");
        drop(reader);
        drop(store.table(1));
        assert_eq!(blocks(&store), (0, Slots::<5>::blocks_for(5_000)));
        drop(store.table(5_000));
        assert_eq!(blocks(&store), (0, 0), "the next one is made of them");
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let store = Blocks::<5>::default();
        store.give(Arc::new(store.table(200_000)));
        store.give(Arc::new(store.table(0)));
        drop(store.table(0));
        assert_eq!(blocks(&store), (0, KEPT));
    }

    /// Entries of the table before are in the memory, and no tag leads to them.
    #[test]
    fn a_table_made_of_another_ones_memory_is_empty() {
        let store = Blocks::<5>::default();
        let first = store.table(5_000);
        (1..1_000).for_each(|n| assert!(first.insert([n, n << 20, 0, n, n])));
        store.give(Arc::new(first));
        let second = store.table(5_000);
        second.each(|_, words| panic!("{words:?}"));
        assert!(second.insert([7, 7, 0, 7, 7]));
        let mut told = Vec::new();
        second.each(|_, words| told.push(words));
        assert_eq!(told, [[7, 7, 0, 7, 7]]);
    }
}
