//! What the tables compare: the part of a fingerprint and its level that says who is meant.

use super::entry::Level;
use crate::decide::id::Fingerprint;

/// The nine highest bits of a fingerprint choose its shard.
pub(super) const SHARDS: usize = 512;

/// What of the third word belongs to the name; the bits below are the table's own.
const THIRD: u32 = 0xFFFF_FE00;

/// A name as it is stored: 92 bits of the fingerprint (the highest eight are those of the shard), and the level.
/// Among ten million entries, a name that nobody entered is found with a probability below 2^-68.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    words: [u32; 3],
}

/// The shard of a fingerprint.
pub(super) fn shard(print: &Fingerprint) -> usize {
    let [first, second, ..] = print.0;
    usize::from(first) << 1 | usize::from(second >> 7)
}

impl Name {
    pub(super) fn new(level: Level, print: &Fingerprint) -> Self {
        let bits = u128::from_be_bytes(print.0);
        let word = |shift: u32| (bits >> shift & u128::from(u32::MAX)) as u32;
        Self { words: [word(88), word(56), (word(36) & 0xF_FFFF) << 12 | (level as u32) << 9] }
    }

    /// From the first words of an entry.
    pub(super) const fn of(first: u32, second: u32, third: u32) -> Self {
        Self { words: [first, second, third & THIRD] }
    }

    pub(super) const fn words(self) -> [u32; 3] {
        self.words
    }

    /// The fingerprint that it was made of, as far as it is held; the rest is zero.
    pub(super) fn print(self, shard: usize) -> Fingerprint {
        let [first, second, third] = self.words.map(u128::from);
        let bits = (shard as u128) << 119 | first << 88 | second << 56 | (third >> 12) << 36;
        Fingerprint(bits.to_be_bytes())
    }

    /// The level, as its number.
    pub(super) const fn level(self) -> usize {
        let [_, _, third] = self.words;
        (third >> 9 & 0b111) as usize
    }

    /// Where among so many groups the search for it begins: bits that neither shard nor tag is made of.
    pub(super) const fn home(self, groups: usize) -> usize {
        let [_, second, _] = self.words;
        // A product of two numbers below 2^32, so nothing is lost.
        ((second as u64 * groups as u64) >> 32) as usize
    }

    /// One byte that most other names do not have; neither zero nor one, which say that nobody is there.
    pub(super) const fn tag(self) -> u8 {
        let [first, ..] = self.words;
        let byte = (first & 0xFF) as u8;
        if byte < 2 { byte + 2 } else { byte }
    }
}
