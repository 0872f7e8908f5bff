//! A worker's connections to one endpoint: those of HTTP/1.1 are taken and put back, those of HTTP/2 are lent.

use super::connect::Sender;
use super::connections::{Key, Slot};
use super::settings::Settings;
use super::streams::{Stream, Streams};
use super::timer::Timer;
use hyper::client::conn::{http1, http2};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A connection in the hands of a request.
pub(super) struct Held<B> {
    pub sender: Sender<B>,
    pub address: SocketAddr,
    pub opened: Instant,
    pub timer: Timer,
    /// What it takes up of a connection that it shares.
    pub stream: Option<Stream>,
    /// What it takes up of the connections that there may be, unless others share it.
    pub slot: Option<Rc<Slot>>,
}

/// How long connections are kept.
#[derive(Clone, Copy)]
pub(super) struct Keep {
    pub idle: Duration,
    pub age: Duration,
}

impl Keep {
    pub fn of(settings: &Settings) -> Self {
        let age = settings.max_age.on().map_or(Duration::MAX, |age| age.get());
        Self { idle: settings.idle_timeout.get(), age }
    }
}

struct Idle<B> {
    sender: http1::SendRequest<B>,
    address: SocketAddr,
    opened: Instant,
    timer: Timer,
    slot: Option<Rc<Slot>>,
    since: Instant,
}

impl<B> Idle<B> {
    fn is_fit(&self, now: Instant, keep: Keep) -> bool {
        !self.sender.is_closed() && now - self.since < keep.idle && now - self.opened < keep.age
    }
}

struct Shared<B> {
    sender: http2::SendRequest<B>,
    streams: Rc<Streams>,
    address: SocketAddr,
    opened: Instant,
    used: Cell<Instant>,
}

impl<B> Shared<B> {
    fn is_fit(&self, now: Instant, keep: Keep) -> bool {
        let wanted = self.streams.open() > 0 || now - self.used.get() < keep.idle;
        wanted && !self.sender.is_closed() && now - self.opened < keep.age
    }

    fn lend(&self, now: Instant) -> Held<B> {
        self.used.set(now);
        Held {
            sender: Sender::Http2(self.sender.clone(), Rc::clone(&self.streams)),
            address: self.address,
            opened: self.opened,
            timer: Timer::default(),
            stream: Some(Streams::take(&self.streams)),
            slot: None,
        }
    }
}

/// The connections to one endpoint.
pub(super) struct Shelf<B> {
    pub key: Key,
    http1: Vec<Idle<B>>,
    http2: Vec<Shared<B>>,
    /// Connections that are open, those in use among them.
    pub open: Rc<Cell<usize>>,
    /// Whose turn it is to open a connection that others will share.
    pub opening: Rc<Mutex<()>>,
    /// Did it speak HTTP/2 the last time?
    pub shares: bool,
}

impl<B> Shelf<B> {
    pub fn new(key: Key) -> Self {
        let (open, opening) = (Rc::default(), Rc::default());
        Self { key, http1: Vec::new(), http2: Vec::new(), open, opening, shares: false }
    }

    pub fn count(&self) -> usize {
        self.http1.len() + self.http2.len()
    }

    /// A stream of the busiest connection that has room: so the others grow idle and leave.
    pub fn lend(
        &mut self,
        now: Instant,
        keep: Keep,
        since: Option<Instant>,
        leads: impl Fn(SocketAddr) -> bool,
    ) -> Option<Held<B>> {
        if self.http2.is_empty() {
            return None;
        }
        self.http2.retain(|shared| shared.is_fit(now, keep) && leads(shared.address));
        let is_new = |shared: &Shared<B>| since.is_none_or(|since| shared.opened >= since);
        let roomy = self.http2.iter().filter(|shared| shared.streams.has_room() && is_new(shared));
        roomy.max_by_key(|shared| shared.streams.open()).map(|shared| shared.lend(now))
    }

    /// A stream of the least busy connection, where it waits for its turn.
    pub fn squeeze(&self, now: Instant) -> Option<Held<B>> {
        let windows = self.http2.iter().filter(|shared| shared.streams.has_window());
        windows.min_by_key(|shared| shared.streams.open()).map(|shared| shared.lend(now))
    }

    /// The latest that is ready: one is not before the body of its last response was read.
    pub fn take(&mut self, now: Instant, keep: Keep, leads: impl Fn(SocketAddr) -> bool) -> Option<Held<B>> {
        while let Some(at) = self.http1.iter().rposition(|idle| idle.sender.is_ready() || idle.sender.is_closed()) {
            let idle = self.http1.remove(at);
            if idle.is_fit(now, keep) && leads(idle.address) {
                let Idle { sender, address, opened, timer, slot, .. } = idle;
                let sender = Sender::Http1(sender);
                return Some(Held { sender, address, opened, timer, stream: None, slot });
            }
        }
        None
    }

    /// Puts a connection of HTTP/1.1 back; at most `limit` are kept, and the oldest leaves first.
    pub fn put(&mut self, held: Held<B>, now: Instant, limit: usize) {
        let Held { sender: Sender::Http1(sender), address, opened, timer, slot, .. } = held else { return };
        if self.http1.len() >= limit && !self.http1.is_empty() {
            self.http1.remove(0);
        }
        if limit > 0 {
            self.http1.push(Idle { sender, address, opened, timer, slot, since: now });
        }
    }

    /// Forgets those that the endpoint has closed.
    pub fn sweep(&mut self) {
        self.http1.retain(|idle| !idle.sender.is_closed());
    }

    /// Keeps a new connection of HTTP/2, and lends its first stream.
    pub fn share(&mut self, held: Held<B>) -> Held<B> {
        self.shares = matches!(held.sender, Sender::Http2(..));
        let Held { sender: Sender::Http2(sender, streams), address, opened, .. } = held else { return held };
        let shared = Shared { sender, streams, address, opened, used: Cell::new(opened) };
        let lent = shared.lend(opened);
        self.http2.push(shared);
        lent
    }

    /// Closes what has been kept for too long.
    pub fn tidy(&mut self, now: Instant, keep: Keep) {
        self.http1.retain(|idle| idle.is_fit(now, keep));
        self.http2.retain(|shared| shared.is_fit(now, keep));
    }
}
