//! The metrics of the journal of revocations.

use super::names::metric;
use super::scrape::Gauges;
use std::time::Duration;

/// How the journal of revocations is.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// How long its files are.
    pub bytes: u64,
    /// How many records were written.
    pub records: u64,
    /// How often writing failed.
    pub failures: u64,
    /// How many snapshots were written.
    pub snapshots: u64,
    /// How long making durable took: the sum in seconds, and each bucket by itself.
    pub sync: (f64, Vec<(f64, u64)>),
    /// How long reading it took at the start.
    pub load: Duration,
    /// How many entries were read then.
    pub recovered: u64,
}

impl Gauges {
    /// How the journal of revocations is.
    pub fn journal(&mut self, journal: Journal) {
        self.put(metric::JOURNAL_BYTES, &[], journal.bytes as f64);
        self.count(metric::JOURNAL_RECORDS, &[], journal.records);
        self.count(metric::JOURNAL_FAILURES, &[], journal.failures);
        self.count(metric::JOURNAL_SNAPSHOTS, &[], journal.snapshots);
        self.spread(metric::JOURNAL_SYNC, &[], journal.sync);
        self.put(metric::JOURNAL_LOAD, &[], journal.load.as_secs_f64());
        self.put(metric::JOURNAL_RECOVERED, &[], journal.recovered as f64);
    }
}
