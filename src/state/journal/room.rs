//! The journal as a whole: opened once, read when the sources are there, written by a thread of its own, closed.

use super::account::Account;
use super::disk::{Disk, Folder};
use super::frame::{Check, JournalError};
use super::inventory::Inventory;
use super::load::{Load, Recovered};
use super::queue::Queue;
use super::stats::{JournalStanding, Stats, micros};
use super::voice::Voice;
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
    /// Those whose words could not be read. As long as there are any, nothing is made void.
    refused: Mutex<Vec<Arc<Account>>>,
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

    /// Those whose words could not be read.
    pub(super) fn refused(&self) -> MutexGuard<'_, Vec<Arc<Account>>> {
        lock(&self.refused)
    }

    /// Reads what these said into their feeds. The first time all of it is read, and what was found is told; later only if
    /// there is something of one of these.
    pub(super) fn read(&self, accounts: &[Arc<Account>]) -> Result<(), JournalError> {
        let first = !self.loaded.load(Relaxed);
        if first || accounts.iter().any(|account| self.holds(&account.voice)) {
            let (before, _) = (self.clock.now().steady, self.queue.flush());
            let files = self.files().clone();
            let load = Load::new((&*self.disk, &self.check), &self.set, accounts);
            let recovered = load.run(&files)?;
            let took = self.clock.now().steady.saturating_sub(before);
            if first {
                self.stats.recovered.store(recovered.entries, Relaxed);
                self.stats.load_us.fetch_add(micros(took), Relaxed);
                told(&recovered, &files, self.stats.standing(false).load.as_secs_f64());
            }
            if first && files.older {
                // Written as it is written now, it says who was told.
                self.queue.gap();
            }
            lock(&self.voices).extend(recovered.voices);
        }
        Ok(())
    }

    /// Do the files hold words of this one?
    pub(super) fn holds(&self, voice: &Voice) -> bool {
        lock(&self.voices).iter().any(|one| one.is_of(voice))
    }

    /// From now on what these say is kept.
    pub(super) fn keep(&self, accounts: &[Arc<Account>]) {
        lock(&self.voices).extend(accounts.iter().map(|account| account.voice.clone()));
        lock(&self.accounts).extend(accounts.iter().map(|account| (account.voice.clone(), Arc::clone(account))));
        self.loaded.store(true, Relaxed);
    }

    /// Of whom the files will tell after a snapshot.
    pub(super) fn voices(&self) -> BTreeSet<Voice> {
        lock(&self.accounts).keys().cloned().collect()
    }

    /// A snapshot holds the words of these only.
    pub(super) fn drop_voices(&self, keep: BTreeSet<Voice>) {
        let before = std::mem::replace(&mut *lock(&self.voices), keep);
        let kept = lock(&self.voices).clone();
        for voice in before.iter().filter(|voice| !kept.iter().any(|kept| voice.is_of(kept))) {
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
            refused: Mutex::default(),
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

    /// Takes up sources: reads what they said before into their feeds, which are open and not written to yet.
    ///
    /// # Errors
    /// If not all of it could be read.
    pub fn recover(&self, opened: Vec<(Voice, Arc<Feed>)>) -> Result<Vec<Arc<Account>>, JournalError> {
        let _long = self.inner.long_turn();
        let accounts = self.accounts(opened);
        self.inner.read(&accounts)?;
        self.inner.keep(&accounts);
        Ok(accounts)
    }

    /// The same, of sources that go on in any case. If not all of it could be read, none of them is whole, nothing that
    /// they say is told to be kept, and no file is made void, until it is read: which is tried again and again.
    pub fn take_up(&self, opened: Vec<(Voice, Arc<Feed>)>) -> Vec<Arc<Account>> {
        let _long = self.inner.long_turn();
        let accounts = self.accounts(opened);
        match self.inner.read(&accounts) {
            Ok(()) => self.inner.keep(&accounts),
            Err(error) => {
                tracing::error!(%error, "the journal of revocations could not be read");
                accounts.iter().for_each(|account| {
                    account.refuse();
                    account.feed.unread(true);
                    // What it was the place after is not all here: who can say all of it is asked from the beginning.
                    account.set_cursor(None);
                });
                self.inner.refused().extend(accounts.iter().cloned());
            }
        }
        accounts
    }

    fn accounts(&self, opened: Vec<(Voice, Arc<Feed>)>) -> Vec<Arc<Account>> {
        let account = |(voice, feed)| Arc::new(Account::new(voice, feed, Arc::clone(&self.inner.queue)));
        opened.into_iter().map(account).collect()
    }

    /// Does it hold words of this one?
    #[must_use]
    pub fn holds(&self, voice: &Voice) -> bool {
        self.inner.holds(voice)
    }

    /// Who was told what the files hold, and is none of these: a source that is no more, or is of another kind now. Asked
    /// before the files are read for the first time.
    #[must_use]
    pub fn former(&self, opened: &[(Voice, Arc<Feed>)]) -> Vec<Voice> {
        let accounts = self.inner.accounts();
        let refused = self.inner.refused().clone();
        let kept = || accounts.iter().chain(&refused).map(|account| &account.voice);
        let lives = |voice: &Voice| kept().chain(opened.iter().map(|(voice, _)| voice)).any(|kept| voice.is_of(kept));
        let voices = lock(&self.inner.voices);
        voices.iter().filter(|voice| voice.told().is_some() && !lives(voice)).cloned().collect()
    }

    /// What is said of this is told to be not kept: for a source without a journal.
    #[must_use]
    pub fn refuse(voice: Voice, feed: Arc<Feed>) -> Arc<Account> {
        let account = Account::new(voice, feed, Arc::default());
        account.refuse();
        Arc::new(account)
    }

    /// A source is gone: what it said stays in the journal, for nobody, until the next snapshot.
    pub fn leave(&self, account: &Account) {
        let _long = self.inner.long_turn();
        let mut accounts = lock(&self.inner.accounts);
        // By now somebody else may have its voice.
        if accounts.get(&account.voice).is_some_and(|one| std::ptr::eq(&**one, account)) {
            accounts.remove(&account.voice);
        }
        drop(accounts);
        self.inner.refused().retain(|one| !std::ptr::eq(&**one, account));
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
    if found.leave > 0 {
        let entries = found.leave;
        tracing::warn!(
            entries,
            "revocations leave: no issuer of the config has their `iss`, or the fleet left the config"
        );
    }
    tracing::info!(
        entries = found.entries,
        nobodys = found.nobodys,
        beyond_bound = found.beyond,
        bytes = files.bytes(),
        torn = files.torn.len(),
        torn_at = files.torn.first().map(|(_, at)| at),
        seconds,
        "what is revoked was read from the journal"
    );
}
