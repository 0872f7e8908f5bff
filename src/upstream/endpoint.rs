//! One endpoint: where it is, how busy it is, and whether it is well.

use super::connections::Slot;
use super::settings::Address;
use super::streams::Stream;
use crate::notice::Trouble;
use arc_swap::ArcSwap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// One endpoint, shared by all workers.
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// The same as text, for traces.
    pub name: Arc<str>,
    resolved: ArcSwap<Vec<SocketAddr>>,
    /// That its name has no address.
    pub(super) unresolved: Trouble,
    /// That it fails, and so may be left out.
    pub(super) failing: Trouble,
    turn: AtomicUsize,
    in_flight: AtomicUsize,
    failures: AtomicU32,
    healthy: AtomicBool,
    /// Until when it is left out, in milliseconds since `began`.
    ejected_until: AtomicU64,
    began: Instant,
}

impl Endpoint {
    pub(super) fn new(address: Address) -> Self {
        let fixed = address.host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, address.port));
        Self {
            name: String::from(address.clone()).into(),
            resolved: ArcSwap::from_pointee(fixed.into_iter().collect()),
            unresolved: Trouble::default(),
            failing: Trouble::default(),
            address,
            turn: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            healthy: AtomicBool::new(true),
            ejected_until: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// Must its name be resolved?
    pub(super) fn is_named(&self) -> bool {
        self.address.host.parse::<IpAddr>().is_err()
    }

    /// What its name was resolved to. An empty answer does not replace a good one.
    pub(super) fn resolve_to(&self, addresses: Vec<SocketAddr>) {
        if !addresses.is_empty() {
            self.resolved.store(Arc::new(addresses));
        }
    }

    /// Its addresses, beginning with another one each time.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses = self.resolved.load().to_vec();
        if addresses.len() > 1 {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % addresses.len();
            addresses.rotate_left(turn);
        }
        addresses
    }

    /// Does this address still belong to it?
    pub(super) fn has(&self, address: SocketAddr) -> bool {
        self.resolved.load().contains(&address)
    }

    /// How many requests it is working on.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// May it be picked?
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.healthy.load(Ordering::Relaxed) && !self.is_ejected()
    }

    /// Is it used: may it be picked, and is it known where it is?
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.is_available() && !self.resolved.load().is_empty()
    }

    /// What the probes say now; was it otherwise before?
    pub(super) fn set_healthy(&self, healthy: bool) -> bool {
        self.healthy.swap(healthy, Ordering::Relaxed) != healthy
    }

    /// Is there a failure to forget? Only then is anything written: the line would else be written by every worker.
    pub(super) fn has_failed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) != 0
    }

    pub(super) fn forget_failures(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.ejected_until.store(0, Ordering::Relaxed);
    }

    /// Another failure in a row; how many there are now.
    pub(super) fn failed(&self) -> u32 {
        self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    pub(super) fn eject(&self, eject_for: Duration) {
        let span = u64::try_from(eject_for.as_millis()).unwrap_or(u64::MAX);
        self.ejected_until.store(self.since_began().saturating_add(span), Ordering::Relaxed);
    }

    /// Is it left out because it failed?
    pub(super) fn is_ejected(&self) -> bool {
        let ejected = self.ejected_until.load(Ordering::Relaxed);
        ejected != 0 && self.since_began() < ejected
    }

    fn since_began(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// What a response takes up as long as it lasts.
#[derive(Default)]
pub(super) struct Taken {
    pub stream: Option<Stream>,
    pub slot: Option<Rc<Slot>>,
}

/// Counts as a request in flight until it is dropped.
pub struct Lease {
    endpoint: Arc<Endpoint>,
    /// The stream that it takes up of an HTTP/2 connection.
    stream: Option<Stream>,
    /// The connection that it takes up, where nobody else can have it any more: a tunnel's.
    slot: Option<Rc<Slot>>,
}

impl Lease {
    pub(super) fn take(endpoint: &Arc<Endpoint>) -> Self {
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { endpoint: Arc::clone(endpoint), stream: None, slot: None }
    }

    pub(super) fn carry(&mut self, taken: Taken) {
        (self.stream, self.slot) = (taken.stream, taken.slot);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
