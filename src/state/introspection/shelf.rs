//! Answers of one kind, until they are too old: a bounded number, of which the oldest leave first. An answer that left
//! too early is asked for again; none stays too long.

use crate::decide::time::{Moment, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// The name of a token: a keyed hash of its whole text, of full strength, so that no two tokens meet.
pub(super) type Name = [u8; 32];

/// When an answer was true, and what ends it besides its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// When the question was asked, in steady time: it was true then, and perhaps not any more when it was answered.
    pub(super) asked: Duration,
    /// When the token ends, as the issuer says (RFC 7662 §4).
    pub(super) expires: Option<Timestamp>,
    /// How often something had been taken back from the revocation set when it was asked. An answer from before a
    /// user was let in again says nothing about now.
    pub(super) lifts: u64,
}

pub(super) struct Shelf {
    lasts: Duration,
    bound: usize,
    kept: HashMap<Name, Kept>,
    /// In the order in which they were put, which is that in which they end.
    order: VecDeque<(Name, Duration)>,
}

impl Shelf {
    pub(super) fn new(lasts: Duration, bound: usize) -> Self {
        Self { lasts, bound, kept: HashMap::new(), order: VecDeque::new() }
    }

    /// How old the answer is, if there is one to rely on.
    pub(super) fn age(&self, name: &Name, now: Moment, lifts: u64) -> Option<Duration> {
        let kept = self.kept.get(name).filter(|kept| kept.lifts == lifts)?;
        let age = now.steady.saturating_sub(kept.asked);
        let lasts = age < self.lasts && kept.expires.is_none_or(|expires| now.wall < expires);
        lasts.then_some(age)
    }

    pub(super) fn put(&mut self, name: Name, kept: Kept, now: Duration) {
        if self.bound == 0 || self.lasts.is_zero() {
            return;
        }
        while let Some((oldest, asked)) = self.order.front().copied() {
            let over = now.saturating_sub(asked) >= self.lasts;
            if !over && self.order.len() < self.bound {
                break;
            }
            self.order.pop_front();
            // It may have been put again since.
            if self.kept.get(&oldest).is_some_and(|kept| kept.asked == asked) {
                self.kept.remove(&oldest);
            }
        }
        self.kept.insert(name, kept);
        self.order.push_back((name, kept.asked));
    }

    pub(super) fn remove(&mut self, name: &Name) {
        self.kept.remove(name);
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Kept, Shelf};
    use crate::decide::time::{Moment, Timestamp};
    use std::time::Duration;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn at(steady: u64) -> Moment {
        Moment { wall: Timestamp::from_secs(1000 + steady as i64), steady: secs(steady) }
    }

    fn kept(asked: u64) -> Kept {
        Kept { asked: secs(asked), expires: None, lifts: 0 }
    }

    #[test]
    fn an_answer_lasts_until_it_is_old_the_token_ends_or_something_was_taken_back() {
        let mut shelf = Shelf::new(secs(10), 100);
        shelf.put([1; 32], kept(5), secs(6));
        assert_eq!(shelf.age(&[1; 32], at(5), 0), Some(secs(0)));
        assert_eq!(shelf.age(&[1; 32], at(14), 0), Some(secs(9)));
        assert_eq!(shelf.age(&[1; 32], at(15), 0), None, "its age counts from the question");
        assert_eq!(shelf.age(&[1; 32], at(5), 1), None);
        assert_eq!(shelf.age(&[2; 32], at(5), 0), None);
        shelf.put([3; 32], Kept { expires: Some(Timestamp::from_secs(1008)), ..kept(5) }, secs(5));
        assert!(shelf.age(&[3; 32], at(7), 0).is_some() && shelf.age(&[3; 32], at(8), 0).is_none());
    }

    #[test]
    fn the_oldest_leave_first_and_never_more_than_the_bound_are_there() {
        let mut shelf = Shelf::new(secs(10), 3);
        for number in 0..9 {
            shelf.put([number; 32], kept(1), secs(1));
        }
        let there: Vec<u8> = (0..9).filter(|number| shelf.age(&[*number; 32], at(1), 0).is_some()).collect();
        assert_eq!((there, shelf.len()), (vec![6, 7, 8], 3));
        // One that is put again counts from then on, and is not driven out by its own first time.
        shelf.put([7; 32], kept(2), secs(2));
        shelf.put([9; 32], kept(2), secs(2));
        assert!(shelf.age(&[7; 32], at(2), 0).is_some());
        shelf.put([10; 32], kept(12), secs(12));
        assert_eq!(shelf.len(), 1, "what is too old leaves with the next one");
        let mut none = Shelf::new(secs(0), 3);
        none.put([1; 32], kept(1), secs(1));
        assert_eq!(none.len(), 0);
    }
}
