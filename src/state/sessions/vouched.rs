//! How often an issuer was asked about a session that there was no room to remember, by what it said.

use crate::decide::introspection::Answer;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The counters.
#[derive(Debug, Default)]
pub struct Vouched([AtomicU64; 3]);

impl Vouched {
    /// It said this.
    pub fn count(&self, answer: Answer) {
        let [active, inactive, unknown] = &self.0;
        let counter = match answer {
            Answer::Active => active,
            Answer::Inactive => inactive,
            Answer::Unknown(_) => unknown,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// What was counted, by its word.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        let [active, inactive, unknown] = self.0.each_ref().map(|counter| counter.load(Relaxed));
        [("active", active), ("inactive", inactive), ("unknown", unknown)]
    }
}
