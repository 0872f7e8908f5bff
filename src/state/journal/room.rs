//! The journal as a whole: opened once, read when the sources are there, written by a thread of its own, closed.

use super::account::{Account, Voice};
use super::disk::{Disk, Folder};
use super::frame::{Check, JournalError};
use super::inventory::Inventory;
use super::load::{Load, Recovered};
use super::queue::Queue;
use super::stats::{JournalStanding, Stats, micros};
use super::writer::Writer;
use crate::state::clock::Clock;
use crate::state::revocations::{Feed, Revocations};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Its directory in the state directory.
pub const DIRECTORY: &str = "revocations";

/// The journal of one revocation set.
pub struct Journal {
    inner: Arc<Inner>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

pub(super) struct Inner {
    pub(super) disk: Box<dyn Disk>,
    pub(super) check: Check,
    pub(super) set: Arc<Revocations>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) queue: Arc<Queue>,
    pub(super) stats: Stats,
    /// Nothing may be made void before all of it was read.
    pub(super) loaded: AtomicBool,
    pub(super) compaction_us: AtomicU64,
    files: Mutex<Inventory>,
    /// Held while files are read, or a snapshot is made: no source comes or goes then.
    long: Mutex<()>,
    accounts: Mutex<BTreeMap<Voice, Arc<Account>>>,
    /// Whose words the files hold.
    voices: Mutex<BTreeSet<Voice>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub(super) fn files(&self) -> MutexGuard<'_, Inventory> {
        lock(&self.files)
    }

    pub(super) fn long_turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.long)
    }

    pub(super) fn accounts(&self) -> Vec<Arc<Account>> {
        lock(&self.accounts).values().cloned().collect()
    }

    /// Of whom the files will tell after a snapshot.
    pub(super) fn voices(&self) -> BTreeSet<Voice> {
        lock(&self.accounts).keys().cloned().collect()
    }

    /// A snapshot holds the words of these only.
    pub(super) fn drop_voices(&self, keep: BTreeSet<Voice>) {
        let before = std::mem::replace(&mut *lock(&self.voices), keep);
        for voice in before.difference(&lock(&self.voices)) {
            let (source, iss) = (&voice.source, &voice.iss);
            tracing::info!(%source, %iss, "what a source said that is not in the config any more was dropped from the journal");
        }
    }
}

impl Journal {
    /// Opens the journal of a state directory, which no other process may have.
    ///
    /// # Errors
    /// If it cannot be used as it is. Nothing is lost by that.
    pub fn in_directory(
        state_dir: &Path,
        check: Check,
        set: Arc<Revocations>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JournalError> {
        let folder = Folder::lock(&state_dir.join(DIRECTORY)).map_err(|error| match error.kind() {
            std::io::ErrorKind::ResourceBusy => JournalError::Locked,
            _ => error.into(),
        })?;
        Self::open(Box::new(folder), check, set, clock)
    }

    /// Opens the journal on a disk. It is read by [`Self::recover`].
    ///
    /// # Errors
    /// If it cannot be used as it is. Nothing is lost by that.
    pub fn open(
        disk: Box<dyn Disk>,
        check: Check,
        set: Arc<Revocations>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JournalError> {
        let before = clock.now().steady;
        let files = Inventory::take(&*disk, &check)?;
        let voices = files.voices.clone();
        let inner = Inner {
            disk,
            check,
            set,
            queue: Arc::default(),
            stats: Stats::default(),
            loaded: AtomicBool::new(false),
            compaction_us: AtomicU64::new(0),
            files: Mutex::new(files),
            long: Mutex::default(),
            accounts: Mutex::default(),
            voices: Mutex::new(voices),
            clock,
        };
        inner.stats.bytes.store(inner.files().bytes(), Relaxed);
        inner.stats.load_us.store(micros(inner.clock.now().steady.saturating_sub(before)), Relaxed);
        let inner = Arc::new(inner);
        let writer = Writer::new(Arc::clone(&inner));
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || writer.run())?;
        Ok(Self { inner, writer: Mutex::new(Some(thread)) })
    }

    /// Takes up sources: reads what they said before into their feeds, which are open and not written to yet. The first
    /// time all of it is read, and what was found is told; later only if there is something of one of these.
    ///
    /// # Errors
    /// If not all of it could be read.
    pub fn recover(&self, opened: Vec<(Voice, Arc<Feed>)>) -> Result<Vec<Arc<Account>>, JournalError> {
        let inner = &self.inner;
        let _long = inner.long_turn();
        let account = |(voice, feed)| Arc::new(Account::new(voice, feed, Arc::clone(&inner.queue)));
        let accounts: Vec<Arc<Account>> = opened.into_iter().map(account).collect();
        let first = !inner.loaded.load(Relaxed);
        if first || accounts.iter().any(|account| lock(&inner.voices).contains(&account.voice)) {
            let (before, _) = (inner.clock.now().steady, inner.queue.flush());
            let files = inner.files().clone();
            let load = Load::new((&*inner.disk, &inner.check), &inner.set, &accounts, inner.clock.now().wall);
            let recovered = load.run(&files)?;
            let took = inner.clock.now().steady.saturating_sub(before);
            if first {
                inner.stats.recovered.store(recovered.entries, Relaxed);
                inner.stats.load_us.fetch_add(micros(took), Relaxed);
                told(&recovered, &files, self.standing().load.as_secs_f64());
            }
            lock(&inner.voices).extend(recovered.voices);
        }
        lock(&inner.voices).extend(accounts.iter().map(|account| account.voice.clone()));
        lock(&inner.accounts).extend(accounts.iter().map(|account| (account.voice.clone(), Arc::clone(account))));
        inner.loaded.store(true, Relaxed);
        Ok(accounts)
    }

    /// Does it hold words of this one?
    #[must_use]
    pub fn holds(&self, voice: &Voice) -> bool {
        lock(&self.inner.voices).contains(voice)
    }

    /// What is said of this is told to be not kept: for a source whose words could not be read.
    #[must_use]
    pub fn refuse(voice: Voice, feed: Arc<Feed>) -> Arc<Account> {
        let queue = Queue::default();
        queue.close();
        Arc::new(Account::new(voice, feed, Arc::new(queue)))
    }

    /// A source is gone: what it said stays in the journal, for nobody, until the next snapshot.
    pub fn leave(&self, account: &Account) {
        let _long = self.inner.long_turn();
        lock(&self.inner.accounts).remove(&account.voice);
    }

    /// Was all of it read?
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.inner.loaded.load(Relaxed)
    }

    /// How it is.
    #[must_use]
    pub fn standing(&self) -> JournalStanding {
        self.inner.stats.standing(self.inner.queue.gaps().1)
    }

    /// Writes what waits, and ends. Nothing is kept any more.
    pub fn close(&self) {
        self.inner.queue.close();
        if let Some(thread) = lock(&self.writer).take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's thread panicked: this is a fault of the gateway, please report it");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

fn told(found: &Recovered, files: &Inventory, seconds: f64) {
    for (file, at) in &files.torn {
        tracing::warn!(%file, cut_at = at, "the end of a journal was not whole, and was cut off: it was never acknowledged");
    }
    tracing::info!(
        entries = found.entries,
        expired = found.expired,
        nobodys = found.nobodys,
        beyond_bound = found.beyond,
        bytes = files.bytes(),
        torn = files.torn.len(),
        torn_at = files.torn.first().map(|(_, at)| at),
        seconds,
        "what is revoked was read from the journal"
    );
}
