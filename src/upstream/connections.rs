//! A worker's own connections: no lock, no other thread. The one that was used last is used first, so that the
//! others grow old and leave.

use super::progress::Tracked;
use super::settings::{Protocol, Settings};
use super::shelf::{Held, Keep, Shelf};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Runs what HTTP/2 spawns on the worker's own thread.
#[derive(Clone, Copy)]
pub struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async { drop(task.await) });
    }
}

/// Which connections can stand for each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub(super) pool: u64,
    pub(super) endpoint: usize,
}

/// What a request needs of a connection.
#[derive(Clone, Copy)]
pub(super) struct Need<'a> {
    pub key: Key,
    pub settings: &'a Settings,
    /// It will leave HTTP, so it must begin with HTTP/1.1.
    pub switching: bool,
    /// It was lost on a connection that had been kept: none that was opened before will do.
    pub since: Option<Instant>,
}

/// Counts as an open connection until it is dropped. What drives the connection holds it, and so does a tunnel, which
/// outlives that.
pub struct Slot(Rc<Cell<usize>>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// The connections of one worker.
pub struct Connections<B> {
    shelves: RefCell<Vec<Shelf<Tracked<B>>>>,
}

impl<B> Default for Connections<B> {
    fn default() -> Self {
        Self { shelves: RefCell::new(Vec::new()) }
    }
}

impl<B> Connections<B> {
    /// How many are kept: those of HTTP/2, and those of HTTP/1.1 that are not in use.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shelves.borrow().iter().map(Shelf::count).sum()
    }

    fn at<T>(&self, key: Key, ask: impl FnOnce(&mut Shelf<Tracked<B>>) -> T) -> T {
        let mut shelves = self.shelves.borrow_mut();
        if let Some(shelf) = shelves.iter_mut().find(|shelf| shelf.key == key) {
            return ask(shelf);
        }
        let mut shelf = Shelf::new(key);
        let answer = ask(&mut shelf);
        shelves.push(shelf);
        answer
    }

    /// A connection that can take a request now, and leads to an address that is still the endpoint's.
    pub(super) fn take(
        &self,
        need: Need<'_>,
        now: Instant,
        leads: impl Fn(SocketAddr) -> bool,
    ) -> Option<Held<Tracked<B>>> {
        let keep = Keep::of(need.settings);
        self.at(need.key, |shelf| {
            let lent = if need.switching { None } else { shelf.lend(now, keep, need.since, &leads) };
            lent.or_else(|| if need.since.is_none() { shelf.take(now, keep, &leads) } else { None })
        })
    }

    /// When no further connection may be opened: a stream of one that is full already, where there is any.
    pub(super) fn squeeze(&self, need: Need<'_>) -> Option<Held<Tracked<B>>> {
        if need.switching || need.since.is_some() {
            None
        } else {
            self.at(need.key, |shelf| shelf.squeeze(Instant::now()))
        }
    }

    /// Room for one more connection; `None` if there are as many as may be.
    pub(super) fn slot(&self, need: Need<'_>) -> Option<Slot> {
        let limit = need.settings.max_connections.get();
        self.at(need.key, |shelf| {
            if shelf.open.get() >= limit {
                shelf.sweep();
            }
            let open = shelf.open.get();
            (open < limit).then(|| {
                shelf.open.set(open + 1);
                Slot(Rc::clone(&shelf.open))
            })
        })
    }

    /// Where connections are known to be shared, one opens it and the others wait for it: here is whose turn it is.
    pub(super) fn turn(&self, need: Need<'_>) -> Option<Rc<Mutex<()>>> {
        self.at(need.key, |shelf| {
            let shares = shelf.shares || need.settings.protocol == Protocol::Http2;
            shares.then(|| Rc::clone(&shelf.opening))
        })
    }

    /// Keeps a new connection, if others can share it.
    pub(super) fn share(&self, key: Key, held: Held<Tracked<B>>) -> Held<Tracked<B>> {
        self.at(key, |shelf| shelf.share(held))
    }

    /// Puts a connection back.
    pub(super) fn put(&self, need: Need<'_>, held: Held<Tracked<B>>) {
        self.at(need.key, |shelf| shelf.put(held, Instant::now(), need.settings.max_idle));
    }

    /// Closes what has been idle for too long, and what belongs to pools that are gone.
    pub fn tidy(&self, lives: impl Fn(u64) -> Option<Duration>) {
        let now = Instant::now();
        self.shelves.borrow_mut().retain_mut(|shelf| {
            let Some(idle) = lives(shelf.key.pool) else { return false };
            shelf.tidy(now, Keep { idle, age: Duration::MAX });
            true
        });
    }
}
