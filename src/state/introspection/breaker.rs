//! Whether it is worth asking an issuer at all: after some failures in a row it is left alone for a while, and then one
//! question at a time tries whether it is back. What counts as a failure is told where it is met.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) struct Breaker {
    /// So many failures in a row are enough.
    failures: u32,
    /// For so long it is left alone then.
    pause: Duration,
    /// For so long a trial may be without an answer before the next one.
    trial: Duration,
    course: Mutex<Course>,
}

#[derive(Default)]
struct Course {
    failures: u32,
    /// In steady time. Until then, nobody asks.
    until: Option<Duration>,
}

impl Breaker {
    pub(super) fn new(failures: u32, pause: Duration, trial: Duration) -> Self {
        Self { failures, pause, trial, course: Mutex::default() }
    }

    /// May a question be asked now? If it is a trial, there is no other one for a while.
    pub(super) fn permits(&self, now: Duration) -> bool {
        let mut course = self.course();
        let Some(until) = course.until else { return true };
        let over = now >= until;
        if over {
            course.until = Some(now.saturating_add(self.trial));
        }
        over
    }

    pub(super) fn succeeded(&self) {
        *self.course() = Course::default();
    }

    pub(super) fn failed(&self, now: Duration) {
        let mut course = self.course();
        course.failures = course.failures.saturating_add(1);
        if course.failures >= self.failures {
            course.until = Some(now.saturating_add(self.pause));
        }
    }

    /// Is the issuer left alone?
    pub(super) fn is_open(&self) -> bool {
        self.course().until.is_some()
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Breaker;
    use std::time::Duration;

    #[test]
    fn after_failures_in_a_row_one_question_at_a_time_is_a_trial() {
        let secs = Duration::from_secs;
        let breaker = Breaker::new(3, secs(5), secs(2));
        for _ in 0..2 {
            breaker.failed(secs(1));
        }
        breaker.succeeded();
        for _ in 0..2 {
            breaker.failed(secs(1));
        }
        assert!(!breaker.is_open() && breaker.permits(secs(1)), "not in a row");
        breaker.failed(secs(1));
        assert!(breaker.is_open() && !breaker.permits(secs(1)) && !breaker.permits(secs(5)));
        assert!(breaker.permits(secs(6)), "a trial");
        assert!(!breaker.permits(secs(6)) && !breaker.permits(secs(7)), "and no other meanwhile");
        assert!(breaker.permits(secs(8)), "one that never came back is given up");
        breaker.failed(secs(9));
        assert!(!breaker.permits(secs(13)) && breaker.permits(secs(14)));
        breaker.succeeded();
        assert!(!breaker.is_open() && breaker.permits(secs(14)) && breaker.permits(secs(14)));
    }
}
