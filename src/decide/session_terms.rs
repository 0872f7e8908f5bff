//! What a policy says of sessions beside how long they may be left alone and last: it is the same whichever limits hold.

use super::checks::absolute::Absolute;
use super::checks::idle::{Idle, Unidentified};
use super::finding::Limit;
use super::session::OnStateLoss;
use std::time::Duration;

/// It.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionTerms {
    /// By how much at most a session reaches its greatest length earlier.
    pub jitter: Duration,
    /// By how much at most a silence ends a session earlier.
    pub idle_jitter: Duration,
    /// What to do with a token that names no session.
    pub unidentified: Unidentified,
    /// What to do with a session of which other instances may know more, and cannot be asked.
    pub on_state_loss: OnStateLoss,
}

impl SessionTerms {
    /// The check of the longest silence, with this limit.
    #[must_use]
    pub const fn idle(self, limit: Limit<Duration>) -> Idle {
        let Self { idle_jitter: jitter, unidentified, on_state_loss, .. } = self;
        Idle { limit, jitter, unidentified, on_state_loss }
    }

    /// The check of the greatest length, with this limit.
    #[must_use]
    pub const fn absolute(self, limit: Limit<Duration>) -> Absolute {
        let Self { jitter, unidentified, on_state_loss, .. } = self;
        Absolute { limit, jitter, unidentified, on_state_loss }
    }
}
