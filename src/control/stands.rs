//! What a reload left in force, as one value that is put in its place whole: whoever looks takes what is there, and never
//! waits for a reload, which may wait for the disk.

use super::build::Pools;
use super::load::Loaded;
use std::sync::Arc;
use std::time::Duration;

/// How it stands.
#[derive(Clone)]
pub(super) struct Stands {
    /// What was loaded last.
    pub loaded: Arc<Loaded>,
    /// The pools of it.
    pub pools: Arc<Pools>,
    /// The text that was tried after it, if it could not be brought into force.
    pub failed: Option<Failed>,
}

/// A text that could not be brought into force, and when that was tried last, in steady time.
#[derive(Clone)]
pub(super) struct Failed {
    pub text: Arc<str>,
    pub at: Duration,
}

/// A text is tried again even if it did not change: what failed may have been a file that it names.
const RETRY: Duration = Duration::from_secs(10);

impl Stands {
    /// Is a text that was read now to be tried?
    pub fn is_due(&self, text: &str, now: Duration) -> bool {
        match &self.failed {
            Some(failed) if *failed.text == *text => now.saturating_sub(failed.at) >= RETRY,
            Some(_) => true,
            None => self.loaded.text != text,
        }
    }
}
