//! How the journal is, for those who watch it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The upper bounds of the buckets of how long making durable took, in seconds.
pub const SYNC_BUCKETS: [f64; 9] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, f64::INFINITY];

/// How the journal is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JournalStanding {
    /// How long its files are.
    pub bytes: u64,
    /// How many records were written since the start.
    pub records: u64,
    /// How often something could not be written.
    pub failures: u64,
    /// Whether the last attempt failed.
    pub failing: bool,
    /// Whether something that was polled is kept only by the next snapshot.
    pub behind: bool,
    /// How many snapshots were made since the start.
    pub snapshots: u64,
    /// How long making durable took, all together.
    pub sync_sum: f64,
    /// How often it took as long, by `SYNC_BUCKETS`.
    pub sync: Vec<(f64, u64)>,
    /// How many entries were found at the start.
    pub recovered: u64,
    /// How long reading them took.
    pub load: Duration,
}

#[derive(Default)]
pub(super) struct Stats {
    pub(super) bytes: AtomicU64,
    pub(super) records: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) failing: AtomicBool,
    pub(super) snapshots: AtomicU64,
    pub(super) recovered: AtomicU64,
    pub(super) load_us: AtomicU64,
    sync_us: AtomicU64,
    buckets: [AtomicU64; SYNC_BUCKETS.len()],
}

impl Stats {
    pub(super) fn synced(&self, took: Duration) {
        self.sync_us.fetch_add(micros(took), Relaxed);
        let seconds = took.as_secs_f64();
        let bucket = SYNC_BUCKETS.iter().zip(&self.buckets).find(|(bound, _)| seconds <= **bound);
        bucket.map(|(_, count)| count.fetch_add(1, Relaxed));
    }

    pub(super) fn standing(&self, behind: bool) -> JournalStanding {
        let buckets = self.buckets.iter().map(|count| count.load(Relaxed));
        JournalStanding {
            bytes: self.bytes.load(Relaxed),
            records: self.records.load(Relaxed),
            failures: self.failures.load(Relaxed),
            failing: self.failing.load(Relaxed),
            behind,
            snapshots: self.snapshots.load(Relaxed),
            sync_sum: self.sync_us.load(Relaxed) as f64 / 1e6,
            sync: SYNC_BUCKETS.into_iter().zip(buckets).collect(),
            recovered: self.recovered.load(Relaxed),
            load: Duration::from_micros(self.load_us.load(Relaxed)),
        }
    }
}

pub(super) fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
