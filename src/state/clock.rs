//! The clock: the only reader of the operating system's time. Everybody else is given a [`Moment`].

use crate::decide::time::{Moment, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the moment at which a request is judged.
pub trait Clock: Send + Sync {
    /// Now, on both clocks.
    fn now(&self) -> Moment;

    /// Now, on the steady clock alone: for how long something took.
    fn steady(&self) -> Duration {
        self.now().steady
    }
}

/// The operating system's clock. Its steady time counts from when it was made: the start of the process.
pub struct SystemClock {
    origin: Duration,
}

/// The steady clock that goes on while the machine is suspended, where there is one (clock_gettime(2)): a session is left alone
/// for as long as its user is, whether the machine slept or not.
#[cfg(any(target_os = "linux", target_os = "android"))]
const STEADY: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const STEADY: ClockId = ClockId::Monotonic;

fn steady() -> Duration {
    let now = clock_gettime(STEADY);
    let seconds = Duration::from_secs(u64::try_from(now.tv_sec).unwrap_or(0));
    seconds + Duration::from_nanos(u64::try_from(now.tv_nsec).unwrap_or(0))
}

impl SystemClock {
    /// A clock whose steady time starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: steady() }
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that may read the system's time")]
    fn now(&self) -> Moment {
        // A wall clock set before 1970 reads as 1970: every token is then "issued in the future" and refused.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { wall: Timestamp::from_millis(0).plus(wall), steady: self.steady() }
    }

    fn steady(&self) -> Duration {
        steady().saturating_sub(self.origin)
    }
}

/// A clock set by hand: for tests, and for `explain --at`. The two times move on their own, as when a wall
/// clock is stepped.
#[derive(Default)]
pub struct HandClock {
    wall_ms: AtomicI64,
    steady_ns: AtomicU64,
}

impl HandClock {
    /// A clock that stands at this wall time, with a steady time of zero.
    #[must_use]
    pub fn at(wall: Timestamp) -> Self {
        Self { wall_ms: AtomicI64::new(wall.millis()), steady_ns: AtomicU64::new(0) }
    }

    /// Lets time pass, on both clocks.
    pub fn advance(&self, span: Duration) {
        self.wall_ms.fetch_add(crate::decide::time::millis(span), Ordering::SeqCst);
        self.steady_ns.fetch_add(nanos(span), Ordering::SeqCst);
    }

    /// Steps the wall clock; steady time stays.
    pub fn set_wall(&self, wall: Timestamp) {
        self.wall_ms.store(wall.millis(), Ordering::SeqCst);
    }

    /// Sets the steady clock; wall time stays.
    pub fn set_steady(&self, steady: Duration) {
        self.steady_ns.store(nanos(steady), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Moment {
        Moment {
            wall: Timestamp::from_millis(self.wall_ms.load(Ordering::SeqCst)),
            steady: Duration::from_nanos(self.steady_ns.load(Ordering::SeqCst)),
        }
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_time_does_not_follow_a_stepped_wall_clock() {
        let clock = HandClock::at(Timestamp::from_secs(1_000));
        clock.advance(Duration::from_millis(1_500));
        clock.set_wall(Timestamp::from_secs(5));
        assert_eq!(clock.now(), Moment { wall: Timestamp::from_secs(5), steady: Duration::from_millis(1_500) });
    }

    #[test]
    fn the_systems_clock_moves() {
        let clock = SystemClock::start();
        let (first, second) = (clock.now(), clock.now());
        assert!(second.steady >= first.steady && first.wall.secs() > 1_700_000_000);
    }
}
