//! When a wall clock that was stepped ahead is believed. What has left the set does not come back when the clock does:
//! so by a clock that is wrong, nothing may leave for a while; nor by one of which nobody knows yet whether it is.

use crate::decide::time::{Moment, Timestamp, millis};
use std::time::Duration;

/// A step ahead of no more than this is taken at once: clocks are disciplined, and machines sleep.
const SMALL: Duration = Duration::from_secs(60);

/// After so long a step is believed: somebody would have set it right.
const BELIEVED: Duration = Duration::from_secs(3600);

/// The time as it goes on without steps ahead.
pub(super) struct Steps {
    begun: Duration,
    base: Moment,
    /// Since when the wall clock is ahead of it.
    ahead: Option<Duration>,
}

impl Steps {
    pub(super) const fn new(now: Moment) -> Self {
        Self { begun: now.steady, base: now, ahead: None }
    }

    /// The wall time, or while it is not believed, the time that it would be; `None` in the first hour: a machine may
    /// start with a wrong clock, and set it right later.
    pub(super) fn believed(&mut self, now: Moment) -> Option<Timestamp> {
        if now.steady.saturating_sub(self.begun) < BELIEVED {
            self.base = now;
            return None;
        }
        let passed = now.steady.saturating_sub(self.base.steady);
        let expected = self.base.wall.plus(passed);
        if now.wall.since(expected) > millis(SMALL) {
            let since = *self.ahead.get_or_insert(now.steady);
            if now.steady.saturating_sub(since) < BELIEVED {
                return Some(expected);
            }
        }
        (self.base, self.ahead) = (now, None);
        Some(now.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall: i64, steady: u64) -> Moment {
        Moment { wall: Timestamp::from_secs(wall), steady: Duration::from_secs(steady) }
    }

    #[test]
    fn a_step_ahead_is_believed_when_it_has_lasted() {
        let secs = Timestamp::from_secs;
        let mut steps = Steps { begun: Duration::ZERO, base: at(1000, 3600), ahead: None };
        for (wall, steady, believed) in [
            (1010, 10, 1010),
            // Disciplined, both ways.
            (1060, 20, 1060),
            (1000, 30, 1000),
            // A year, and back again.
            (31_001_010, 40, 1010),
            (31_002_010, 1040, 2010),
            (2020, 1050, 2020),
            // A day, and it stays so.
            (88_430, 1060, 2030),
            (90_430, 3060, 4030),
            (92_029, 4659, 5629),
            (92_030, 4660, 92_030),
            (92_040, 4670, 92_040),
        ] {
            assert_eq!(steps.believed(at(wall, steady + 3600)), Some(secs(believed)), "{wall} {steady}");
        }
    }

    /// Years ahead when the machine starts, and set right a minute later: nothing leaves by it.
    #[test]
    fn a_clock_is_not_believed_when_the_machine_starts() {
        let mut steps = Steps::new(at(99_001_000, 5));
        for (wall, steady, believed) in [
            (99_001_000, 5, None),
            (99_001_060, 65, None),
            (1070, 75, None),
            (4599, 3604, None),
            (4600, 3605, Some(4600)),
            (99_004_600, 3615, Some(4610)),
        ] {
            assert_eq!(steps.believed(at(wall, steady)), believed.map(Timestamp::from_secs), "{wall} {steady}");
        }
    }
}
