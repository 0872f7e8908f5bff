//! What waits to be written. All that comes while the disk is busy is written at once, so that many share one sync.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::oneshot;

/// The journal did not keep it. It is enforced, but would be forgotten over a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the journal cannot be written")]
pub struct Unwritten;

/// More than this does not wait: who comes then is told that it is not kept.
const MAX_WAITING: usize = 32 << 20;

/// One record that waits.
pub(super) struct Item {
    pub(super) payload: Vec<u8>,
    /// Nobody waits for what was polled: its source says it again, from the cursor that was kept.
    polled: bool,
    /// Who is told what became of it, and of what came with it.
    waiter: Option<oneshot::Sender<bool>>,
}

#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    /// How many records were ever taken in, and how many were done with.
    pushed: u64,
    settled: u64,
    /// How often something that was polled was not written, and how many of these a snapshot has made good. As long as
    /// they differ, nothing that was polled is written: its cursor would skip what is missing.
    gaps: u64,
    mended: u64,
    closed: bool,
}

/// The records that wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    settled: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in records that somebody waits for.
    pub(super) fn push(&self, payloads: Vec<Vec<u8>>) -> Result<oneshot::Receiver<bool>, Unwritten> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.closed || waiting.bytes > MAX_WAITING {
            return Err(Unwritten);
        }
        waiting.put(payloads, false, Some(sender));
        drop(waiting);
        self.arrived.notify_one();
        Ok(receiver)
    }

    /// Takes in records that nobody waits for; if there is no room, the next snapshot makes good for them.
    pub(super) fn push_polled(&self, payloads: Vec<Vec<u8>>) {
        let mut waiting = self.lock();
        if waiting.gaps != waiting.mended || waiting.closed || waiting.bytes > MAX_WAITING {
            waiting.gap();
        } else {
            waiting.put(payloads, true, None);
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Something that was polled is not written, because it is too much, or because it failed.
    pub(super) fn gap(&self) {
        self.lock().gap();
        self.arrived.notify_one();
    }

    /// How many gaps there were, if a snapshot is needed for them.
    pub(super) fn gaps(&self) -> (u64, bool) {
        let waiting = self.lock();
        (waiting.gaps, waiting.gaps != waiting.mended)
    }

    /// A snapshot was made that began when there had been so many gaps.
    pub(super) fn mended(&self, gaps: u64) {
        self.lock().mended = gaps;
    }

    /// Waits for something to do, a while. `None` when there will be nothing any more.
    pub(super) fn next(&self, patience: Duration) -> Option<Vec<Item>> {
        let mut waiting = self.lock();
        if waiting.items.is_empty() && !waiting.closed {
            waiting = self.arrived.wait_timeout(waiting, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.bytes = 0;
        let items: Vec<Item> = waiting.items.drain(..).collect();
        (!items.is_empty() || !waiting.closed).then_some(items)
    }

    /// Tells everybody what became of these.
    pub(super) fn settle(&self, items: Vec<Item>, written: bool) {
        let mut waiting = self.lock();
        waiting.settled += items.len() as u64;
        if !written && items.iter().any(|item| item.polled) {
            waiting.gap();
        }
        drop(waiting);
        self.settled.notify_all();
        for waiter in items.into_iter().filter_map(|item| item.waiter) {
            // Whoever does not wait any more need not be told.
            let _ = waiter.send(written);
        }
    }

    /// Waits until all that came in before is done with.
    pub(super) fn flush(&self) {
        let mut waiting = self.lock();
        let goal = waiting.pushed;
        while waiting.settled < goal {
            waiting = self.settled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing is taken in any more, and nothing that waits will be written.
    pub(super) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.gap();
        waiting.settled = waiting.pushed;
        let items = std::mem::take(&mut waiting.items);
        drop(waiting);
        self.settled.notify_all();
        // Whoever waits is told by that.
        drop(items);
    }

    /// Nothing is taken in any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }
}

impl Waiting {
    /// Who waits waits for the last record: all are taken at once, so all are written, or none is.
    fn put(&mut self, payloads: Vec<Vec<u8>>, polled: bool, mut waiter: Option<oneshot::Sender<bool>>) {
        let last = payloads.len().saturating_sub(1);
        for (number, payload) in payloads.into_iter().enumerate() {
            self.bytes += payload.len();
            self.pushed += 1;
            let waiter = if number == last { waiter.take() } else { None };
            self.items.push_back(Item { payload, polled, waiter });
        }
    }

    /// What was polled after that, and still waits, is not written either.
    fn gap(&mut self) {
        self.gaps += 1;
        let before = self.items.len();
        self.items.retain(|item| !item.polled);
        self.settled += (before - self.items.len()) as u64;
    }
}
