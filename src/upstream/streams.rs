//! How many streams of an HTTP/2 connection are open, and how many may be.

use std::cell::Cell;
use std::rc::Rc;

/// The streams of one connection.
pub struct Streams {
    open: Cell<usize>,
    limit: Cell<usize>,
}

impl Streams {
    pub(super) fn new(limit: usize) -> Self {
        Self { open: Cell::new(0), limit: Cell::new(limit) }
    }

    /// What the endpoint allows (RFC 9113 §5.1.2).
    pub(super) fn limit(&self, limit: usize) {
        self.limit.set(limit);
    }

    pub(super) fn open(&self) -> usize {
        self.open.get()
    }

    pub(super) fn has_room(&self) -> bool {
        self.open.get() < self.limit.get()
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
