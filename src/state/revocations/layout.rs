//! How an entry is packed into words. Whoever reads an entry may do so while it is retold, so what is retold are
//! single words; where more changes, the entry gets a place of its own beside the former.
//!
//! | word | of a compact entry: every token of the name | of a wide entry |
//! |---|---|---|
//! | 0, 1 | 64 bits of the name | the same |
//! | 2 | 20 bits of the name, level (3), colour (1), source (8) | .., shape of the cut-off (8) |
//! | 3 | until | the same |
//! | 4 | learned | the same |
//! | 5 | | milliseconds of when it was learned (16), source (16) |
//! | 6, 7 | | the cut-off, in milliseconds |

use super::entry::{Colour, Learned, Stored};
use super::name::Name;
use super::slots::Slot;
use crate::decide::id::SourceId;
use crate::decide::revocation::{Cutoff, Entry};
use crate::decide::time::Timestamp;
use std::sync::atomic::Ordering;

/// The words of an entry that hits every token of its name.
pub(super) const COMPACT: usize = 5;

/// The words of any other.
pub(super) const WIDE: usize = 8;

const COLOUR: u32 = 0x100;

/// Entries of one kind of table.
pub(super) trait Layout: Sized {
    fn pack(entry: &Stored) -> Self;
    fn unpack(self) -> Stored;
}

/// Does a compact entry say all of it?
pub(super) fn is_compact(entry: &Stored) -> bool {
    entry.cutoff == Cutoff::Always && entry.source.0 < 256 && entry.learned.ms == 0
}

fn third(entry: &Stored, below: u32) -> u32 {
    let [_, _, third] = entry.name.words();
    third | below | if entry.colour == Colour::ODD { COLOUR } else { 0 }
}

fn colour(third: u32) -> Colour {
    if third & COLOUR == 0 { Colour::EVEN } else { Colour::ODD }
}

impl Layout for [u32; COMPACT] {
    fn pack(entry: &Stored) -> Self {
        let [first, second, _] = entry.name.words();
        [first, second, third(entry, u32::from(entry.source.0)), entry.until_s, entry.learned.s]
    }

    fn unpack(self) -> Stored {
        let [first, second, third, until_s, learned] = self;
        let (cutoff, source, learned) = (Cutoff::Always, source(third), Learned { s: learned, ms: 0 });
        Stored { name: Name::of(first, second, third), cutoff, learned, until_s, source, colour: colour(third) }
    }
}

impl Layout for [u32; WIDE] {
    fn pack(entry: &Stored) -> Self {
        let [first, second, _] = entry.name.words();
        let (shape, at) = match entry.cutoff {
            Cutoff::Always => (0, 0),
            Cutoff::Before(at) => (1, at.millis()),
            Cutoff::UpTo(at) => (2, at.millis()),
        };
        let [a, b, c, d, e, f, g, h] = at.to_be_bytes();
        let (high, low) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        let source = u32::from(entry.learned.ms) << 16 | u32::from(entry.source.0);
        [first, second, third(entry, shape), entry.until_s, entry.learned.s, source, high, low]
    }

    fn unpack(self) -> Stored {
        let [first, second, third, until_s, learned, source, high, low] = self;
        let at = Timestamp::from_millis((u64::from(high) << 32 | u64::from(low)).cast_signed());
        let cutoff = match third & 0xFF {
            0 => Cutoff::Always,
            1 => Cutoff::Before(at),
            _ => Cutoff::UpTo(at),
        };
        let learned = Learned { s: learned, ms: (source >> 16) as u16 };
        let source = SourceId((source & 0xFFFF) as u16);
        Stored { name: Name::of(first, second, third), cutoff, learned, until_s, source, colour: colour(third) }
    }
}

/// The source of a compact entry.
const fn source(third: u32) -> SourceId {
    SourceId((third & 0xFF) as u16)
}

/// What a request needs of a compact entry.
pub(super) fn always(slot: &Slot<COMPACT>) -> Entry {
    let [_, _, third, _, learned] = slot.each_ref().map(|word| word.load(Ordering::Relaxed));
    Entry { cutoff: Cutoff::Always, source: source(third), learned: Timestamp::from_secs(i64::from(learned)) }
}

/// Writes what may be retold where the entry is: its colour and its end.
pub(super) fn retell<const W: usize>(slot: &Slot<W>, entry: &Stored) {
    let [_, _, third, until, ..] = slot.as_slice() else { return };
    until.store(entry.until_s, Ordering::Relaxed);
    let below = third.load(Ordering::Relaxed) & !COLOUR;
    third.store(below | if entry.colour == Colour::ODD { COLOUR } else { 0 }, Ordering::Relaxed);
}
