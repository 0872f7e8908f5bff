//! How often one session may ask for more time: a few times at once, then once in a while. Kept in a fixed number of
//! places, so that a flood of sessions costs no memory; two sessions in one place share its pace.

use crate::decide::time::{Moment, millis};
use std::sync::atomic::{AtomicI64, Ordering};

const PLACES: usize = 16 * 1024;

/// After those at once, one in this time, in milliseconds.
const EVERY: i64 = 2_000;

/// How many at once.
const AT_ONCE: i64 = 5;

/// Each place holds the steady instant at which all that was taken of it is paid for (a leaky bucket).
pub struct Pace(Box<[AtomicI64]>);

impl Default for Pace {
    fn default() -> Self {
        Self((0..PLACES).map(|_| AtomicI64::new(i64::MIN)).collect())
    }
}

impl Pace {
    /// May it ask once more now?
    pub fn admits(&self, lot: u32, now: Moment) -> bool {
        let Some(place) = self.0.get(lot as usize % PLACES) else { return false };
        let now = millis(now.steady);
        let next = |paid: i64| {
            let from = paid.max(now);
            (from - now <= EVERY * (AT_ONCE - 1)).then_some(from + EVERY)
        };
        place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use crate::decide::time::{Moment, Timestamp};
    use std::time::Duration;

    #[test]
    fn a_few_at_once_then_one_in_a_while() {
        let pace = Pace::default();
        let at = |ms| Moment { wall: Timestamp::from_millis(0), steady: Duration::from_millis(ms) };
        for _ in 0..5 {
            assert!(pace.admits(7, at(10)));
        }
        assert!(!pace.admits(7, at(10)) && !pace.admits(7, at(2_009)));
        assert!(pace.admits(8, at(10)));
        assert!(pace.admits(7, at(2_010)) && !pace.admits(7, at(2_010)));
        assert!((0..5).all(|_| pace.admits(7, at(60_000))));
    }
}
