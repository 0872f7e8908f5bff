//! Whether it is worth to ask the others. After a few questions in a row without an answer it is not; but one in each
//! `REST` is asked all the same, so that it is seen when there are answers again.

use crate::decide::time::millis;
use crate::state::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

const PATIENCE: u32 = 5;
const REST: Duration = Duration::from_secs(1);

pub(super) struct Breaker {
    clock: Arc<dyn Clock>,
    /// How many questions failed in a row, and until when nobody waits for another.
    failed: AtomicU32,
    rests: AtomicI64,
}

impl Breaker {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, failed: AtomicU32::new(0), rests: AtomicI64::new(i64::MIN) }
    }

    /// Whether it is worth to ask. Whoever does says what came of it.
    pub(super) fn may_ask(&self) -> bool {
        if self.failed.load(Relaxed) < PATIENCE {
            return true;
        }
        let (now, rests) = (millis(self.clock.steady()), self.rests.load(Relaxed));
        let next = now.saturating_add(millis(REST));
        now >= rests && self.rests.compare_exchange(rests, next, Relaxed, Relaxed).is_ok()
    }

    /// There was an answer, or all begins anew.
    pub(super) fn answered(&self) {
        self.failed.store(0, Relaxed);
    }

    /// There was an answer, for which nobody waited: the next may see whether there is one in time.
    pub(super) fn answered_behind(&self) {
        self.rests.store(i64::MIN, Relaxed);
    }

    /// There was none.
    pub(super) fn failed(&self) {
        if self.failed.fetch_add(1, Relaxed).saturating_add(1) >= PATIENCE {
            self.rests.store(millis(self.clock.steady().saturating_add(REST)), Relaxed);
        }
    }
}
