//! How often the set was written, so that who judged a token once need not ask again while nothing has changed.

use std::sync::atomic::{AtomicU64, Ordering};

/// The count. On a line of its own: what writers touch must not drive out of the caches what every request reads.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Changes(AtomicU64);

impl Changes {
    /// Something was written, and can be found from now on.
    pub(super) fn tell(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// How often that was. What was written before it is found by whoever looks after reading it.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
