//! How many streams of an HTTP/2 connection are open, and how many may be.

use std::cell::Cell;
use std::rc::Rc;

/// How much of a response that nobody reads yet is taken from the endpoint: a quarter of a MiB, as over HTTP/1.1.
pub(super) const STREAM_WINDOW: u32 = 256 * 1024;

/// How much of all of them together. They share this window (RFC 9113 §5.2.1): were it smaller than those of its streams
/// together, a few slow readers would stop everybody else. It is a bound, not memory: what is held is what slow readers
/// leave, so many times `STREAM_WINDOW` at most.
pub(super) const CONNECTION_WINDOW: u32 = 1024 * 1024 * 1024;

/// So many streams may a connection have, whatever the endpoint allows.
const STREAMS: usize = (CONNECTION_WINDOW / STREAM_WINDOW) as usize;

/// The streams of one connection.
pub struct Streams {
    open: Cell<usize>,
    limit: Cell<usize>,
}

impl Streams {
    pub(super) fn new(limit: usize) -> Self {
        Self { open: Cell::new(0), limit: Cell::new(limit.min(STREAMS)) }
    }

    /// What the endpoint allows (RFC 9113 §5.1.2).
    pub(super) fn limit(&self, limit: usize) {
        self.limit.set(limit.min(STREAMS));
    }

    pub(super) fn open(&self) -> usize {
        self.open.get()
    }

    pub(super) fn has_room(&self) -> bool {
        self.open.get() < self.limit.get()
    }

    /// Is there room in the window, if not in what the endpoint allows now?
    pub(super) fn has_window(&self) -> bool {
        self.open.get() < STREAMS
    }

    pub(super) fn take(streams: &Rc<Self>) -> Stream {
        streams.open.set(streams.open.get().saturating_add(1));
        Stream(Rc::clone(streams))
    }
}

/// Counts as an open stream until it is dropped.
pub struct Stream(Rc<Streams>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::{STREAMS, Streams};
    use std::rc::Rc;

    /// However many the endpoint allows, those that nobody reads fit into the connection's window together.
    #[test]
    fn there_is_a_window_for_each() {
        let streams = Rc::new(Streams::new(100));
        streams.limit(usize::MAX);
        let open: Vec<_> = (0..STREAMS).map(|_| Streams::take(&streams)).collect();
        assert!(!streams.has_room() && !streams.has_window());
        drop(open);
        assert!(streams.has_room() && streams.has_window());
    }
}
