//! A session as Redis holds it: two fields of a hash, in numbers. What cannot be read is not nothing.

use crate::decide::doubt::Doubt;
use crate::decide::id::Fingerprint;
use crate::decide::session::Life;
use crate::decide::time::Timestamp;

/// What stands for an instant that there is not.
const NONE: i64 = -(1 << 47);

/// The field for what was before the sign-in of this session.
pub(super) fn before(Fingerprint(print): Fingerprint) -> [u8; 17] {
    let mut field = [b'b'; 17];
    field.iter_mut().zip(print).for_each(|(there, byte)| *there = byte);
    field
}

pub(super) fn bounded(at: i64) -> i64 {
    at.clamp(NONE, -NONE)
}

pub(super) fn write(life: &Life) -> String {
    let signed_in = life.signed_in.map_or(NONE, Timestamp::millis);
    let [last, began, signed_in, broken] = [life.last, life.began, signed_in, life.broken].map(bounded);
    let written = format!("{last} {began} {signed_in} {broken} {} {}", bounded(life.silence), bounded(life.earlier));
    let Some(Doubt { from, to, proven }) = life.doubt else { return written };
    format!("{written} {} {} {}", bounded(from), bounded(to), u8::from(proven))
}

/// What is there of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Life(Life),
    /// What no instance wrote. It is not nothing.
    Unreadable,
}

impl Found {
    /// The same, and the two fields of another hash: a life, and what was before its sign-in. An instance of an earlier
    /// version wrote no second one.
    pub(super) fn with(self, fields: &[Option<Vec<u8>>]) -> Self {
        let [theirs, before] = fields else { return Self::Unreadable };
        let Some(text) = theirs else { return self };
        let before = before.as_deref().map_or(Some(None), |text| number(text).map(Some));
        match (self, read(text).zip(before)) {
            (Self::Nothing, Some((life, before))) => Self::Life(Life { before, ..life }),
            (Self::Life(known), Some((life, before))) => Self::Life(known.joined(Life { before, ..life })),
            _ => Self::Unreadable,
        }
    }
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|at| bounded(*at) == *at)
}

fn read(text: &[u8]) -> Option<Life> {
    if text.len() > 192 {
        return None;
    }
    let fields: Option<Vec<i64>> = text.split(|byte| *byte == b' ').map(number).collect();
    let (life, doubt) = fields.as_deref()?.split_at_checked(6)?;
    let [last, began, signed_in, broken, silence, earlier] = *life else { return None };
    let doubt = match *doubt {
        [] => None,
        [from, to, proven @ 0..=1] if from < to => Some(Doubt { from, to, proven: proven == 1 }),
        _ => return None,
    };
    let none = |at: i64| (at != NONE).then_some(at);
    let signed_in = none(signed_in).map(Timestamp::from_millis);
    Some(Life {
        last,
        began,
        signed_in,
        broken: none(broken).unwrap_or(i64::MIN),
        silence,
        earlier,
        before: None,
        doubt,
    })
}

#[cfg(test)]
mod tests {
    use super::{Doubt, Found, before, read, write};
    use crate::decide::id::Fingerprint;
    use crate::decide::session::Life;
    use crate::decide::time::Timestamp;

    #[test]
    fn what_was_written_is_read_and_nothing_else_is() {
        let signed_in = Some(Timestamp::from_secs(1_793_594_096));
        let life = Life { last: 9, began: -3, signed_in, silence: 7, broken: i64::MIN, earlier: 1, ..Life::default() };
        let doubt = |proven| Some(Doubt { from: -8, to: 9, proven });
        let lives = [false, true].map(|proven| Life { doubt: doubt(proven), ..life });
        for life in [life, Life { signed_in: None, broken: 4, ..life }].into_iter().chain(lives) {
            assert_eq!(read(write(&life).as_bytes()), Some(life));
        }
        let lives = ["", "1 2 3 4 5", "1 2 3 4 5 6 7", "1 2 3 4 5 x", "1 2 3 4 5 99999999999999999999"];
        let doubts = ["1 2 3 4 5 6 7 8", "1 2 3 4 5 6 8 7 0", "1 2 3 4 5 6 7 8 2", "1 2 3 4 5 6 7 8 0 9"];
        for bad in lives.into_iter().chain(doubts).chain([&*"1".repeat(200)]) {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
    }

    /// An instance of an earlier version knows nothing of the second field; what is broken is not nothing.
    #[test]
    fn two_fields_are_one_session() {
        let life = Life { last: 9, broken: i64::MIN, ..Life::default() };
        let field = |text: &str| Some(text.as_bytes().to_vec());
        let (known, none) = (Found::Life(life), Found::Nothing);
        assert_eq!(none.with(&[field(&write(&life)), None]), known);
        assert_eq!(known.with(&[field(&write(&life)), field("-4")]), Found::Life(Life { before: Some(-4), ..life }));
        assert_eq!((none.with(&[None, None]), known.with(&[None, field("5")])), (none, known));
        let whole = field(&write(&life));
        for broken in [[field("1 2"), None], [whole.clone(), field("x")], [whole.clone(), field(&"9".repeat(18))]] {
            assert_eq!((none.with(&broken), known.with(&broken)), (Found::Unreadable, Found::Unreadable));
        }
        assert_eq!(Found::Unreadable.with(&[whole, None]), Found::Unreadable);
        assert_eq!(before(Fingerprint([7; 16])), [&[7; 16][..], b"b"].concat()[..]);
    }
}
