//! Whether the tokens of what lasts on a worker still stand. One task looks a few times a second whether anything was
//! revoked at all, which is one number; only then is every stream asked about. How a stream is ended is `streams`.

use super::streams::Streams;
use crate::state::revocations::Revocations;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked. Together with the time that a stream has to end by itself, well within a second.
const EVERY: Duration = Duration::from_millis(250);

/// So many connections are asked about in one turn, so that others on the worker need not wait.
const AT_ONCE: usize = 64;

/// The connections of a worker on which something was begun with a token.
#[derive(Default)]
pub(super) struct Vigil {
    kept: RefCell<BTreeMap<u64, Weak<Streams>>>,
    next: Cell<u64>,
    set: OnceCell<Arc<Revocations>>,
    /// What was written to the set since is not known to all streams.
    seen: Cell<u64>,
    runs: Cell<bool>,
}

impl Vigil {
    /// Asks about a connection from now on.
    pub(super) fn keep(self: &Rc<Self>, streams: Weak<Streams>, set: &Arc<Revocations>) -> Kept {
        self.set.get_or_init(|| Arc::clone(set));
        let key = self.next.get();
        self.next.set(key.wrapping_add(1));
        self.kept.borrow_mut().insert(key, streams);
        if !self.runs.replace(true) {
            tokio::task::spawn_local(watch(Rc::clone(self)));
        }
        Kept { vigil: Rc::clone(self), key }
    }

    /// A stream was judged when the set had been written so often.
    pub(super) fn judged(&self, changes: u64) {
        self.seen.set(self.seen.get().min(changes));
    }

    /// Asks about all, if there is something new.
    async fn look(&self) {
        let Some(changes) = self.set.get().map(|set| set.changes()) else { return };
        if self.seen.replace(changes) == changes {
            return;
        }
        let mut after = None;
        while let Some(last) = self.ask(after) {
            after = Some(last);
            tokio::task::yield_now().await;
        }
    }

    /// Asks about the next few; gives the last of them.
    fn ask(&self, after: Option<u64>) -> Option<u64> {
        let from = after.map_or(Unbounded, Excluded);
        let some: Vec<_> =
            self.kept.borrow().range((from, Unbounded)).take(AT_ONCE).map(|(key, one)| (*key, one.upgrade())).collect();
        let last = some.last().map(|(key, _)| *key);
        some.into_iter().filter_map(|(_, streams)| streams).for_each(|streams| streams.end_revoked());
        last
    }
}

/// A connection is asked about as long as this lives.
pub(super) struct Kept {
    vigil: Rc<Vigil>,
    key: u64,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.vigil.kept.borrow_mut().remove(&self.key);
    }
}

async fn watch(vigil: Rc<Vigil>) {
    while !vigil.kept.borrow().is_empty() {
        tokio::time::sleep(EVERY).await;
        vigil.look().await;
    }
    vigil.runs.set(false);
}
