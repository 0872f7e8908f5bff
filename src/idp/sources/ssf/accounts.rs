//! Which of two events of an account happened last: events overtake each other, and an account that was enabled must not
//! be blocked by an older event that comes later, nor the other way round. And whose turn it is: two events of one account
//! are not worked on at once.

use crate::decide::id::Fingerprint;
use crate::decide::time::Timestamp;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turns, MutexGuard as Turn};

/// Of so many accounts it is known. Of others every event counts when it comes.
const REMEMBERED: usize = 1 << 16;

#[derive(Clone, Copy, Default)]
struct Last {
    blocked: Option<Timestamp>,
    enabled: Option<Timestamp>,
}

/// So many accounts, and no two with one turn, may be worked on at once.
const TURNS: usize = 64;

/// The last events of accounts.
pub(super) struct Accounts {
    last: Mutex<HashMap<Fingerprint, Last>>,
    turns: Box<[Turns<()>]>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { last: Mutex::default(), turns: (0..TURNS).map(|_| Turns::default()).collect() }
    }
}

impl Accounts {
    /// The turns of these accounts, once nobody else has them. All take them in the same order.
    pub(super) async fn turns(&self, names: &[Fingerprint]) -> Vec<Turn<'_, ()>> {
        let places: BTreeSet<usize> = names.iter().map(|name| usize::from(name.0[0]) % TURNS).collect();
        let mut turns = Vec::with_capacity(places.len());
        for turn in places.into_iter().filter_map(|place| self.turns.get(place)) {
            turns.push(turn.lock().await);
        }
        turns
    }

    /// It was blocked at this time. Does that still hold? It wins over what happened at the same time.
    pub(super) fn blocked(&self, name: Fingerprint, at: Timestamp) -> bool {
        let last = self.note(name, at, |last| last.blocked = last.blocked.max(Some(at)));
        last.enabled.is_none_or(|enabled| enabled <= at)
    }

    /// It was enabled at this time. Does that still hold? If nothing is remembered of when it was blocked, as after a
    /// restart, then of when that was learned: an old event that is sent again must not free it.
    pub(super) fn enabled(&self, name: Fingerprint, at: Timestamp, learned: Option<Timestamp>) -> bool {
        let last = self.note(name, at, |last| last.enabled = last.enabled.max(Some(at)));
        last.blocked.or(learned).is_none_or(|blocked| blocked < at)
    }

    fn note(&self, name: Fingerprint, at: Timestamp, note: impl FnOnce(&mut Last)) -> Last {
        let mut all = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED && !all.contains_key(&name) {
            let old = at.minus(Duration::from_secs(3600));
            all.retain(|_, last| last.blocked.max(last.enabled) > Some(old));
            if all.len() >= REMEMBERED {
                let mut last = Last::default();
                note(&mut last);
                return last;
            }
        }
        let last = all.entry(name).or_default();
        note(last);
        *last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_wins_in_whatever_order_they_come() {
        let (accounts, name) = (Accounts::default(), Fingerprint([1; 16]));
        let at = Timestamp::from_secs;
        assert!(accounts.enabled(name, at(20), None), "nothing is known against it");
        assert!(!accounts.blocked(name, at(10)), "it was enabled since");
        assert!(accounts.blocked(name, at(30)));
        assert!(!accounts.enabled(name, at(25), None) && !accounts.enabled(name, at(30), None), "a tie is blocked");
        assert!(accounts.enabled(name, at(31), Some(at(40))));
    }

    #[test]
    fn what_is_not_remembered_is_as_old_as_it_is_known() {
        let (name, at) = (Fingerprint([1; 16]), Timestamp::from_secs);
        for (enabled, holds) in [(20, false), (30, false), (31, true)] {
            assert_eq!(Accounts::default().enabled(name, at(enabled), Some(at(30))), holds, "{enabled}");
        }
    }

    #[test]
    fn it_is_bounded() {
        let accounts = Accounts::default();
        for number in 0..REMEMBERED as u128 + 100 {
            assert!(accounts.blocked(Fingerprint(number.to_be_bytes()), Timestamp::from_secs(9000)));
        }
        assert!(accounts.last.lock().unwrap().len() <= REMEMBERED);
    }
}
