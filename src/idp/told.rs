//! What all sources have in common that are only told: they ask nothing, so they are never stale, and what they were
//! told before they were there they do not know.

use super::sink::Sink;
use super::source::Task;
use crate::decide::time::Timestamp;
use crate::settings::{OrOff, Span};
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

/// There is nothing to wait for: it is ready at once, and then its receiver has the word.
pub(super) fn listen<'a>(sink: &'a Sink, cancel: &'a CancellationToken) -> Task<'a> {
    sink.heard(sink.now());
    Box::pin(cancel.cancelled())
}

/// An event of this time is enforced. That of a provider whose clock is ahead is enforced at once.
pub(super) fn lagged(sink: &Sink, happened: Timestamp) {
    let ms = sink.now().wall.since(happened);
    sink.events().lagged(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
}
