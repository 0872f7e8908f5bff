//! One session in 78 bytes: instants to the millisecond in six bytes, which reach to the year 6429, and silences in four,
//! which reach to 49 days. What lies beyond is the furthest that there is: on the side of the earlier end.

use crate::decide::doubt::Doubt;
use crate::decide::id::Fingerprint;
use crate::decide::session::{Life, Shown};
use crate::decide::time::Timestamp;

type Instant6 = [u8; 6];
type Span4 = [u8; 4];

/// One session.
#[derive(Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) print: [u8; 16],
    last: Instant6,
    began: Instant6,
    signed_in: Instant6,
    broken: Instant6,
    before: Instant6,
    silence: Span4,
    earlier: Span4,
    /// The longest silence that is in doubt, if any is; how long before the last activity it ended, and whether it began with
    /// what a token proved.
    doubt: Span4,
    ago: Span4,
    proven: bool,
    /// The steady second after which it may be forgotten.
    keep: Span4,
    /// What of it was counted as ended.
    pub(super) ended: u8,
    /// When it was last told to the others, and when they were last asked; in steps of 64 steady milliseconds.
    told: Span4,
    asked: Span4,
    /// Whether it waits to be told.
    pub(super) waits: Waits,
    /// Whether it was taken for alive while the others could not be asked: then they are to be asked yet.
    pub(super) unheard: bool,
}

/// Whether a session waits to be told: once it does, there is one place in the queue for it, and one more if it became
/// urgent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Waits {
    #[default]
    No,
    /// Its turn comes.
    Yes,
    /// At once.
    Urgently,
}

/// 64 milliseconds: four bytes of them are eight years.
const STEP: u32 = 6;

const LOWEST: i64 = -(1 << 47);
const HIGHEST: i64 = (1 << 47) - 1;

fn pack(ms: i64) -> Instant6 {
    let [a, b, c, d, e, f, ..] = ms.clamp(LOWEST, HIGHEST).to_le_bytes();
    [a, b, c, d, e, f]
}

fn unpack([a, b, c, d, e, f]: Instant6) -> i64 {
    let sign = if f & 0x80 == 0 { 0 } else { 0xff };
    i64::from_le_bytes([a, b, c, d, e, f, sign, sign])
}

fn span(ms: i64) -> Span4 {
    u32::try_from(ms.max(0)).unwrap_or(u32::MAX).to_le_bytes()
}

impl Entry {
    pub(super) fn new(print: Fingerprint) -> Self {
        Self { print: print.0, ..Self::default() }
    }

    /// No fingerprint is all zeros, but once in 2^128 times.
    pub(super) fn is_free(&self) -> bool {
        self.print == [0; 16]
    }

    pub(super) fn life(&self) -> Life {
        let (signed_in, before, last) = (unpack(self.signed_in), unpack(self.before), unpack(self.last));
        Life {
            last,
            began: unpack(self.began),
            signed_in: (signed_in != LOWEST).then(|| Timestamp::from_millis(signed_in)),
            broken: unpack(self.broken),
            silence: u32::from_le_bytes(self.silence).into(),
            earlier: u32::from_le_bytes(self.earlier).into(),
            before: (before != LOWEST).then_some(before),
            doubt: self.doubt(last),
        }
    }

    /// The steady millisecond of its last activity.
    pub(super) fn last(&self) -> i64 {
        unpack(self.last)
    }

    fn doubt(&self, last: i64) -> Option<Doubt> {
        let span = i64::from(u32::from_le_bytes(self.doubt));
        let to = last - i64::from(u32::from_le_bytes(self.ago));
        (span > 0).then_some(Doubt { from: to - span, to, proven: self.proven })
    }

    /// It is kept until this steady second, and as long as was said before.
    pub(super) fn set(&mut self, life: &Life, until: u32) {
        self.keep = until.max(u32::from_le_bytes(self.keep)).to_le_bytes();
        self.last = pack(life.last);
        self.began = pack(life.began);
        self.signed_in = pack(life.signed_in.map_or(LOWEST, Timestamp::millis));
        self.broken = pack(life.broken);
        self.before = pack(life.before.unwrap_or(LOWEST));
        (self.silence, self.earlier) = (span(life.silence), span(life.earlier));
        (self.doubt, self.ago, self.proven) = life.doubt.map_or_else(Default::default, |doubt| {
            (span(doubt.span()), span(life.last.saturating_sub(doubt.to)), doubt.proven)
        });
    }

    /// The steady millisecond at which it was last told to the others, or a little before.
    pub(super) fn told(&self) -> i64 {
        i64::from(u32::from_le_bytes(self.told)) << STEP
    }

    /// The same, or a little after.
    pub(super) fn told_by(&self) -> i64 {
        self.told() + (1 << STEP)
    }

    pub(super) fn set_told(&mut self, now: i64) {
        self.told = span(now >> STEP);
    }

    /// The same of when the others were asked; `None` if they never were.
    pub(super) fn asked(&self) -> Option<i64> {
        Some(u32::from_le_bytes(self.asked)).filter(|at| *at > 0).map(|at| i64::from(at - 1) << STEP)
    }

    pub(super) fn set_asked(&mut self, now: i64) {
        self.asked = span((now >> STEP) + 1);
    }

    /// Is the token of an earlier sign-in than the newest, and were the others not asked since that one?
    pub(super) fn is_unasked_before(&self, shown: Shown) -> bool {
        let life = self.life();
        !life.is_of_the_newest(shown) && self.asked().is_none_or(|asked| asked < life.began)
    }

    pub(super) fn is_over(&self, now: u32) -> bool {
        u32::from_le_bytes(self.keep) < now
    }
}

#[cfg(test)]
mod tests {
    use super::{Doubt, Entry, HIGHEST, LOWEST};
    use crate::decide::id::Fingerprint;
    use crate::decide::session::Life;
    use crate::decide::time::Timestamp;

    #[test]
    fn what_is_packed_is_unpacked() {
        assert_eq!(size_of::<Entry>(), 78);
        for at in [0, 1, -1, 1_800_000_000_123, -86_400_000, HIGHEST, LOWEST + 1] {
            let life = Life {
                last: at,
                began: at - 1,
                signed_in: (at >= 0).then(|| Timestamp::from_millis(at)),
                broken: at,
                silence: 4_294_967_295,
                earlier: 1,
                before: (at != 0).then_some(at),
                doubt: (at.abs() < HIGHEST).then_some(Doubt { from: at - 9, to: at - 2, proven: at == 0 }),
            };
            let mut entry = Entry::new(Fingerprint([1; 16]));
            entry.set(&life, 0);
            assert_eq!(entry.life(), Life { began: life.began.max(LOWEST), ..life });
        }
        let mut entry = Entry::default();
        entry.set(&Life { broken: i64::MIN, silence: i64::MAX, ..Life::default() }, 0);
        assert_eq!((entry.life().broken, entry.life().silence), (LOWEST, u32::MAX.into()));
    }
}
