//! Where events are handed in: finds the source, lets its receiver work on the control runtime, and counts what became
//! of it. Who reads the requests is not told here.

use super::events::{Events, Outcome};
use super::receive::{Answer, Received};
use super::sink::Sink;
use super::source::{Source, SourceSettings};
use super::throttle::Throttle;
use crate::decide::id::SourceName;
use crate::state::clock::Clock;
use bytes::Bytes;
use http::{Response, StatusCode};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// How long a receiver may take: a little longer than senders wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many events of one source are worked on at once; more wait. So a flood of signatures to be checked does not keep
/// the other tasks of the control runtime from their turns.
const AT_ONCE: usize = 32;

/// A source, and where it writes.
pub(super) type Parts = Arc<(Box<dyn Source>, Sink)>;

struct Desk {
    parts: Parts,
    throttle: Throttle,
    slots: Semaphore,
}

/// All sources that are told.
pub struct Reception {
    runtime: Handle,
    clock: Arc<dyn Clock>,
    desks: RwLock<BTreeMap<Box<str>, Arc<Desk>>>,
    /// Of a source of the same name they go on: no series starts anew with a reload.
    events: RwLock<BTreeMap<Box<str>, Arc<Events>>>,
}

impl Reception {
    pub(super) fn new(runtime: Handle, clock: Arc<dyn Clock>) -> Self {
        Self { runtime, clock, desks: RwLock::default(), events: RwLock::default() }
    }

    /// The counts of a source.
    pub(super) fn events(&self, source: &str) -> Arc<Events> {
        let mut events = self.events.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(events.entry(source.into()).or_default())
    }

    /// From now on this is the source of that name.
    pub(super) fn open(&self, source: &str, settings: &SourceSettings, parts: &Parts) {
        let mut desks = self.desks.write().unwrap_or_else(PoisonError::into_inner);
        match settings.kind().door() {
            Some((door, _)) if parts.0.receiver().is_some() => {
                let desk = Desk {
                    parts: Arc::clone(parts),
                    throttle: Throttle::new(door.rate),
                    slots: Semaphore::new(AT_ONCE),
                };
                desks.insert(source.into(), Arc::new(desk));
            }
            _ => drop(desks.remove(source)),
        }
    }

    /// There is no such source any more.
    pub(super) fn close(&self, source: &str) {
        self.desks.write().unwrap_or_else(PoisonError::into_inner).remove(source);
    }

    fn desk(&self, source: &str) -> Option<Arc<Desk>> {
        self.desks.read().unwrap_or_else(PoisonError::into_inner).get(source).cloned()
    }

    /// Whether a peer may send one more event to a source. Asked before its body is read.
    #[must_use]
    pub fn admits(&self, source: &str, peer: IpAddr) -> bool {
        let Some(desk) = self.desk(source) else { return true };
        let admitted = desk.throttle.admits(peer, self.clock.steady());
        if !admitted {
            desk.parts.1.events.count(Outcome::Limited);
        }
        admitted
    }

    /// Hands in an event. What it is answered comes from the control runtime, where it goes on even if nobody waits
    /// any more.
    pub fn receive(&self, source: &str, event: Received) -> impl Future<Output = Response<Bytes>> + use<> {
        let begun = self.clock.steady();
        let (desk, clock) = (self.desk(source), Arc::clone(&self.clock));
        let working = desk.map(|desk| {
            let events = Arc::clone(&desk.parts.1.events);
            (events, self.runtime.spawn(async move { desk.work(&event, &*clock, begun).await }))
        });
        async move {
            // The source left with a reload between the request's head and its body.
            let Some((events, working)) = working else {
                return Answer::empty(StatusCode::NOT_FOUND, Outcome::Failed).response;
            };
            working.await.unwrap_or_else(|_| {
                // A receiver that panicked kept nothing, as far as its sender may know.
                events.count(Outcome::Failed);
                Answer::unkept().response
            })
        }
    }

    /// The counts of every source.
    #[must_use]
    pub fn standing(&self) -> Vec<(SourceName, Arc<Events>)> {
        let events = self.events.read().unwrap_or_else(PoisonError::into_inner);
        events.iter().map(|(name, events)| (SourceName::from(&**name), Arc::clone(events))).collect()
    }
}

impl Desk {
    async fn work(&self, event: &Received, clock: &dyn Clock, begun: Duration) -> Response<Bytes> {
        let events = &self.parts.1.events;
        let answer = tokio::time::timeout(PATIENCE, self.ask(event)).await.unwrap_or_else(|_| Answer::unkept());
        events.count(answer.outcome);
        events.answered(clock.steady().saturating_sub(begun));
        answer.response
    }

    async fn ask(&self, event: &Received) -> Answer {
        let (source, sink) = &*self.parts;
        let Some(receiver) = source.receiver() else { return Answer::unkept() };
        let _slot = self.slots.acquire().await;
        receiver.receive(sink, event).await
    }
}
