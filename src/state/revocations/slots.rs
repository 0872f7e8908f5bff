//! One table of packed entries that is read while it is written. There are no locks in it: the one writer that it has
//! at a time is the shard's affair.
//!
//! A byte of each entry's name, its tag, stands apart: a name that nobody entered is mostly turned away by one
//! look at eight tags. A place is never used twice. An entry that leaves marks its place, and the marks go when the
//! whole table is made anew. So whoever reads a place reads one entry, or the same entry retold.

use super::name::Name;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// How many tags one word holds, and so how many places make a group.
const LANES: usize = 8;

/// The tag of a place where an entry was.
const LEFT: u8 = 1;

/// One in every byte.
const ONES: u64 = 0x0101_0101_0101_0101;

/// One entry.
pub(super) type Slot<const W: usize> = [AtomicU32; W];

/// Where an entry is.
#[derive(Clone, Copy)]
pub(super) struct At {
    group: usize,
    lane: usize,
}

/// The entries of one word of tags.
type Group<const W: usize> = [Slot<W>; LANES];

/// Entries that stand in one piece of memory.
pub(super) type Block<const W: usize> = Box<[Group<W>]>;

/// The table. Its entries stand in blocks, all of one size but the last: what one table gives back when it is made anew,
/// another one takes.
pub(super) struct Slots<const W: usize> {
    tags: Box<[AtomicU64]>,
    blocks: Box<[Block<W>]>,
}

/// The lanes whose byte is zero: their highest bit.
const fn zeroes(word: u64) -> u64 {
    const LOW: u64 = ONES * 0x7F;
    !(((word & LOW) + LOW) | word | LOW)
}

const fn lane(bits: u64) -> usize {
    (bits.trailing_zeros() / 8) as usize
}

impl<const W: usize> Slots<W> {
    /// A table with room for so many entries, and an eighth more, of blocks that another one gave back or of new ones. What
    /// stands in a block that was used before is not looked at: no tag says that it is there.
    pub(super) fn holding(entries: usize, mut used: impl FnMut() -> Option<Block<W>>) -> Self {
        let groups = Self::groups_for(entries);
        let group = |_| std::array::from_fn(|_| std::array::from_fn(|_| AtomicU32::new(0)));
        let new = |groups: usize| (0..groups).map(group).collect();
        let block = |begin: usize| match groups - begin {
            few if few < Self::BLOCK => new(few),
            _ => used().unwrap_or_else(|| new(Self::BLOCK)),
        };
        let tags = (0..groups).map(|_| AtomicU64::new(0)).collect();
        Self { tags, blocks: (0..groups).step_by(Self::BLOCK).map(block).collect() }
    }

    /// How many whole blocks a table for so many entries has.
    pub(super) const fn blocks_for(entries: usize) -> usize {
        Self::groups_for(entries) / Self::BLOCK
    }

    /// Its whole blocks.
    pub(super) fn into_blocks(self) -> impl Iterator<Item = Block<W>> {
        self.blocks.into_iter().filter(|block| block.len() == Self::BLOCK)
    }

    /// How many groups a whole block has. With larger ones the allocator has less to walk, with smaller ones less memory is
    /// taken beside the table while it is made anew.
    const BLOCK: usize = 32 * 1024 / size_of::<Group<W>>();

    const fn groups_for(entries: usize) -> usize {
        if entries == 0 {
            return 0;
        }
        ((entries + entries / 8 + 1) * 12).div_ceil(11 * LANES)
    }

    /// How many places may be used: eleven of twelve, so that a search soon meets a place that never was.
    pub(super) const fn room(&self) -> usize {
        self.tags.len() * LANES * 11 / 12
    }

    /// Would it be much smaller, or quicker to search, if it were made anew with the entries that are left?
    pub(super) const fn is_wasteful(&self, live: usize, used: usize) -> bool {
        (used - live) * 8 > self.room() || Self::groups_for(live) * 5 < self.tags.len() * 4
    }

    /// What it occupies.
    pub(super) const fn bytes(&self) -> usize {
        size_of_val(&*self.tags) + self.tags.len() * size_of::<Group<W>>() + size_of_val(&*self.blocks)
    }

    /// The first entry of a name for which `take` gives something.
    #[inline]
    pub(super) fn find<T>(&self, name: Name, mut take: impl FnMut(At, &Slot<W>) -> Option<T>) -> Option<T> {
        let pattern = u64::from(name.tag()) * ONES;
        let mut group = name.home(self.tags.len());
        for _ in 0..self.tags.len() {
            // Who sees a tag sees the entry that was written before it.
            let tags = self.tags.get(group)?.load(Ordering::Acquire);
            let mut alike = zeroes(tags ^ pattern);
            while alike != 0 {
                let at = At { group, lane: lane(alike) };
                let slot = self.slot(at)?;
                if is(slot, name)
                    && let Some(taken) = take(at, slot)
                {
                    return Some(taken);
                }
                alike &= alike - 1;
            }
            if zeroes(tags) != 0 {
                return None;
            }
            group = self.after(group);
        }
        None
    }

    /// Writes an entry into the first place of its search that never was used. Whether there was one.
    pub(super) fn insert(&self, words: [u32; W]) -> bool {
        let name = name_of(&words);
        let mut group = name.home(self.tags.len());
        for _ in 0..self.tags.len() {
            let Some(tags) = self.tags.get(group) else { return false };
            let free = zeroes(tags.load(Ordering::Relaxed));
            if free != 0 {
                let at = At { group, lane: lane(free) };
                self.slot(at).into_iter().flatten().zip(words).for_each(|(to, word)| to.store(word, Ordering::Relaxed));
                self.mark(at, name.tag());
                return true;
            }
            group = self.after(group);
        }
        false
    }

    /// Takes an entry out.
    pub(super) fn remove(&self, at: At) {
        self.mark(at, LEFT);
    }

    /// Tells of every entry.
    pub(super) fn each(&self, mut told: impl FnMut(At, [u32; W])) {
        for (group, (tags, slots)) in self.tags.iter().zip(self.blocks.iter().flatten()).enumerate() {
            let tags = tags.load(Ordering::Acquire).to_le_bytes();
            for (lane, (tag, slot)) in tags.into_iter().zip(slots).enumerate() {
                if tag > LEFT {
                    told(At { group, lane }, words(slot));
                }
            }
        }
    }

    /// An entry's place.
    pub(super) fn slot(&self, at: At) -> Option<&Slot<W>> {
        self.blocks.get(at.group / Self::BLOCK)?.get(at.group % Self::BLOCK)?.get(at.lane)
    }

    const fn after(&self, group: usize) -> usize {
        if group + 1 == self.tags.len() { 0 } else { group + 1 }
    }

    fn mark(&self, at: At, tag: u8) {
        let Some(word) = self.tags.get(at.group) else { return };
        let mut tags = word.load(Ordering::Relaxed).to_le_bytes();
        tags.iter_mut().skip(at.lane).take(1).for_each(|byte| *byte = tag);
        word.store(u64::from_le_bytes(tags), Ordering::Release);
    }
}

/// The words of an entry.
pub(super) fn words<const W: usize>(slot: &Slot<W>) -> [u32; W] {
    slot.each_ref().map(|word| word.load(Ordering::Relaxed))
}

fn name_of<const W: usize>(words: &[u32; W]) -> Name {
    let [first, second, third, ..] = words.as_slice() else { return Name::default() };
    Name::of(*first, *second, *third)
}

#[inline]
fn is<const W: usize>(slot: &Slot<W>, name: Name) -> bool {
    let [first, second, third, ..] = slot.as_slice() else { return false };
    let load = |word: &AtomicU32| word.load(Ordering::Relaxed);
    Name::of(load(first), load(second), load(third)) == name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte is zero, or it is not, whatever its neighbours are.
    #[test]
    fn zero_bytes_are_told_exactly() {
        for word in [0, 1, 0x0100, 0xFF00, 0x80, 0x8000_0000_0000_0000, 0x0001_0080_FF7F_0100, u64::MAX, ONES] {
            let told = zeroes(word).to_le_bytes();
            assert_eq!(told, word.to_le_bytes().map(|byte| if byte == 0 { 0x80 } else { 0 }), "{word:x}");
        }
    }

    #[test]
    fn what_is_full_takes_no_more_and_a_search_ends() {
        let table = Slots::<5>::holding(1, || None);
        let name = |n: u32| Name::of(n, n << 29, 0);
        let put = |n: u32| table.insert([n, n << 29, 0, 0, 0]);
        assert_eq!((0..9).map(put).filter(|put| *put).count(), 8);
        let found = |n| table.find(name(n), |at, _| Some(at));
        assert!((0..8).all(|n| found(n).is_some()) && found(8).is_none());
        (0..8).for_each(|n| table.remove(found(n).unwrap()));
        assert!((0..9).all(|n| found(n).is_none()) && !put(1));
        assert!(Slots::<5>::holding(0, || None).find(name(1), |at, _| Some(at)).is_none());
    }
}
