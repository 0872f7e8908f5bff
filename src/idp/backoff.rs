//! When the next attempt is made: later after each failure, and never at the same instant as everybody else.

use std::time::Duration;

/// Grows with each failure in a row.
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    pub(super) const fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Another attempt: how long to wait now, if it failed.
    pub(super) fn tried(&mut self, succeeded: bool) -> Option<Duration> {
        if succeeded {
            self.succeeded();
            return None;
        }
        Some(self.failed())
    }

    /// Another failure: how long to wait now.
    pub(super) fn failed(&mut self) -> Duration {
        let factor = 1_u32 << self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        jittered(self.first.saturating_mul(factor).min(self.most))
    }
}

/// Something between nine and ten tenths of a span, so that instances that began together drift apart.
pub(super) fn jittered(span: Duration) -> Duration {
    let mut byte = [0_u8];
    // Without randomness there is no jitter, which is no fault worth telling of.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    let [random] = byte;
    span.saturating_sub(span / 2550 * u32::from(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_wait_longer_up_to_a_bound() {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(4));
        let bounds = [500, 1_000, 2_000, 4_000, 4_000];
        for bound in bounds {
            let wait = backoff.failed().as_millis();
            assert!(wait <= bound && wait >= bound * 9 / 10, "{wait} of {bound}");
        }
        (0..100).for_each(|_| assert!(backoff.failed() <= Duration::from_secs(4)));
        backoff.succeeded();
        assert!(backoff.failed() <= Duration::from_millis(500));
    }
}
