//! A histogram of atomics with fixed buckets. Observing takes no lock and allocates nothing; the library's own takes
//! a write lock each time.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The bounds of HTTP durations (OT-05), in microseconds.
pub const HTTP: &[i64] = &[
    5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000, 1_000_000, 2_500_000, 5_000_000,
    7_500_000, 10_000_000,
];
/// The bounds of the judgement, in microseconds: it costs microseconds, a new signature some tens.
pub const JUDGE: &[i64] = &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 50_000, 500_000, 5_000_000];
/// The bounds of a difference between clocks, in microseconds; negative where the provider is ahead.
pub const SKEW: &[i64] = &[
    -60_000_000,
    -10_000_000,
    -5_000_000,
    -1_000_000,
    -500_000,
    0,
    500_000,
    1_000_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
];
/// The bounds of the age of tokens, in microseconds: from ten seconds to a day.
pub const AGE: &[i64] = &[
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
    600_000_000,
    900_000_000,
    1_800_000_000,
    3_600_000_000,
    7_200_000_000,
    14_400_000_000,
    28_800_000_000,
    86_400_000_000,
];
/// The bounds of how long a token has been over, in microseconds: from a second to a week.
pub const OVERDUE: &[i64] = &[
    1_000_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
    14_400_000_000,
    28_800_000_000,
    86_400_000_000,
    604_800_000_000,
];

/// The bounds of how long a renewal takes, in microseconds: the objective is 200 ms.
pub const RENEWAL: &[i64] = &[
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    3_600_000_000,
];
/// The bounds of how long sessions last, in microseconds: from a minute to a month.
pub const SESSION: &[i64] = &[
    60_000_000,
    300_000_000,
    900_000_000,
    1_800_000_000,
    3_600_000_000,
    7_200_000_000,
    14_400_000_000,
    28_800_000_000,
    43_200_000_000,
    86_400_000_000,
    259_200_000_000,
    604_800_000_000,
    2_592_000_000_000,
];

/// How many buckets there are at most, the last without a bound included.
pub(super) const MOST: usize = 15;

/// Counts by upper bound. All bounds are in microseconds; none has more than fourteen.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [i64],
    counts: [AtomicU64; MOST],
    sum: AtomicI64,
}

impl Histogram {
    /// An empty one.
    #[must_use]
    pub fn new(bounds: &'static [i64]) -> Self {
        debug_assert!(bounds.len() < MOST);
        Self { bounds, counts: Default::default(), sum: AtomicI64::new(0) }
    }

    /// Counts a duration. Returns the place of its bucket.
    pub fn observe(&self, span: Duration) -> usize {
        self.count(i64::try_from(span.as_micros()).unwrap_or(i64::MAX), i64::try_from(span.as_nanos()).unwrap_or(0))
    }

    /// Counts a number of milliseconds, which may be negative.
    pub fn observe_millis(&self, millis: i64) {
        let micros = millis.saturating_mul(1_000);
        self.count(micros, micros.saturating_mul(1_000));
    }

    fn count(&self, micros: i64, nanos: i64) -> usize {
        let place = self.bounds.iter().take_while(|bound| **bound < micros).count();
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Relaxed);
            self.sum.fetch_add(nanos, Relaxed);
        }
        place
    }

    /// What was counted: the sum in seconds, the number, and the number in each bucket by its bound in seconds.
    #[must_use]
    pub fn read(&self) -> Reading {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(self.counts.iter().map(|count| count.load(Relaxed))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Reading { sum: self.sum.load(Relaxed) as f64 / 1e9, count, buckets }
    }
}

/// What a histogram counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The sum, in seconds.
    pub sum: f64,
    /// The number of observations.
    pub count: u64,
    /// The number by upper bound in seconds; not cumulative.
    pub buckets: Vec<(f64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bound belongs to its own bucket (`le`), and what is beyond the last is counted too.
    #[test]
    fn bounds_are_inclusive() {
        let histogram = Histogram::new(HTTP);
        for ms in [0, 5, 6, 10_000, 10_001] {
            histogram.observe(Duration::from_millis(ms));
        }
        let reading = histogram.read();
        let filled: Vec<_> = reading.buckets.iter().filter(|(_, count)| *count > 0).copied().collect();
        assert_eq!(filled, [(0.005, 2), (0.01, 1), (10.0, 1), (f64::INFINITY, 1)]);
        assert_eq!((reading.count, reading.sum), (5, 20.012));
    }

    #[test]
    fn every_table_of_bounds_fits() {
        for bounds in [HTTP, JUDGE, SKEW, AGE, OVERDUE, RENEWAL, SESSION] {
            assert!(bounds.len() < MOST && bounds.is_sorted());
        }
    }
}
