//! Many entries of one issuer, as one entry of the stream holds them. Whoever lacks the key can neither write one nor
//! change one, though Redis be theirs. What they can do is to withhold: to withhold everything ages; that a single entry
//! was taken out of the stream does not show.
//!
//! ```text
//! version 1 · manner 1 · origin 16 · sequence 8 · iss: length 2, bytes · entries: count 2, 44 each · seal 16
//! an entry: told 1 · level 1 · cut-off: shape 1, ms 8 · until: ms 8 · learned: ms 8 · fingerprint 16 · zero 1
//! ```
//! Numbers are big-endian, times are milliseconds since the epoch.

use super::note::{Note, TERM, Told, Voice};
use crate::decide::id::Fingerprint;
use crate::decide::revocation::Cutoff;
use crate::decide::time::Timestamp;
use crate::state::fingerprint::{Fingerprints, Kind};
use crate::state::revocations::{Revoked, Target};
use std::sync::Arc;

const VERSION: u8 = 1;
const ENTRY: usize = 44;
const SEAL: usize = 16;

/// No block has more entries: then it is about 11 KiB long.
pub(super) const ENTRIES: usize = 256;

/// No block is longer: an issuer's name of the longest kind, and all its entries.
pub(super) const LENGTH: usize = 32 * 1024;

/// An `until` that is not known.
const UNKNOWN: i64 = i64::MIN;

/// How a block came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Its entries have just been accepted: how long they took to come here is worth telling.
    News = 1,
    /// Its entries were held, and are told once more.
    Again = 2,
    /// It has none, and only marks a place.
    Mark = 3,
}

/// A block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) manner: Manner,
    /// Which process wrote it.
    pub(super) origin: [u8; 16],
    /// Its number among those of its origin.
    pub(super) sequence: u64,
    /// Its entries.
    pub(super) notes: Vec<Note>,
}

/// A block of the notes at the front that are of one issuer, and how many those are.
pub(super) fn of_front(notes: &[Note]) -> &[Note] {
    let same = |note: &&Note| notes.first().is_some_and(|first| first.iss == note.iss);
    let count = notes.iter().take(ENTRIES).take_while(same).count();
    notes.get(..count).unwrap_or_default()
}

/// Writes a block. The notes are of one issuer.
pub(super) fn write(prints: &Fingerprints, manner: Manner, from: ([u8; 16], u64), notes: &[Note]) -> Vec<u8> {
    let iss = notes.first().map(|note| &*note.iss).unwrap_or_default();
    let mut out = Vec::with_capacity(64 + iss.len() + notes.len() * ENTRY);
    out.extend([VERSION, manner as u8]);
    out.extend(from.0);
    out.extend(from.1.to_be_bytes());
    out.extend(u16::try_from(iss.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(iss.bytes());
    out.extend(u16::try_from(notes.len()).unwrap_or(u16::MAX).to_be_bytes());
    notes.iter().for_each(|note| write_note(&mut out, note));
    let seal = seal(prints, &out);
    out.extend(seal);
    out
}

fn seal(prints: &Fingerprints, bytes: &[u8]) -> [u8; SEAL] {
    prints.of(Kind::Fleet, "block", bytes).0
}

fn write_note(out: &mut Vec<u8>, note: &Note) {
    let (told, what) = match note.told {
        Told::Revoked(Voice::Provider, what) => (1, what),
        Told::Revoked(Voice::Operator, what) => (2, what),
        Told::Lifted(target, until) => (3, Revoked { target, cutoff: Cutoff::Always, until: Some(until) }),
    };
    let (level, print) = match what.target {
        Target::Issuer => (0, Fingerprint::default()),
        Target::Token(print) => (1, print),
        Target::Session(print) => (2, print),
        Target::Subject(print) => (3, print),
        Target::Client(print) => (4, print),
        Target::Claim(print) => (5, print),
        // A source's note for itself: told to nobody.
        Target::Beside(print) => (6, print),
    };
    let shape = match what.cutoff {
        Cutoff::Always => 0,
        Cutoff::Before(_) => 1,
        Cutoff::UpTo(_) => 2,
    };
    out.extend([told, level, shape]);
    out.extend(what.cutoff.instant().map_or(0, Timestamp::millis).to_be_bytes());
    out.extend(what.until.map_or(UNKNOWN, Timestamp::millis).to_be_bytes());
    out.extend(note.learned.millis().to_be_bytes());
    out.extend(print.0);
    out.push(0);
}

/// Reads a block; `None` if it is not one that an instance with our key wrote, byte for byte.
pub(super) fn read(prints: &Fingerprints, bytes: &[u8]) -> Option<Block> {
    let (bytes, seal_of_it) = bytes.split_last_chunk::<SEAL>()?;
    // Who writes into our Redis cannot measure how long this comparison takes, and would gain 128 bits to guess.
    if bytes.len() > LENGTH || seal(prints, bytes) != *seal_of_it {
        return None;
    }
    let mut rest = bytes;
    let [VERSION, manner] = take(&mut rest)? else { return None };
    let manner = [Manner::News, Manner::Again, Manner::Mark].into_iter().find(|one| *one as u8 == manner)?;
    let origin = take(&mut rest)?;
    let sequence = u64::from_be_bytes(take(&mut rest)?);
    let length = usize::from(u16::from_be_bytes(take(&mut rest)?));
    let (iss, mut rest) = rest.split_at_checked(length)?;
    let iss: Arc<str> = std::str::from_utf8(iss).ok()?.into();
    let count = usize::from(u16::from_be_bytes(take(&mut rest)?));
    let (entries, []) = rest.as_chunks::<ENTRY>() else { return None };
    let notes = entries.iter().map(|entry| read_note(&iss, entry)).collect::<Option<Vec<_>>>()?;
    (notes.len() == count).then_some(Block { manner, origin, sequence, notes })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

fn read_note(iss: &Arc<str>, entry: &[u8; ENTRY]) -> Option<Note> {
    let mut rest = &entry[..];
    let [told, level, shape] = take(&mut rest)?;
    let time = |rest: &mut &[u8]| take(rest).map(|bytes| Timestamp::from_millis(i64::from_be_bytes(bytes)));
    let (at, until, learned) = (time(&mut rest)?, time(&mut rest)?, time(&mut rest)?);
    let print = Fingerprint(take(&mut rest)?);
    let target = match level {
        0 => Target::Issuer,
        1 => Target::Token(print),
        2 => Target::Session(print),
        3 => Target::Subject(print),
        4 => Target::Client(print),
        5 => Target::Claim(print),
        _ => return None,
    };
    let cutoff = match shape {
        0 => Cutoff::Always,
        1 => Cutoff::Before(at),
        2 => Cutoff::UpTo(at),
        _ => return None,
    };
    let what = Revoked { target, cutoff, until: (until.millis() != UNKNOWN).then_some(until) };
    let told = match told {
        1 => Told::Revoked(Voice::Provider, what),
        2 => Told::Revoked(Voice::Operator, what),
        3 => Told::Lifted(target, what.until.unwrap_or_else(|| learned.plus(TERM))),
        _ => return None,
    };
    Some(Note { iss: Arc::clone(iss), told, learned })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes() -> Vec<Note> {
        let (iss, at) = (Arc::from("https://id.example.com"), Timestamp::from_millis(1_793_594_096_123));
        let print = |byte| Fingerprint([byte; 16]);
        let targets = [
            Target::Issuer,
            Target::Token(print(1)),
            Target::Session(print(2)),
            Target::Subject(print(3)),
            Target::Client(print(4)),
            Target::Claim(print(5)),
        ];
        let cutoffs = [Cutoff::Always, Cutoff::Before(at), Cutoff::UpTo(at)];
        let mut notes = Vec::new();
        for (target, cutoff) in targets.into_iter().flat_map(|target| cutoffs.map(|cutoff| (target, cutoff))) {
            let until = (cutoff != Cutoff::Always).then_some(at);
            let what = Revoked { target, cutoff, until };
            notes.push(Note::revoked(&iss, Voice::Provider, what, at));
            notes.push(Note::revoked(&iss, Voice::Operator, what, at));
            notes.push(Note { iss: Arc::clone(&iss), told: Told::Lifted(target, at), learned: at });
        }
        notes
    }

    /// Everything comes back as it was; cut at any place or with any bit turned, nothing does.
    #[test]
    fn what_was_written_is_read_and_nothing_else_is() {
        let prints = Fingerprints::derived(b"a key for tests").unwrap();
        let written = write(&prints, Manner::News, ([7; 16], 9), &notes());
        let read_back = read(&prints, &written).unwrap();
        assert_eq!((read_back.manner, read_back.origin, read_back.sequence), (Manner::News, [7; 16], 9));
        assert_eq!(read_back.notes, notes());
        (0..written.len()).for_each(|end| assert_eq!(read(&prints, &written[..end]), None));
        for at in 0..written.len() {
            let mut turned = written.clone();
            turned[at] ^= 1 << (at % 8);
            assert_eq!(read(&prints, &turned), None, "byte {at}");
        }
        assert_eq!(read(&Fingerprints::derived(b"another").unwrap(), &written), None);
    }

    /// A seal does not make sense of nonsense.
    #[test]
    fn sealed_nonsense_is_nonsense() {
        let prints = Fingerprints::derived(b"a key for tests").unwrap();
        let good = write(&prints, Manner::News, ([7; 16], 9), &notes()[..1]);
        let body = &good[..good.len() - SEAL];
        let sealed = |body: &[u8]| [body, &seal(&prints, body)[..]].concat();
        assert!(read(&prints, &sealed(body)).is_some());
        let entry = body.len() - ENTRY;
        for (at, byte) in [(0, 2), (1, 9), (26, 0xff), (27, 0), (28, 0xff), (entry - 1, 2), (entry, 9)] {
            let mut bad = body.to_vec();
            bad[at] = byte;
            assert_eq!(read(&prints, &sealed(&bad)), None, "byte {at}");
        }
        for bad in [&body[..body.len() - 1], &[body, b"x"].concat(), b"", b"\x01\x01", &vec![1; LENGTH + 1]] {
            assert_eq!(read(&prints, &sealed(bad)), None);
        }
    }

    #[test]
    fn a_block_is_of_one_issuer_and_bounded() {
        let one = notes().remove(0);
        let other = Note { iss: "https://other".into(), ..one.clone() };
        assert_eq!(of_front(&[one.clone(), one.clone(), other.clone(), one.clone()]).len(), 2);
        assert_eq!(of_front(&vec![one; 1000]).len(), ENTRIES);
        assert_eq!(of_front(&[]).len(), 0);
    }
}
