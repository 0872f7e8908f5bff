//! How late what a source says is enforced. Only of what is new, and only where the source said when it happened. What it
//! said already when it was first heard of is history, and no lag.

use super::Sink;
use crate::decide::time::Timestamp;
use crate::idp::place::Place;
use crate::idp::told::lagged;
use std::cell::Cell;

/// Of one answer.
pub(super) struct Late<'a> {
    sink: &'a Sink,
    /// What happened later is new.
    floor: Timestamp,
    newest: Cell<Timestamp>,
    now: Timestamp,
}

impl Sink {
    /// Of an answer that says all, or what is new. One that says all may name the same thing several times: there, only
    /// what is younger than whatever was said before is new for certain.
    pub(super) fn late(&self, all: bool) -> Late<'_> {
        let known = self.feed.was_heard() || self.place() != Place::default();
        let newest = self.events.newest();
        let floor = match (known, all) {
            (false, _) => Timestamp::from_millis(i64::MAX),
            (true, true) => newest,
            (true, false) => Timestamp::from_millis(i64::MIN),
        };
        Late { sink: self, floor, newest: Cell::new(newest), now: self.now().wall }
    }
}

impl Late<'_> {
    /// It is enforced now, and was not before if it is news.
    pub(super) fn tell(&self, news: bool, happened: Option<Timestamp>) {
        let Some(happened) = happened else { return };
        // What is yet to come would hide all that really happens until then.
        self.newest.set(self.newest.get().max(happened.min(self.now)));
        if news && happened > self.floor {
            lagged(self.sink, happened);
        }
    }
}

impl Drop for Late<'_> {
    fn drop(&mut self) {
        self.sink.events.happened(self.newest.get());
    }
}
