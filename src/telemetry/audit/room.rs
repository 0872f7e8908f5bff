//! The audit log as everybody else sees it: told without waiting, or kept before something is done.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use opentelemetry_sdk::logs::LogExporter;
use tokio_util::sync::CancellationToken;

use super::chain::Key;
use super::counts::Counts;
use super::event::{Event, Kind};
use super::logs::{Logs, Unsent};
use super::settings::Settings;
use super::syslog::Syslogger;
use super::writer::{Message, Writer};
use crate::notice::supervised_with;
use crate::settings::SecretError;
use crate::telemetry::scrape::Gauges;

/// As many events wait for the disk at most.
const WAITING: usize = 8192;

/// Why the audit log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its file.
    #[error("the audit log `{path}` cannot be opened: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// Its key.
    #[error("telemetry.audit.key: {0}")]
    Key(#[from] SecretError),
}

/// The audit log.
pub struct Audit {
    queue: SyncSender<Message>,
    wanted: u16,
    /// What found no place in the queue, or on the disk.
    dropped: Arc<AtomicU64>,
    counts: Arc<Counts>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Audit {
    /// Takes the log up where it was left. Blocks for the disk.
    ///
    /// # Errors
    /// If it cannot be written, or its key not be read.
    pub fn open(settings: &Settings, instance: &str, logs: Option<Logs>) -> Result<Self, OpenError> {
        let secret = settings.key.as_ref().map(crate::settings::Secret::read).transpose()?;
        let key = Key::new(secret.as_ref());
        let failed = |error| OpenError::File { path: settings.file.clone(), error };
        let (dropped, counts) = (Arc::new(AtomicU64::new(0)), Arc::new(Counts::new()));
        let start = |syslog| Syslogger::start(syslog, instance, Arc::clone(&counts));
        let syslog = settings.syslog.as_ref().map(start);
        let syslog = syslog.transpose().map_err(failed)?;
        let (queue, waiting) = mpsc::sync_channel(WAITING);
        let told = (Arc::clone(&dropped), Arc::clone(&counts));
        let writer = Writer::open(settings, key, instance, told.0, told.1, (syslog, logs)).map_err(failed)?;
        let thread = std::thread::Builder::new().name("audit".into()).spawn(move || writer.run(&waiting));
        let thread = Mutex::new(Some(thread.map_err(failed)?));
        let wanted = settings.events.iter().fold(0, |bits, kind| bits | kind.bit());
        Ok(Self { queue, wanted, dropped, counts, thread })
    }

    /// Is such an event told?
    #[must_use]
    pub const fn wants(&self, kind: Kind) -> bool {
        self.wanted & kind.bit() != 0
    }

    /// Tells of an event. It waits for nobody: what finds no place is counted, and the count is told.
    pub fn tell(&self, event: Event) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.queue.try_send(Message::Tell(event)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.counts.dropped_queue.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How it stands, for the metrics.
    pub fn fill(&self, gauges: &mut Gauges) {
        self.counts.fill(gauges);
    }

    /// Sends lines to the collector until it is stopped.
    pub fn export<E: LogExporter>(
        &self,
        unsent: Unsent<E>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + use<E> {
        let own = (unsent, Arc::clone(&self.counts), stop);
        supervised_with("the export of the audit log", own, |mut own| async move {
            let (unsent, counts, stop) = &mut *own;
            unsent.run(counts, stop).await;
        })
    }

    /// Has events on disk once it returns. Blocks.
    ///
    /// # Errors
    /// If they are not; then none of them stands there.
    pub fn keep(&self, events: Vec<Event>) -> io::Result<()> {
        let (answer, answered) = mpsc::sync_channel(1);
        let gone = |_| io::Error::other("the audit log was closed");
        self.queue.send(Message::Keep(events, answer)).map_err(|_| gone(mpsc::RecvError))?;
        answered.recv().map_err(gone)?
    }

    /// Writes what waits, and ends. Blocks.
    pub fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|_| self.queue.send(Message::Close).is_ok()) {
            let _ = thread.join();
        }
    }
}
