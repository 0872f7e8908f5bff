//! What a record says: entries that one source added, all that it says now, or what it took back. An entry of a token
//! id is 17 to 25 bytes.

use super::frame::Bytes;
use super::voice::Voice;
use crate::decide::id::Fingerprint;
use crate::decide::revocation::Cutoff;
use crate::decide::time::Timestamp;
use crate::state::revocations::{Revoked, Target};
use std::time::Duration;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Manner {
    /// It said this besides.
    Add = 1,
    /// It says this, and nothing else.
    Replace = 2,
    /// It took this back, or put a cut-off in its place.
    Lift = 3,
    /// Here a snapshot ends.
    End = 4,
    /// This was taken back, and is void when it is told again: what was said of it before it was learned, until then.
    Void = 5,
}

/// An entry, with when we learned of it.
pub(super) type Learned = (Revoked, Timestamp);

/// What all entries of a record have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) manner: Manner,
    pub(super) source: &'a str,
    pub(super) iss: &'a str,
    pub(super) learned: Timestamp,
    /// Where the source goes on from, after this.
    pub(super) cursor: Option<&'a [u8]>,
    pub(super) count: u32,
}

/// A record, as it is read.
#[derive(Clone)]
pub(super) struct Batch<'a> {
    pub(super) head: Head<'a>,
    entries: Bytes<'a>,
}

/// No name of a source or an issuer, and no cursor, is longer.
const MAX_TEXT: usize = u16::MAX as usize - 1;

const NO_CURSOR: u16 = u16::MAX;
/// With the milliseconds of when it was learned.
const FINE: u8 = 0x08;
const UNTIL: u8 = 0x40;
const LEARNED: u8 = 0x80;
const NEVER: u32 = u32::MAX;

/// The record that ends a snapshot.
pub(super) fn end() -> Vec<u8> {
    vec![Manner::End as u8]
}

/// Writes a record of these entries. Those that were learned at another time than the record say so.
pub(super) fn write<'a>(
    manner: Manner,
    voice: &Voice,
    learned: Timestamp,
    cursor: Option<&[u8]>,
    entries: impl ExactSizeIterator<Item = &'a Learned>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + entries.len() * 25);
    out.push(manner as u8);
    text(&mut out, voice.source.as_str().as_bytes());
    text(&mut out, voice.iss.as_bytes());
    out.extend_from_slice(&learned.millis().to_le_bytes());
    match cursor.filter(|cursor| cursor.len() <= MAX_TEXT) {
        Some(cursor) => text(&mut out, cursor),
        None => out.extend_from_slice(&NO_CURSOR.to_le_bytes()),
    }
    out.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_le_bytes());
    entries.for_each(|entry| put(&mut out, entry, learned));
    out
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    out.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or_default().to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put(out: &mut Vec<u8>, (what, learned): &Learned, common: Timestamp) {
    let (level, print) = level(what.target);
    let (shape, at) = match what.cutoff {
        Cutoff::Always => (0, None),
        Cutoff::Before(at) => (1, Some(at)),
        Cutoff::UpTo(at) => (2, Some(at)),
    };
    let until = what.until.map(seconds_up).filter(|until| *until != NEVER);
    let own = (*learned != common).then_some(seconds(learned.secs()));
    let fine = u16::try_from(learned.millis().rem_euclid(1000)).ok().filter(|ms| own.is_some() && *ms > 0);
    let flags = until.map_or(0, |_| UNTIL) | own.map_or(0, |_| LEARNED) | fine.map_or(0, |_| FINE);
    out.push(level | (shape << 4) | flags);
    out.extend_from_slice(&print.0);
    at.iter().for_each(|at| out.extend_from_slice(&at.millis().to_le_bytes()));
    until.iter().chain(&own).for_each(|s| out.extend_from_slice(&s.to_le_bytes()));
    fine.iter().for_each(|ms| out.extend_from_slice(&ms.to_le_bytes()));
}

fn seconds(s: i64) -> u32 {
    u32::try_from(s.max(0)).unwrap_or(NEVER)
}

/// Rounded to the side that keeps longer.
fn seconds_up(at: Timestamp) -> u32 {
    seconds(at.plus(std::time::Duration::from_millis(999)).secs())
}

pub(super) const fn level(target: Target) -> (u8, Fingerprint) {
    match target {
        Target::Token(print) => (0, print),
        Target::Session(print) => (1, print),
        Target::Subject(print) => (2, print),
        Target::Client(print) => (3, print),
        Target::Issuer => (4, Fingerprint([0; 16])),
        Target::Claim(print) => (5, print),
        Target::Beside(print) => (6, print),
    }
}

const fn target(level: u8, print: Fingerprint) -> Option<Target> {
    Some(match level {
        0 => Target::Token(print),
        1 => Target::Session(print),
        2 => Target::Subject(print),
        3 => Target::Client(print),
        4 => Target::Issuer,
        5 => Target::Claim(print),
        6 => Target::Beside(print),
        _ => return None,
    })
}

impl<'a> Batch<'a> {
    /// Reads a record whose checksum is right. `None` if this version cannot have written it.
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let mut at = Bytes(payload);
        let manner = match at.u8()? {
            1 => Manner::Add,
            2 => Manner::Replace,
            3 => Manner::Lift,
            4 => return Self::read_end(at),
            5 => Manner::Void,
            _ => return None,
        };
        let (source, iss) = (name(&mut at)?, name(&mut at)?);
        let learned = Timestamp::from_millis(at.i64()?);
        let cursor = match at.u16()? {
            NO_CURSOR => None,
            length => Some(at.take(length.into())?),
        };
        let count = at.u32()?;
        Some(Self { head: Head { manner, source, iss, learned, cursor, count }, entries: at })
    }

    fn read_end(at: Bytes<'a>) -> Option<Self> {
        let learned = Timestamp::default();
        let head = Head { manner: Manner::End, source: "", iss: "", learned, cursor: None, count: 0 };
        at.0.is_empty().then_some(Self { head, entries: at })
    }

    /// Its entries; `None` where one cannot be read, or where there are more or fewer than it says.
    pub(super) fn entries(&self) -> impl Iterator<Item = Option<Learned>> + use<'a> {
        let (mut at, common, mut left) = (self.entries.clone(), self.head.learned, self.head.count);
        std::iter::from_fn(move || {
            if left == 0 {
                return (!std::mem::take(&mut at.0).is_empty()).then_some(None);
            }
            let entry = get(&mut at, common);
            left = if entry.is_some() { left - 1 } else { 0 };
            at.0 = if entry.is_some() { at.0 } else { &[] };
            Some(entry)
        })
    }
}

fn name<'a>(at: &mut Bytes<'a>) -> Option<&'a str> {
    let length = at.u16()?;
    std::str::from_utf8(at.take(length.into())?).ok()
}

fn get(at: &mut Bytes<'_>, common: Timestamp) -> Option<Learned> {
    let tag = at.u8()?;
    let target = target(tag & 0x07, Fingerprint(at.array()?))?;
    let cutoff = match (tag >> 4) & 3 {
        0 => Cutoff::Always,
        1 => Cutoff::Before(Timestamp::from_millis(at.i64()?)),
        2 => Cutoff::UpTo(Timestamp::from_millis(at.i64()?)),
        _ => return None,
    };
    let mut second = |flag| if tag & flag == 0 { Some(None) } else { at.u32().map(|s| Some(of_seconds(s))) };
    let (until, learned) = (second(UNTIL)?, second(LEARNED)?.unwrap_or(common));
    let fine = if tag & FINE == 0 { 0 } else { at.u16()? };
    let learned = learned.plus(Duration::from_millis(fine.into()));
    Some((Revoked { target, cutoff, until }, learned))
}

fn of_seconds(s: u32) -> Timestamp {
    Timestamp::from_secs(s.into())
}
