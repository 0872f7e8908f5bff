//! What metrics tell of the channel.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// How the channel stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether this instance has joined, and reads and writes.
    pub connected: bool,
    /// Redis's time of the last entry of the stream that was read, in milliseconds since the epoch.
    pub position_ms: u64,
    /// How many entries wait to be written.
    pub queued: usize,
    /// How many entries were written, those that were written anew included.
    pub written: u64,
    /// How often everything that is held was written anew.
    pub reseeds: u64,
    /// How often the stream was made shorter by this instance.
    pub compactions: u64,
    /// How often the connection was lost, or could not be had.
    pub failures: u64,
    /// How often it was refused to join, for this instance has another key than the others.
    pub refusals: u64,
}

/// What is counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) connected: AtomicBool,
    pub(super) position_ms: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) reseeds: AtomicU64,
    pub(super) compactions: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) refusals: AtomicU64,
}

impl Counts {
    pub(super) fn standing(&self, queued: usize) -> Standing {
        Standing {
            connected: self.connected.load(Relaxed),
            position_ms: self.position_ms.load(Relaxed),
            queued,
            written: self.written.load(Relaxed),
            reseeds: self.reseeds.load(Relaxed),
            compactions: self.compactions.load(Relaxed),
            failures: self.failures.load(Relaxed),
            refusals: self.refusals.load(Relaxed),
        }
    }
}

/// One more.
pub(super) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Relaxed);
}
