//! What all sources have in common that are only told: they ask nothing, so they are never stale, and what they were
//! told before they were there they do not know.

use super::receive::{Answer, Received, Receiver, Receiving};
use super::signed::SignedFault;
use super::sink::Sink;
use super::source::{Source, Task};
use super::terms::Unfit;
use crate::decide::time::Timestamp;
use crate::settings::{OrOff, Span};
use http::StatusCode;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How many entries one may hold.
pub(super) const fn max_entries() -> usize {
    1_000_000
}

/// How long an entry is kept: longer than most providers renew a sign-in.
pub(super) fn retain() -> OrOff<Span> {
    OrOff::On(Span::hours(30 * 24))
}

/// A source that is only told.
pub(super) trait Told: Send + Sync {
    /// Does what an event says, and answers it.
    fn answer<'a>(&'a self, sink: &'a Sink, event: &'a Received) -> impl Future<Output = Answer> + Send;
}

/// There is nothing to wait for: it is ready at once, and then its receiver has the word.
impl<T: Told> Source for T {
    fn run<'a>(&'a self, sink: &'a Sink, cancel: &'a CancellationToken) -> Task<'a> {
        sink.heard(sink.now());
        Box::pin(cancel.cancelled())
    }

    fn receiver(&self) -> Option<&dyn Receiver> {
        Some(self)
    }
}

impl<T: Told> Receiver for T {
    fn receive<'a>(&'a self, sink: &'a Sink, event: &'a Received) -> Receiving<'a> {
        Box::pin(self.answer(sink, event))
    }
}

impl From<Unfit> for Answer {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Unsigned(SignedFault::Unavailable) => Self::unkept(),
            // One status and one error for whatever is wrong (Back-Channel Logout 1.0 §2.8).
            unfit => Self::refused(StatusCode::BAD_REQUEST, "invalid_request", &unfit.to_string()),
        }
    }
}

/// An event of this time is enforced. That of a provider whose clock is ahead is enforced at once.
pub(super) fn lagged(sink: &Sink, happened: Timestamp) {
    let ms = sink.now().wall.since(happened);
    sink.events().lagged(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
}
