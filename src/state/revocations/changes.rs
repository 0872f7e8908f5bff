//! How often the set was written, and how often something was taken back, so that who judged a token once need not ask again while nothing has changed.

use std::sync::atomic::{AtomicU64, Ordering};

/// The count. On a line of its own: what writers touch must not drive out of the caches what every request reads.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Changes {
    written: AtomicU64,
    lifted: AtomicU64,
}

impl Changes {
    /// Something was written, and can be found from now on.
    pub(super) fn tell(&self) {
        self.written.fetch_add(1, Ordering::AcqRel);
    }

    /// Something was taken back.
    pub(super) fn lift(&self) {
        self.lifted.fetch_add(1, Ordering::AcqRel);
    }

    /// How often that was. What was written before it is found by whoever looks after reading it.
    pub(super) fn count(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// How often something was taken back.
    pub(super) fn lifts(&self) -> u64 {
        self.lifted.load(Ordering::Acquire)
    }
}
