//! What became of the events of one source: counted, and how late they were. Who asks for the numbers is not told
//! here.

use crate::decide::time::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is enforced, and kept.
    Enforced,
    /// It came before, and changed nothing.
    Repeated,
    /// It was understood, and says nothing that could be enforced.
    Ignored,
    /// It is good, but names what no token here could be matched with.
    Unmatchable,
    /// It is not good: its form, its signature, or who says it about whom.
    Refused,
    /// Its sender sent too many at once.
    Limited,
    /// It is good, and could not be kept; its sender was told so.
    Failed,
}

impl Outcome {
    /// Every outcome, in the order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::Enforced, Self::Repeated, Self::Ignored, Self::Unmatchable, Self::Refused, Self::Limited, Self::Failed];

    /// The word for it, as metrics have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Repeated => "repeated",
            Self::Ignored => "ignored",
            Self::Unmatchable => "unmatchable",
            Self::Refused => "refused",
            Self::Limited => "limited",
            Self::Failed => "failed",
        }
    }
}

/// The events of one source, since the process started.
#[derive(Debug, Default)]
pub struct Events {
    counts: [AtomicU64; Outcome::ALL.len()],
    lag: Spread,
    /// When the youngest happened that was told so far, in milliseconds.
    newest: AtomicI64,
    took: Spread,
}

impl Events {
    /// One more.
    pub fn count(&self, outcome: Outcome) {
        if let Some(count) = self.counts.get(outcome as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// One is enforced so long after it happened.
    pub fn lagged(&self, lag: Duration) {
        self.lag.add(lag);
    }

    /// One of those that were told happened then.
    pub(super) fn happened(&self, at: Timestamp) {
        self.newest.fetch_max(at.millis(), Relaxed);
    }

    /// When the youngest happened that was told so far; the beginning of 1970 if there was none.
    pub(super) fn newest(&self) -> Timestamp {
        Timestamp::from_millis(self.newest.load(Relaxed))
    }

    /// One was answered in so long a time.
    pub fn answered(&self, took: Duration) {
        self.took.add(took);
    }

    /// How many there were of each outcome.
    pub fn counts(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Outcome::ALL.into_iter().zip(&self.counts).map(|(outcome, count)| (outcome, count.load(Relaxed)))
    }

    /// From the time of the event to its enforcement.
    #[must_use]
    pub const fn lag(&self) -> &Spread {
        &self.lag
    }

    /// From the event's arrival to the answer.
    #[must_use]
    pub const fn took(&self) -> &Spread {
        &self.took
    }
}

/// The upper bounds of the buckets, in milliseconds. The last one has none.
const BOUNDS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 60_000];

/// How durations are spread.
#[derive(Debug, Default)]
pub struct Spread {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

impl Spread {
    /// One more.
    pub(super) fn add(&self, span: Duration) {
        let place = BOUNDS.iter().position(|bound| span <= Duration::from_millis(*bound)).unwrap_or(BOUNDS.len());
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum_us.fetch_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Each bucket with its upper bound in seconds, infinity for the last: how many are in it and in no lower one.
    #[must_use]
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS.iter().map(|ms| *ms as f64 / 1e3).chain([f64::INFINITY]);
        bounds.zip(self.buckets.iter().map(|bucket| bucket.load(Relaxed))).collect()
    }

    /// All of them together, in seconds.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum_us.load(Relaxed) as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::{Events, Outcome};
    use std::time::Duration;

    #[test]
    fn every_outcome_has_its_place() {
        let events = Events::default();
        events.count(Outcome::Refused);
        for (place, (outcome, count)) in events.counts().enumerate() {
            assert_eq!((outcome as usize, count), (place, u64::from(outcome == Outcome::Refused)));
        }
        events.lagged(Duration::from_millis(3));
        events.lagged(Duration::from_secs(100));
        let held: Vec<f64> =
            events.lag().buckets().into_iter().filter(|(_, count)| *count == 1).map(|(bound, _)| bound).collect();
        assert_eq!((held, events.lag().sum()), (vec![0.005, f64::INFINITY], 100.003));
    }
}
