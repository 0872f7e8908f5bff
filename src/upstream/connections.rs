//! A worker's own connections: no lock, no other thread. The one that was used last is used first, so that the
//! others grow old and leave.

use super::connect::Sender;
use super::timer::Timer;
use hyper::client::conn::{http1, http2};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;
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

struct Idle<S> {
    sender: S,
    timer: Timer,
    address: SocketAddr,
    since: Instant,
}

struct Shelf<B> {
    key: Key,
    http1: Vec<Idle<http1::SendRequest<B>>>,
    http2: Vec<Idle<http2::SendRequest<B>>>,
}

/// The connections of one worker.
pub struct Connections<B> {
    shelves: RefCell<Vec<Shelf<B>>>,
}

impl<B> Default for Connections<B> {
    fn default() -> Self {
        Self { shelves: RefCell::new(Vec::new()) }
    }
}

impl<B> Connections<B> {
    /// A connection that can take a request now, and the address it leads to.
    pub(super) fn take(&self, key: Key, idle: Duration) -> Option<(Sender<B>, SocketAddr, Timer)> {
        let mut shelves = self.shelves.borrow_mut();
        let shelf = shelves.iter_mut().find(|shelf| shelf.key == key)?;
        shelf.http2.retain(|held| !held.sender.is_closed());
        if let Some(held) = shelf.http2.iter().find(|held| held.sender.is_ready()) {
            return Some((Sender::Http2(held.sender.clone()), held.address, Timer::default()));
        }
        // The latest that is ready: one is not before the body of its last response was read.
        while let Some(at) = shelf.http1.iter().rposition(|held| held.sender.is_ready() || held.sender.is_closed()) {
            let held = shelf.http1.remove(at);
            if held.sender.is_ready() && held.since.elapsed() < idle {
                return Some((Sender::Http1(held.sender), held.address, held.timer));
            }
        }
        None
    }

    /// Puts a connection back; at most `limit` are kept, and the oldest leaves first.
    pub(super) fn put(&self, key: Key, sender: Sender<B>, address: SocketAddr, timer: Timer, limit: usize) {
        let mut shelves = self.shelves.borrow_mut();
        let at = shelves.iter().position(|shelf| shelf.key == key).unwrap_or_else(|| {
            shelves.push(Shelf { key, http1: Vec::new(), http2: Vec::new() });
            shelves.len() - 1
        });
        let Some(shelf) = shelves.get_mut(at) else { return };
        let since = Instant::now();
        match sender {
            Sender::Http1(sender) => {
                if shelf.http1.len() >= limit {
                    shelf.http1.remove(0);
                }
                shelf.http1.push(Idle { sender, timer, address, since });
            }
            Sender::Http2(sender) => shelf.http2.push(Idle { sender, timer: Timer::default(), address, since }),
        }
    }

    /// Closes what has been idle for too long, and what belongs to pools that are gone.
    pub fn tidy(&self, lives: impl Fn(u64) -> Option<Duration>) {
        self.shelves.borrow_mut().retain_mut(|shelf| {
            let Some(idle) = lives(shelf.key.pool) else { return false };
            shelf.http1.retain(|held| !held.sender.is_closed() && held.since.elapsed() < idle);
            shelf.http2.retain(|held| !held.sender.is_closed());
            true
        });
    }
}
