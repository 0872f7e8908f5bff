//! What became of the lines of the audit log, for the metrics.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::telemetry::meter::lock;
use crate::telemetry::names::metric;
use crate::telemetry::scrape::Gauges;

/// Counted by whoever writes and sends.
pub(super) struct Counts {
    pub lines: AtomicU64,
    pub dropped_queue: AtomicU64,
    pub dropped_disk: AtomicU64,
    pub dropped_syslog: AtomicU64,
    pub dropped_otlp: AtomicU64,
    pub sent_syslog: AtomicU64,
    pub sent_otlp: AtomicU64,
    /// How often the disk did not take it, or did not keep it.
    pub failures: AtomicU64,
    /// Whether the chain that was found at the start did not hold.
    pub broken: AtomicBool,
    /// What operators asked, and what was not done since it could not be kept.
    pub refused: AtomicU64,
    /// How often the file was not there any more.
    pub gone: AtomicU64,
    pub bytes: AtomicU64,
    synced: Mutex<Synced>,
}

/// Since when everything is on the disk, or since when something is not.
struct Synced {
    last: Instant,
    waiting: Option<Instant>,
}

impl Counts {
    pub fn new() -> Self {
        Self {
            lines: AtomicU64::new(0),
            dropped_queue: AtomicU64::new(0),
            dropped_disk: AtomicU64::new(0),
            dropped_syslog: AtomicU64::new(0),
            dropped_otlp: AtomicU64::new(0),
            sent_syslog: AtomicU64::new(0),
            sent_otlp: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            broken: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            gone: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            synced: Mutex::new(Synced { last: Instant::now(), waiting: None }),
        }
    }

    /// Something waits for the disk; the file is so long now.
    pub fn written(&self, bytes: u64) {
        self.bytes.store(bytes, Relaxed);
        lock(&self.synced).waiting.get_or_insert_with(Instant::now);
    }

    /// All that was written is on the disk.
    pub fn synced(&self) {
        *lock(&self.synced) = Synced { last: Instant::now(), waiting: None };
    }

    /// How it stands.
    pub fn fill(&self, gauges: &mut Gauges) {
        let (age, waits) = {
            let synced = lock(&self.synced);
            (synced.last.elapsed(), synced.waiting.map_or(Duration::ZERO, |since| since.elapsed()))
        };
        gauges.count(metric::AUDIT_LINES, &[], self.lines.load(Relaxed));
        gauges.count(metric::AUDIT_REFUSED, &[], self.refused.load(Relaxed));
        gauges.count(metric::AUDIT_FILES_GONE, &[], self.gone.load(Relaxed));
        for (why, count) in [
            ("queue", &self.dropped_queue),
            ("disk", &self.dropped_disk),
            ("syslog", &self.dropped_syslog),
            ("otlp", &self.dropped_otlp),
        ] {
            gauges.count(metric::AUDIT_DROPPED, &[("why", why)], count.load(Relaxed));
        }
        for (to, count) in [("syslog", &self.sent_syslog), ("otlp", &self.sent_otlp)] {
            gauges.count(metric::AUDIT_SENT, &[("to", to)], count.load(Relaxed));
        }
        gauges.count(metric::AUDIT_FAILURES, &[], self.failures.load(Relaxed));
        gauges.put(metric::AUDIT_CHAIN_BROKEN, &[], f64::from(u8::from(self.broken.load(Relaxed))));
        gauges.put(metric::AUDIT_BYTES, &[], self.bytes.load(Relaxed) as f64);
        gauges.put(metric::AUDIT_SYNC_AGE, &[], age.as_secs_f64());
        gauges.put(metric::AUDIT_UNSYNCED, &[], waits.as_secs_f64());
    }
}
