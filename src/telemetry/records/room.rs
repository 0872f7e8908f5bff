//! The records as one thing: opened once, told by the line, asked by operators, closed last.

use std::io;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use super::buckets::Buckets;
use super::decision::DecisionRecord;
use super::directory::Directory;
use super::filter::Filter;
use super::groups::Groups;
use super::index::Index;
use super::segment::Found;
use super::settings::Settings;
use super::writer::{Bounds, Writer};
use crate::decide::time::{Timestamp, millis};
use crate::notice::Trouble;
use crate::telemetry::context::TraceContext;
use crate::telemetry::meter::lock;
use crate::telemetry::record::Lent;
use crate::telemetry::start::StartError;

/// As many may wait to be kept: some 12 MiB.
const QUEUE: usize = 4096;
/// When as many wait, the writer is woken.
const WAKE: usize = QUEUE / 4;
/// As many are kept where there is no directory: some 6 MiB.
const IN_MEMORY: usize = 2000;
/// Whoever asks waits no longer than this for what was told before.
const PATIENCE: Duration = Duration::from_secs(2);

/// The records.
pub struct Records {
    queue: SyncSender<Arc<crate::telemetry::record::Record>>,
    shared: Arc<Shared>,
    /// An admission is recorded if the lower 53 bits of its trace id are below this.
    threshold: u64,
    thread: Mutex<Option<JoinHandle<()>>>,
    waker: std::thread::Thread,
    in_memory: bool,
}

/// What the line, the writer and those who ask have in common.
pub(super) struct Shared {
    index: Mutex<Index>,
    pub waiting: AtomicUsize,
    pub written: AtomicU64,
    pub dropped_queue: AtomicU64,
    pub dropped_disk: AtomicU64,
    pub skipped: AtomicU64,
    /// How often somebody asked for what was told to be settled, and up to which of these it is.
    pub asked: AtomicU64,
    pub settled: watch::Sender<u64>,
    /// The number of the next record.
    pub next: watch::Sender<u64>,
    pub stop: AtomicBool,
    /// Wall time in milliseconds, as somebody with a clock told it last.
    pub now: AtomicI64,
}

/// How the records stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many can be asked for.
    pub kept: usize,
    /// How long their files are.
    pub bytes: u64,
    /// The instant of the oldest.
    pub oldest: Option<Timestamp>,
    /// How many were kept since the start.
    pub written: u64,
    /// How many found no place in the queue.
    pub dropped_queue: u64,
    /// How many the disk did not take.
    pub dropped_disk: u64,
    /// How many files could not be read at the start.
    pub skipped: u64,
    /// Whether a restart forgets them.
    pub in_memory: bool,
}

impl Shared {
    pub fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.index)
    }
}

impl Records {
    /// Opens the directory, if there is one. What is in it is read by the thread that writes, beside the start.
    ///
    /// # Errors
    /// If the directory cannot be had.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        let failed = |error| {
            let path = settings.directory.clone().unwrap_or_default();
            StartError::Records { path, error }
        };
        let directory = settings.directory.as_deref().map(Directory::open).transpose().map_err(failed)?;
        let in_memory = directory.is_none();
        let records = if in_memory { IN_MEMORY } else { usize::try_from(settings.max_records).unwrap_or(IN_MEMORY) };
        let bounds = Bounds { records, age: millis(settings.max_age.get()) };
        let shared = Arc::new(Shared {
            index: Mutex::new(Index { next: 1, ..Index::default() }),
            waiting: AtomicUsize::new(0),
            written: AtomicU64::new(0),
            dropped_queue: AtomicU64::new(0),
            dropped_disk: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            settled: watch::Sender::new(0),
            next: watch::Sender::new(0),
            stop: AtomicBool::new(false),
            now: AtomicI64::new(0),
        });
        let (queue, receiver) = sync_channel(QUEUE);
        let writer = Writer {
            shared: Arc::clone(&shared),
            queue: receiver,
            directory,
            bounds,
            trouble: Trouble::default(),
            failed: None,
            passed: 0,
            bytes: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("records".into()).spawn(move || writer.run()).map_err(failed)?;
        let waker = thread.thread().clone();
        let threshold = (settings.admissions.get() * WHOLE as f64) as u64;
        Ok(Self { queue, shared, threshold, thread: Mutex::new(Some(thread)), waker, in_memory })
    }

    /// Is this request recorded even if it is admitted?
    #[must_use]
    pub const fn wants(&self, trace: &TraceContext) -> bool {
        self.threshold > 0 && (trace.trace_id as u64 & (WHOLE - 1)) < self.threshold
    }

    /// Takes a record, if there is room for it.
    pub(in crate::telemetry) fn push(&self, lent: &mut Lent<'_, '_>) {
        let shared = &self.shared;
        let before = shared.waiting.fetch_add(1, AcqRel);
        if before >= QUEUE || self.queue.try_send(lent.record()).is_err() {
            shared.waiting.fetch_sub(1, AcqRel);
            shared.dropped_queue.fetch_add(1, Relaxed);
            return;
        }
        shared.now.fetch_max(lent.exchange.moment.wall.millis(), Relaxed);
        if before == WAKE {
            self.waker.unpark();
        }
    }

    /// Tells what time it is, so that what is too old leaves even where nothing comes.
    pub fn tick(&self, now: Timestamp) {
        self.shared.now.store(now.millis(), Relaxed);
    }

    /// Waits, but not for long, until what was told before can be found.
    pub async fn settle(&self) {
        let ticket = self.shared.asked.fetch_add(1, AcqRel) + 1;
        let mut settled = self.shared.settled.subscribe();
        self.waker.unpark();
        // If it takes longer, whoever asks is told what there is.
        let _ = tokio::time::timeout(PATIENCE, settled.wait_for(|settled| *settled >= ticket)).await;
    }

    /// The newest that a filter keeps, the newest first. Blocks for the disk.
    ///
    /// # Errors
    /// If the disk does not give them.
    pub fn newest(&self, filter: &Filter, most: usize) -> io::Result<Vec<DecisionRecord>> {
        let found = self.shared.index().newest(filter, most);
        read(&found, filter)
    }

    /// The oldest that a filter keeps, the oldest first. Blocks for the disk.
    ///
    /// # Errors
    /// If the disk does not give them.
    pub fn oldest(&self, filter: &Filter, most: usize) -> io::Result<Vec<DecisionRecord>> {
        let found = self.shared.index().oldest_of(filter, most);
        read(&found, filter)
    }

    /// What those that a filter keeps have in common.
    #[must_use]
    pub fn groups(&self, filter: &Filter, most: usize) -> Groups {
        self.shared.index().groups(filter, most)
    }

    /// How many there were of each reason, from `since` to `until` in steps of so many milliseconds.
    #[must_use]
    pub fn buckets(&self, filter: &Filter, step: i64, most: usize) -> Buckets {
        self.shared.index().buckets(filter, step, most)
    }

    /// Is there, or was there since the start, a record that has this name: of a route, an issuer or a tenant?
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.shared.index().names.known(name).is_some()
    }

    /// The number that the next record gets.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.shared.index().next
    }

    /// Waits until there is a record of this number or a later one.
    pub async fn comes(&self, seq: u64) {
        let mut next = self.shared.next.subscribe();
        // The sender lives as long as this does.
        let _ = next.wait_for(|next| *next > seq).await;
    }

    /// How they stand.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let (kept, bytes, oldest) = {
            let index = self.shared.index();
            (index.kept(), index.bytes(), index.oldest())
        };
        Standing {
            kept,
            bytes,
            oldest: oldest.map(Timestamp::from_millis),
            written: self.shared.written.load(Relaxed),
            dropped_queue: self.shared.dropped_queue.load(Relaxed),
            dropped_disk: self.shared.dropped_disk.load(Relaxed),
            skipped: self.shared.skipped.load(Relaxed),
            in_memory: self.in_memory,
        }
    }

    /// Keeps what waits, for no longer than this.
    pub async fn close(&self, within: Duration) {
        self.end();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join().is_ok());
            let _ = tokio::time::timeout(within, joined).await;
        }
    }

    fn end(&self) {
        self.shared.stop.store(true, Release);
        self.waker.unpark();
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.end();
    }
}

/// The bits of a trace id that are surely random.
const WHOLE: u64 = 1 << 53;

fn read(found: &[(u64, Found)], filter: &Filter) -> io::Result<Vec<DecisionRecord>> {
    let mut all = Vec::with_capacity(found.len());
    for (_, found) in found {
        let record = match found.read() {
            Ok(record) => record,
            // One that is damaged hides no other.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => continue,
            Err(error) => return Err(error),
        };
        // A request id is found by its hash, so that another may be found too.
        if filter.id.as_deref().is_none_or(|id| record.is_called(id)) {
            all.push(record);
        }
    }
    Ok(all)
}
