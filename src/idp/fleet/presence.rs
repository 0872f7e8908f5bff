//! What an instance tells of itself: what it is called, and how far it has read. Whoever lacks the fleet's key can neither
//! write such a record nor change one; to repeat an old one makes an instance seem slow, never ahead.
//!
//! ```text
//! version 1 · origin 16 · beat 8 · read 16 · stream: length 1, bytes · name: length 1, bytes · seal 16
//! ```

use super::words::Id;
use crate::state::fingerprint::{Fingerprints, Kind};
use std::time::Duration;

const VERSION: u8 = 1;
const SEAL: usize = 16;

/// No record is longer.
const LENGTH: usize = 1 + 16 + 8 + 16 + 2 * 256 + SEAL;

/// One instance, as it tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Presence {
    /// Which process it is.
    pub(super) origin: [u8; 16],
    /// Grows with each record: one that stays the same says that nobody is there.
    pub(super) beat: u64,
    /// What it has read of the stream, and enforced.
    pub(super) read: Id,
    /// Which stream it reads.
    pub(super) stream: String,
    /// What it is called.
    pub(super) name: String,
}

impl Presence {
    /// As it is written.
    pub(super) fn write(&self, prints: &Fingerprints) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.origin);
        out.extend(self.beat.to_be_bytes());
        out.extend(self.read.0.to_be_bytes());
        out.extend(self.read.1.to_be_bytes());
        for text in [&self.stream, &self.name] {
            let text = (0..=text.len().min(255)).rev().find_map(|end| text.get(..end)).unwrap_or_default();
            out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            out.extend(text.bytes());
        }
        let seal = prints.of(Kind::Fleet, "presence", &out).0;
        out.extend(seal);
        out
    }

    /// Reads one; `None` if it is not one that an instance with our key wrote, byte for byte.
    pub(super) fn read(prints: &Fingerprints, bytes: &[u8]) -> Option<Self> {
        let (mut rest, seal) = bytes.split_last_chunk::<SEAL>()?;
        if bytes.len() > LENGTH || prints.of(Kind::Fleet, "presence", rest).0 != *seal {
            return None;
        }
        let [VERSION] = take(&mut rest)? else { return None };
        let origin = take(&mut rest)?;
        let mut number = || take(&mut rest).map(u64::from_be_bytes);
        let (beat, read) = (number()?, Id(number()?, number()?));
        let mut text = || {
            let [length] = take(&mut rest)?;
            let (text, after) = rest.split_at_checked(usize::from(length))?;
            rest = after;
            String::from_utf8(text.to_vec()).ok()
        };
        let (stream, name) = (text()?, text()?);
        rest.is_empty().then_some(Self { origin, beat, read, stream, name })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (front, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*front)
}

/// What was told, and where in the stream: so that the place to which another instance has read says how much of it that
/// one still lacks.
#[derive(Default)]
pub(super) struct Marks {
    marks: std::collections::VecDeque<Mark>,
    /// How many entries were told.
    total: u64,
    /// How many of them had been told at the last mark that was given up.
    given_up: u64,
}

struct Mark {
    at: Id,
    total: u64,
    when: Duration,
}

/// No more places are remembered: of who is behind the oldest, it is told how much it lacks at least.
const MARKS: usize = 4096;

impl Marks {
    /// So many entries were told, up to this place.
    pub(super) fn told(&mut self, at: Id, entries: u64, when: Duration) {
        self.total += entries;
        self.marks.push_back(Mark { at, total: self.total, when });
        if self.marks.len() > MARKS {
            self.given_up = self.marks.pop_front().map_or(self.given_up, |mark| mark.total);
        }
    }

    /// How many entries somebody lacks who has read so far, and for how long the first of them.
    pub(super) fn behind(&self, read: Id, now: Duration) -> (u64, Duration) {
        let has = self.marks.partition_point(|mark| mark.at <= read);
        let had = has.checked_sub(1).and_then(|last| self.marks.get(last)).map_or(self.given_up, |mark| mark.total);
        let waits = self.marks.get(has).map_or(Duration::ZERO, |mark| now.saturating_sub(mark.when));
        (self.total.saturating_sub(had), waits)
    }
}

#[cfg(test)]
mod tests {
    use super::{Id, MARKS, Marks, Presence};
    use crate::state::fingerprint::Fingerprints;
    use std::time::Duration;

    #[test]
    fn what_is_told_is_read_and_nothing_else_is() {
        let prints = Fingerprints::derived(b"the fleet's").unwrap();
        let told =
            Presence { origin: [7; 16], beat: 3, read: Id(9, 2), stream: "s-1".into(), name: "gateway-1".into() };
        let bytes = told.write(&prints);
        assert_eq!(Presence::read(&prints, &bytes), Some(told.clone()));
        assert_eq!(Presence::read(&Fingerprints::derived(b"another").unwrap(), &bytes), None);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(Presence::read(&prints, &changed), None);
            assert_eq!(Presence::read(&prints, &bytes[..at]), None);
        }
        let long = Presence { name: "é".repeat(1000), ..told };
        assert_eq!(Presence::read(&prints, &long.write(&prints)).unwrap().name, "é".repeat(127));
    }

    #[test]
    fn a_place_says_what_is_lacking() {
        let (mut marks, now) = (Marks::default(), Duration::from_secs(9));
        assert_eq!(marks.behind(Id(0, 0), now), (0, Duration::ZERO));
        marks.told(Id(1, 0), 10, Duration::from_secs(1));
        marks.told(Id(2, 5), 5, Duration::from_secs(2));
        assert_eq!(marks.behind(Id(0, 9), now), (15, Duration::from_secs(8)));
        assert_eq!(marks.behind(Id(2, 4), now), (5, Duration::from_secs(7)));
        assert_eq!(marks.behind(Id(2, 5), now), (0, Duration::ZERO));
        (0..MARKS as u64).for_each(|more| marks.told(Id(3, more), 1, now));
        assert_eq!(marks.behind(Id(0, 0), now).0, MARKS as u64);
        assert_eq!(marks.behind(Id(3, 0), now).0, MARKS as u64 - 1);
    }
}
