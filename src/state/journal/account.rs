//! One source's place in the journal. What it says is applied to the set and noted here in one turn, so that the
//! journal has it in the order in which it was applied.

use super::batch::{self, Learned, Manner};
use super::queue::{Queue, Unwritten};
use super::voice::Voice;
use crate::decide::revocation::Cutoff;
use crate::decide::time::Timestamp;
use crate::state::revocations::{Feed, Revoked, Target, Void};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// One source's place in the journal.
pub struct Account {
    pub(super) voice: Voice,
    pub(super) feed: Arc<Feed>,
    queue: Arc<Queue>,
    place: Mutex<Place>,
    /// What it said before could not be read: nothing is kept until it was.
    refused: AtomicBool,
}

/// Where the source is.
#[derive(Default)]
struct Place {
    cursor: Option<Vec<u8>>,
    /// What its last snapshot said, and when that was written.
    said: Option<(u128, Timestamp)>,
    /// What was taken back of what could not be read yet: of each target, what was learned before this.
    void: HashMap<Target, Timestamp>,
}

/// The journal's turn of one source: nobody else applies or notes anything of it meanwhile.
pub struct Turn<'a> {
    account: &'a Account,
    place: MutexGuard<'a, Place>,
}

/// What becomes of what was noted.
#[must_use]
pub struct Receipt(Result<Option<oneshot::Receiver<bool>>, Unwritten>);

impl Receipt {
    /// Waits until it is on the disk.
    ///
    /// # Errors
    /// If it is not, and will not be.
    pub async fn kept(self) -> Result<(), Unwritten> {
        match self.0? {
            None => Ok(()),
            Some(receiver) => receiver.await.ok().filter(|written| *written).map(|_| ()).ok_or(Unwritten),
        }
    }
}

/// So many entries are one record; the longest is a tenth of what a record may hold.
const CHUNK: usize = 32 * 1024;

/// A snapshot of more entries is not a record: the whole set is written anew.
const MAX_SAID: usize = 200_000;

/// No more of what cannot be read yet is remembered to be taken back.
const MAX_VOID: usize = 100_000;

/// A snapshot that says what the last one said is written again after this time: the entries' `until` may have moved.
const SAME_FOR_MS: i64 = 3_600_000;

impl Account {
    pub(super) fn new(voice: Voice, feed: Arc<Feed>, queue: Arc<Queue>) -> Self {
        Self { voice, feed, queue, place: Mutex::default(), refused: AtomicBool::new(false) }
    }

    /// Another one of the same source, to read into another feed.
    pub(super) fn beside(&self, feed: Arc<Feed>) -> Self {
        Self::new(self.voice.clone(), feed, Arc::clone(&self.queue))
    }

    /// Nothing of it is kept from now on.
    pub(super) fn refuse(&self) {
        self.refused.store(true, Ordering::Release);
    }

    /// All that it said before is in its feed now, with this cursor if it is older than what was said meanwhile. What
    /// was polled meanwhile was not written: the next snapshot makes good for it.
    pub(super) fn resume(&self, cursor: Option<Option<Vec<u8>>>) {
        let mut turn = self.turn();
        (turn.place.said, turn.place.void) = (None, HashMap::new());
        if let Some(cursor) = cursor {
            turn.place.cursor = cursor;
        }
        self.refused.store(false, Ordering::Release);
        self.queue.gap();
    }

    /// Notes what was taken back of what others may tell again, for somebody who waits until that is kept. In whatever
    /// order with what else is noted.
    pub fn voided(&self, voids: &[(Target, Void)]) -> Receipt {
        let Some((_, last)) = voids.iter().max_by_key(|(_, void)| void.at) else { return Receipt(Ok(None)) };
        let voids: Vec<Learned> = voids.iter().map(void).collect();
        let record = batch::write(Manner::Void, &self.voice, last.at, None, voids.iter());
        Receipt(self.push(vec![record]).map(Some))
    }

    fn push(&self, payloads: Vec<Vec<u8>>) -> Result<oneshot::Receiver<bool>, Unwritten> {
        if self.refused.load(Ordering::Acquire) { Err(Unwritten) } else { self.queue.push(payloads) }
    }

    fn push_polled(&self, payloads: Vec<Vec<u8>>) {
        if !self.refused.load(Ordering::Acquire) {
            self.queue.push_polled(payloads);
        }
    }

    /// What it said is another one's now, and maybe was while that was being read: the whole set is written anew.
    pub fn write_anew(&self) {
        self.queue.gap();
    }

    fn gap(&self) {
        if !self.refused.load(Ordering::Acquire) {
            self.queue.gap();
        }
    }

    /// Begins a turn.
    #[must_use]
    pub fn turn(&self) -> Turn<'_> {
        Turn { account: self, place: self.place.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Where the source goes on from, if all it said until there is known.
    #[must_use]
    pub fn cursor(&self) -> Option<Vec<u8>> {
        self.turn().place.cursor.clone()
    }

    pub(super) fn set_cursor(&self, cursor: Option<Vec<u8>>) {
        self.turn().place.cursor = cursor;
    }
}

impl Turn<'_> {
    /// Notes what was added, for somebody who waits until it is kept.
    pub fn added(mut self, entries: &[Revoked], learned: Timestamp) -> Receipt {
        self.place.said = None;
        self.waited(Manner::Add, entries, learned)
    }

    /// Notes what was taken back, for somebody who waits until that is kept.
    pub fn lifted(mut self, targets: &[Target], learned: Timestamp) -> Receipt {
        self.place.said = None;
        targets.iter().for_each(|target| self.forestall(*target, Timestamp::from_millis(i64::MAX)));
        let lifted = |target: &Target| Revoked { target: *target, cutoff: Cutoff::Always, until: None };
        self.waited(Manner::Lift, &targets.iter().map(lifted).collect::<Vec<_>>(), learned)
    }

    /// If what its source said before could not be read yet: what will be read of this, and was learned before that, does
    /// not come back. Beyond a bound it does, until somebody takes it back again.
    pub fn forestall(&mut self, target: Target, before: Timestamp) {
        let void = &mut self.place.void;
        if self.account.refused.load(Ordering::Acquire) && void.len() < MAX_VOID {
            let known = void.entry(target.held()).or_insert(before);
            *known = before.max(*known);
        }
    }

    /// Was this, which is read only now, taken back meanwhile?
    pub(super) fn is_void(&self, target: Target, learned: Timestamp) -> bool {
        let meanwhile = self.place.void.get(&target.held()).copied();
        let lifted = meanwhile.max(self.account.feed.voids().at(target.held()));
        lifted.is_some_and(|lifted| learned < lifted)
    }

    /// Notes what was put in the place of what was said of the same targets: one record, so that no crash leaves one half
    /// of it.
    pub fn lowered(mut self, entries: &[Revoked], learned: Timestamp) -> Receipt {
        self.place.said = None;
        self.waited(Manner::Lift, entries, learned)
    }

    fn waited(&self, manner: Manner, entries: &[Revoked], learned: Timestamp) -> Receipt {
        if entries.is_empty() {
            return Receipt(Ok(None));
        }
        Receipt(self.account.push(self.records(manner, entries, learned, None)).map(Some))
    }

    /// Notes what a poll said besides, and where the next one goes on. Nobody waits for it: as long as it is not kept,
    /// neither is the cursor, so it is said again.
    pub fn polled(mut self, entries: &[Revoked], learned: Timestamp, cursor: Option<&[u8]>) {
        let moved = cursor.is_some() && cursor != self.place.cursor.as_deref();
        if entries.is_empty() && !moved {
            return;
        }
        self.place.said = None;
        self.moved(cursor);
        self.account.push_polled(self.records(Manner::Add, entries, learned, cursor));
    }

    /// Notes what another instance told, which learned of each entry at another time. Nobody waits for it: as long as it
    /// is not kept, the others have it.
    pub fn merged(mut self, entries: &[Learned]) {
        self.place.said = None;
        let Some((_, latest)) = entries.iter().max_by_key(|(_, learned)| *learned) else { return };
        let write = |some: &[Learned]| batch::write(Manner::Add, &self.account.voice, *latest, None, some.iter());
        self.account.push_polled(entries.chunks(CHUNK).map(write).collect());
    }

    /// Notes what another instance took back. Nobody waits for it.
    pub fn unsaid(mut self, targets: &[Target], learned: Timestamp) {
        self.place.said = None;
        let lifted = |target: &Target| Revoked { target: *target, cutoff: Cutoff::Always, until: None };
        let all: Vec<Revoked> = targets.iter().map(lifted).collect();
        self.account.push_polled(self.records(Manner::Lift, &all, learned, None));
    }

    /// Notes all that a poll said, which takes back everything else.
    pub fn replaced(mut self, entries: &[Revoked], said: u128, learned: Timestamp, cursor: Option<&[u8]>) {
        if self.is_same(said, learned, cursor) {
            return;
        }
        self.place.said = Some((said, learned));
        self.place.cursor = cursor.map(<[u8]>::to_vec);
        if entries.len() > MAX_SAID {
            return self.account.gap();
        }
        let entries: Vec<Learned> = entries.iter().map(|entry| (*entry, learned)).collect();
        let record = batch::write(Manner::Replace, &self.account.voice, learned, cursor, entries.iter());
        self.account.push_polled(vec![record]);
    }

    /// All that the source says was exchanged in the set, entry by entry, and is not at hand any more: the next
    /// snapshot of the whole set keeps it.
    pub fn exchanged(mut self, said: u128, learned: Timestamp, cursor: Option<&[u8]>) {
        if self.is_same(said, learned, cursor) {
            return;
        }
        if let Some(cursor) = cursor.filter(|_| self.says(said, learned)) {
            // Nothing but its cursor moved, as that of a feed that is signed anew.
            self.moved(Some(cursor));
            return self.account.push_polled(self.records(Manner::Add, &[], learned, Some(cursor)));
        }
        self.place.said = Some((said, learned));
        self.place.cursor = cursor.map(<[u8]>::to_vec);
        self.account.gap();
    }

    fn is_same(&self, said: u128, learned: Timestamp, cursor: Option<&[u8]>) -> bool {
        self.says(said, learned) && cursor == self.place.cursor.as_deref()
    }

    /// Did its last snapshot say the same, not long ago?
    fn says(&self, said: u128, learned: Timestamp) -> bool {
        let same = |(before, at): (u128, Timestamp)| before == said && learned.since(at) < SAME_FOR_MS;
        self.place.said.is_some_and(same)
    }

    fn moved(&mut self, cursor: Option<&[u8]>) {
        if let Some(cursor) = cursor {
            self.place.cursor = Some(cursor.to_vec());
        }
    }

    /// The cursor is in the last of them.
    fn records(&self, manner: Manner, all: &[Revoked], learned: Timestamp, cursor: Option<&[u8]>) -> Vec<Vec<u8>> {
        let all: Vec<Learned> = all.iter().map(|entry| (*entry, learned)).collect();
        let write = |cursor, some: &[Learned]| batch::write(manner, &self.account.voice, learned, cursor, some.iter());
        let (head, last) = all.split_at(all.len().saturating_sub(1) / CHUNK * CHUNK);
        head.chunks(CHUNK).map(|some| write(None, some)).chain([write(cursor, last)]).collect()
    }
}

/// One that was taken back, as it is written.
pub(super) fn void((target, void): &(Target, Void)) -> Learned {
    (Revoked { target: *target, cutoff: Cutoff::Always, until: Some(void.until) }, void.at)
}

/// A sum of what a snapshot says, with one entry more: the same sum, the same entries, in whatever order. Names are keyed
/// hashes, so nobody can aim at a sum.
#[must_use]
pub fn sum(before: u128, entry: &Revoked) -> u128 {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let (level, print) = batch::level(entry.target);
    let (shape, at) = match entry.cutoff {
        Cutoff::Always => (0_u128, 0),
        Cutoff::Before(at) => (1, at.millis()),
        Cutoff::UpTo(at) => (2, at.millis()),
    };
    let until = entry.until.map_or(-1, Timestamp::millis).cast_unsigned();
    let about = (u128::from(level) << 72) | (shape << 64) | u128::from(at.cast_unsigned());
    let named = u128::from_le_bytes(print.0) ^ about.wrapping_mul(ODD).rotate_left(61);
    before.wrapping_add((named.wrapping_mul(ODD).rotate_left(67) ^ u128::from(until)).wrapping_mul(ODD))
}
