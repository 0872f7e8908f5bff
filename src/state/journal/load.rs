//! The files, read into the revocation set: the snapshot by several threads, because its entries may come in any order;
//! then the journals, in theirs.

use super::account::Account;
use super::batch::{Batch, Learned, Manner};
use super::disk::Disk;
use super::frame::{Check, Form, JournalError};
use super::inventory::{Inventory, journal, snapshot};
use super::reader::{Next, Reader};
use super::voice::{Voice, is_asked, kept_as, kin};
use crate::decide::id::SourceName;
use crate::decide::revocation::Cutoff;
use crate::state::revocations::{Revocations, Void};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// How many entries were taken up.
    pub entries: u64,
    /// How many are of sources that there are not any more, or that speak for another issuer now.
    pub nobodys: u64,
    /// How many of these nobody can ask for again.
    pub leave: u64,
    /// How many their source may not hold any more.
    pub beyond: u64,
    /// Whose words there are.
    pub voices: BTreeSet<Voice>,
}

/// How many threads read a snapshot's entries, at most: more would only wait for each other.
const MAX_READERS: usize = 4;

/// So many records that follow each other go to one of them: they are of the same parts of the set, and two writers of
/// one part would wait for each other.
const RUN: usize = 16;

/// How many records wait for each of them.
const AHEAD: usize = 2 * RUN;

pub(super) struct Load<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) check: &'a Check,
    pub(super) set: &'a Revocations,
    /// By whose words they are, and their `iss`.
    accounts: BTreeMap<&'a str, BTreeMap<&'a str, (&'a Arc<Account>, AtomicBool)>>,
    counts: [AtomicU64; 4],
}

/// What became of an entry.
#[derive(Clone, Copy)]
enum Fate {
    Taken,
    Nobodys,
    Beyond,
    /// Nobody's, and nobody can ask for it again.
    Leaves,
}

const UNREADABLE: &str = "a record says what this version cannot read";

impl<'a> Load<'a> {
    pub(super) fn new(
        (disk, check): (&'a dyn Disk, &'a Check),
        set: &'a Revocations,
        accounts: &'a [Arc<Account>],
    ) -> Self {
        let mut kin_of: BTreeMap<&str, BTreeMap<&str, _>> = BTreeMap::new();
        for account in accounts {
            let of = kin_of.entry(kin(account.voice.source.as_str())).or_default();
            of.insert(&*account.voice.iss, (account, AtomicBool::new(false)));
        }
        let accounts = kin_of;
        Self { disk, check, set, accounts, counts: Default::default() }
    }

    /// Reads all files.
    pub(super) fn run(&self, files: &Inventory) -> Result<Recovered, JournalError> {
        let mut voices = BTreeSet::new();
        if let Some((number, _)) = files.snapshot {
            self.snapshot(&snapshot(number), &mut voices)?;
        }
        for (number, _) in &files.journals {
            self.journal(&journal(*number), &mut voices)?;
        }
        for (account, beyond) in self.accounts.values().flat_map(BTreeMap::values) {
            // What could not be held must be said again.
            if beyond.load(Relaxed) {
                account.set_cursor(None);
            }
        }
        let [entries, nobodys, beyond, leave] = self.counts.each_ref().map(|count| count.load(Relaxed));
        Ok(Recovered { entries, nobodys: nobodys + leave, leave, beyond, voices })
    }

    fn snapshot(&self, name: &str, voices: &mut BTreeSet<Voice>) -> Result<(), JournalError> {
        let readers = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, MAX_READERS);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..readers)
                .map(|_| {
                    let (sender, receiver) = sync_channel(AHEAD);
                    (sender, scope.spawn(move || self.work(&receiver)))
                })
                .collect();
            let (senders, workers): (Vec<SyncSender<Vec<u8>>>, Vec<_>) = workers.into_iter().unzip();
            let dealt = self.deal(name, &senders, voices);
            drop(senders);
            // Every one is waited for, so that none that panicked goes on to panic here.
            let read: Vec<bool> = workers.into_iter().map(|worker| worker.join().unwrap_or(false)).collect();
            match dealt {
                Ok(reader) if read.contains(&false) => Err(reader.damaged(UNREADABLE)),
                dealt => dealt.map(|_| ()),
            }
        })
    }

    /// Deals the records of a snapshot out to the threads, in turn.
    fn deal(
        &self,
        name: &str,
        to: &[SyncSender<Vec<u8>>],
        voices: &mut BTreeSet<Voice>,
    ) -> Result<Reader, JournalError> {
        let Some((mut reader, _)) = Reader::open(self.disk, name, Form::Snapshot, 0, self.check)? else {
            let why = "it does not begin as it was written";
            return Err(JournalError::Damaged { file: name.to_owned(), at: 0, why });
        };
        let mut senders = to.iter().flat_map(|sender| std::iter::repeat_n(sender, RUN)).cycle();
        loop {
            let Next::Record(payload) = reader.next()? else {
                return Err(reader.damaged("it ends too early"));
            };
            match Batch::read(payload).map(|batch| (batch.head.manner, batch)) {
                Some((Manner::End, _)) => return Ok(reader),
                Some((Manner::Add | Manner::Void, batch)) => note(voices, &batch),
                Some(_) | None => return Err(reader.damaged(UNREADABLE)),
            }
            // A thread that is gone has panicked; that is seen when it is joined.
            senders.next().map(|sender| sender.send(payload.to_vec()));
        }
    }

    fn work(&self, records: &Receiver<Vec<u8>>) -> bool {
        records.iter().all(|record| Batch::read(&record).is_some_and(|batch| self.apply(&batch)))
    }

    fn journal(&self, name: &str, voices: &mut BTreeSet<Voice>) -> Result<(), JournalError> {
        let Some((mut reader, _)) = Reader::open(self.disk, name, Form::Journal, 0, self.check)? else {
            return Ok(());
        };
        // The end may be torn if it is being written just now: then it is nobody's yet.
        while let Next::Record(payload) = reader.next()? {
            let applied = Batch::read(payload).is_some_and(|batch| {
                note(voices, &batch);
                self.apply(&batch)
            });
            if !applied {
                return Err(reader.damaged(UNREADABLE));
            }
        }
        Ok(())
    }

    /// Does what a record says; tells whether it could be read.
    fn apply(&self, batch: &Batch<'_>) -> bool {
        let Some((account, beyond)) = self.account(batch.head.source, batch.head.iss) else {
            let fate = if is_asked(batch.head.source) { Fate::Nobodys } else { Fate::Leaves };
            self.count(fate, batch.head.count.into());
            return batch.entries().all(|entry| entry.is_some());
        };
        let read = match batch.head.manner {
            Manner::Add => self.add(account, batch),
            Manner::Replace => self.replace(account, beyond, batch),
            Manner::Lift => batch.entries().all(|entry| entry.map(|entry| self.lift(account, &entry)).is_some()),
            Manner::Void => batch.entries().all(|entry| entry.map(|entry| void(account, &entry)).is_some()),
            Manner::End => false,
        };
        if let Some(cursor) = batch.head.cursor {
            account.set_cursor(Some(cursor.to_vec()));
        }
        read
    }

    /// Who keeps what is written under this name.
    fn account(&self, name: &str, iss: &str) -> Option<&(&'a Arc<Account>, AtomicBool)> {
        let of = |name: &str| self.accounts.get(kin(name))?.get(iss);
        of(name).or_else(|| kept_as(name)?.iter().find_map(|kept| of(kept)))
    }

    fn add(&self, account: &Account, batch: &Batch<'_>) -> bool {
        let mut taken = 0;
        for entry in batch.entries() {
            // What no token needs any more by the clock leaves later, when the clock is believed.
            let Some((what, learned)) = entry else { return false };
            self.set.restore(&account.feed, &what, learned);
            taken += 1;
        }
        self.count(Fate::Taken, taken);
        true
    }

    /// A cut-off that is said with it takes the place of what was taken back.
    fn lift(&self, account: &Account, (what, learned): &Learned) {
        if what.cutoff == Cutoff::Always {
            self.set.lift(&account.feed, what.target);
        } else {
            self.set.instead(&account.feed, what, *learned);
        }
    }

    fn replace(&self, account: &Account, beyond: &AtomicBool, batch: &Batch<'_>) -> bool {
        let Some(all) = batch.entries().collect::<Option<Vec<Learned>>>() else { return false };
        let entries = all.len() as u64;
        let full = self.set.replay(&account.feed, all.into_iter().map(|(what, _)| what), batch.head.learned).is_err();
        beyond.store(full, Relaxed);
        self.count(if full { Fate::Beyond } else { Fate::Taken }, entries);
        true
    }

    fn count(&self, fate: Fate, entries: u64) {
        self.counts.get(fate as usize).map(|count| count.fetch_add(entries, Relaxed));
    }
}

/// What was taken back, and void when it is told again.
fn void(account: &Account, (what, learned): &Learned) {
    let void = what.until.map(|until| Void { at: *learned, until });
    void.into_iter().for_each(|void| _ = account.feed.voids().put(what.target, void));
}

/// A record that ends a snapshot is nobody's.
pub(super) fn note(voices: &mut BTreeSet<Voice>, batch: &Batch<'_>) {
    if batch.head.manner == Manner::End {
        return;
    }
    let known = voices.iter().any(|one| one.source.as_str() == batch.head.source && *one.iss == *batch.head.iss);
    if !known {
        voices.insert(Voice { source: SourceName::from(batch.head.source), iss: batch.head.iss.into() });
    }
}
