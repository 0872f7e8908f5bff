//! The thread that writes. A group is all that waited; it is told to be kept once the disk has it. After a write that
//! failed, the file is cut back to what was kept; after a sync that failed, nobody knows what the disk has, and the file
//! is left for a new one.

use super::disk::Tape;
use super::frame::{self, Form, HEADER, Header};
use super::inventory;
use super::queue::Item;
use super::room::Inner;
use super::stats::micros;
use super::{again, compact};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it is looked whether a snapshot is needed, when nothing is written.
const LOOK: Duration = Duration::from_millis(500);

/// The least time between two attempts to make a snapshot, and how many times as long as one took to make.
const REST: Duration = Duration::from_secs(2);
const REST_TIMES: u32 = 10;

/// A journal of less is not worth a snapshot.
const MIN_JOURNAL: u64 = 8 << 20;

/// More files than this are made into one: a process that dies again and again leaves one each time.
const MAX_FILES: usize = 16;

/// A file that is being written.
struct Current {
    tape: Box<dyn Tape>,
    length: u64,
}

pub(super) struct Writer {
    inner: Arc<Inner>,
    current: Option<Current>,
    group: u64,
    /// No snapshot is made before this time.
    rested: Duration,
    compacting: Option<JoinHandle<()>>,
}

/// Notices the end of the thread, if it is not a good one.
struct Watched(Arc<Inner>);

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stats.failing.store(true, Relaxed);
            self.0.queue.abandon();
            tracing::error!("the journal's thread died: no event is acknowledged until the gateway is started again");
        }
    }
}

impl Writer {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        let group = inner.files().group;
        Self { inner, current: None, group, rested: Duration::ZERO, compacting: None }
    }

    pub(super) fn run(mut self) {
        let _watched = Watched(Arc::clone(&self.inner));
        let queue = Arc::clone(&self.inner.queue);
        while let Some(items) = queue.next(LOOK) {
            if !items.is_empty() {
                self.commit(items);
            }
            self.compact();
        }
        self.compacting.take().map(JoinHandle::join);
    }

    fn commit(&mut self, items: Vec<Item>) {
        let mut bytes = Vec::with_capacity(items.iter().map(|item| item.payload.len() + frame::FRAME).sum());
        let group = self.group.saturating_add(1);
        items.iter().for_each(|item| frame::push(&mut bytes, group, &item.payload));
        let written = self.write(&bytes);
        let stats = &self.inner.stats;
        let failed_before = stats.failing.swap(written.is_err(), Relaxed);
        match &written {
            Ok(()) => {
                self.group = group;
                stats.records.fetch_add(items.len() as u64, Relaxed);
                stats.bytes.store(self.inner.files().bytes(), Relaxed);
                if failed_before {
                    tracing::info!("the journal of revocations is written again");
                }
            }
            Err(error) => {
                stats.failures.fetch_add(1, Relaxed);
                if !failed_before {
                    tracing::error!(%error, "the journal of revocations cannot be written: events are not acknowledged");
                }
            }
        }
        self.inner.queue.settle(items, written.is_ok());
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.begin()?,
        };
        if let Err(error) = current.tape.write(bytes) {
            // Cut back, it is as good as before; what cannot be cut back is left as a torn end.
            if current.tape.cut(current.length).is_ok() {
                self.current = Some(current);
            }
            return Err(error);
        }
        let before = self.inner.clock.now().steady;
        if let Err(error) = current.tape.sync() {
            let _ = current.tape.cut(current.length);
            return Err(error);
        }
        self.inner.stats.synced(self.inner.clock.now().steady.saturating_sub(before));
        current.length += bytes.len() as u64;
        self.inner.files().grew(current.length);
        self.current = Some(current);
        Ok(())
    }

    /// Begins a new file. That it is there is durable before anything in it is told to be kept.
    fn begin(&self) -> io::Result<Current> {
        let (number, check) = (self.inner.files().next, self.inner.check);
        let name = inventory::journal(number);
        let header = Header { form: Form::Journal, number, follows: self.group, check };
        let begun = self.inner.disk.create(&name).and_then(|mut tape| {
            tape.write(&header.bytes())?;
            tape.sync()?;
            self.inner.disk.sync()?;
            Ok(tape)
        });
        match begun {
            Ok(tape) => {
                self.inner.files().begun(number, HEADER as u64);
                Ok(Current { tape, length: HEADER as u64 })
            }
            Err(error) => {
                // What stays, void as it is, keeps its name.
                let gone = self.inner.disk.remove(&name);
                if gone.is_err_and(|gone| gone.kind() != io::ErrorKind::NotFound) {
                    self.inner.files().next = number.saturating_add(1);
                }
                Err(error)
            }
        }
    }

    /// Has a snapshot made where one is needed. What is written meanwhile goes to a new file, which comes after it.
    fn compact(&mut self) {
        if self.compacting.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        let now = self.inner.clock.now().steady;
        if let Some(thread) = self.compacting.take() {
            let _ = thread.join();
            let took = Duration::from_micros(self.inner.compaction_us.load(Relaxed));
            self.rested = now + (took * REST_TIMES).max(REST);
        }
        let again = !self.inner.refused().is_empty();
        if now < self.rested || !(again || self.is_due()) {
            return;
        }
        let (inner, began) = (Arc::clone(&self.inner), now);
        let order = (!again).then(|| {
            self.current = None;
            compact::Order { number: inner.files().next, follows: self.group, gaps: inner.queue.gaps().0 }
        });
        let thread = std::thread::Builder::new().name("snapshot".into()).spawn(move || {
            order.map_or_else(|| again::run(&inner), |order| compact::run(&inner, &order));
            inner.compaction_us.store(micros(inner.clock.now().steady.saturating_sub(began)), Relaxed);
        });
        self.compacting = thread.ok();
    }

    fn is_due(&self) -> bool {
        if !self.inner.loaded.load(Relaxed) {
            return false;
        }
        let (files, (_, gap)) = (self.inner.files(), self.inner.queue.gaps());
        let snapshot = files.snapshot.map_or(0, |(_, bytes)| bytes);
        gap || files.journals.len() > MAX_FILES || files.journal_bytes() > MIN_JOURNAL.max(snapshot.saturating_mul(2))
    }
}
