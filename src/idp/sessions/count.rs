//! How late it is at the store, as is counted here.

use crate::decide::time::millis;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is counted here may be so much more than it is: two clocks do not run the same.
const SLACK: i64 = 100;

/// So much more than is counted here it has to be there before it is said that our clock stood still, or its was set forward.
const LEAP: i64 = 1000;

/// How many of these are remembered.
const LEAPS: usize = 8;

/// How late it is at the store, as is counted here.
pub(super) struct Count {
    /// The store's time minus ours, in milliseconds, or a little less: what is told was never later than it was.
    ahead: AtomicI64,
    /// Until when it was less, and how much it was then.
    leaps: Mutex<Vec<(i64, i64)>>,
}

impl Default for Count {
    fn default() -> Self {
        Self { ahead: AtomicI64::new(i64::MIN), leaps: Mutex::default() }
    }
}

impl Count {
    pub(super) fn ahead(&self) -> i64 {
        self.ahead.load(Relaxed)
    }

    /// How late it is there, or a little less.
    pub(super) fn late(&self, now: Duration) -> i64 {
        millis(now).saturating_add(self.ahead())
    }

    /// The least that it can be there.
    pub(super) fn least(&self, now: Duration) -> i64 {
        self.late(now).saturating_sub(SLACK).max(0)
    }

    /// By how much it was later there at this instant of ours.
    pub(super) fn ahead_at(&self, instant: i64) -> i64 {
        let leaps = self.leaps.lock().unwrap_or_else(PoisonError::into_inner);
        leaps.iter().find(|(until, _)| instant <= *until).map_or_else(|| self.ahead(), |(_, ahead)| *ahead)
    }

    /// It was so late there by now, at the latest. An answer that took long tells less than was known; but nobody's clock
    /// runs slower than another's by more than a little.
    pub(super) fn is_late(&self, late: i64, now: Duration) {
        let (ahead, before) = (late.saturating_sub(millis(now)), self.ahead());
        if before != i64::MIN && ahead.saturating_sub(before) > LEAP {
            let mut leaps = self.leaps.lock().unwrap_or_else(PoisonError::into_inner);
            // The first two are one from then on. What was less holds: nothing is told later than it was.
            if leaps.len() >= LEAPS {
                let (_, least) = leaps.remove(0);
                leaps.first_mut().into_iter().for_each(|first| first.1 = least);
            }
            leaps.push((millis(now), before));
        }
        self.ahead.store(ahead.max(before.saturating_sub(1)), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, LEAPS};
    use std::time::Duration;

    const fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    /// What was seen before our clock stood still is as old as the store says.
    #[test]
    fn what_was_before_a_leap_is_told_as_it_was() {
        let count = Count::default();
        assert_eq!(count.least(at(5)), 0);
        count.is_late(1_000_000, at(10));
        assert_eq!((count.late(at(11)), count.least(at(11))), (1_001_000, 1_000_900));
        // An answer that took long, or a clock that is slower.
        count.is_late(1_009_600, at(20));
        assert_eq!(count.late(at(20)), 1_009_999);
        count.is_late(4_609_999, at(20));
        assert_eq!((count.late(at(20)), count.ahead_at(19_000)), (4_609_999, 989_999));
        assert_eq!((count.ahead_at(20_001), count.ahead()), (4_589_999, 4_589_999));
        for leap in 1..=20 {
            count.is_late(4_609_999 + leap * 1_000_000, at(20 + leap.unsigned_abs()));
        }
        assert_eq!(count.leaps.lock().unwrap().len(), LEAPS);
        assert!((0..60).all(|second| count.ahead_at(second * 1000) <= count.ahead_at((second + 1) * 1000)));
        assert_eq!(count.ahead_at(19_000), 989_999);
    }
}
