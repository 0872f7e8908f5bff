//! The set, written as a snapshot: to a file aside, made durable, then given its name; only then do the files leave that
//! it makes void. The set is written to meanwhile: what is in it too early is in the journal after it once more.

use super::account::{Account, void};
use super::batch::{self, Learned, Manner};
use super::disk::Tape;
use super::frame::{self, Form, Header};
use super::inventory;
use super::room::Inner;
use crate::decide::id::SourceId;
use crate::decide::time::Timestamp;
use crate::state::revocations::{Known, Revocations, Revoked};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What snapshot is to be made.
pub(super) struct Order {
    pub(super) number: u64,
    pub(super) follows: u64,
    /// How many gaps there were when it was begun: it makes good for these.
    pub(super) gaps: u64,
}

/// So many entries are one record.
const CHUNK: usize = 16 * 1024;

/// So many bytes are written at once.
const BUFFER: usize = 1 << 20;

/// Makes it, or says why not; then the files before it stay.
pub(super) fn run(inner: &Inner, order: &Order) {
    let _long = inner.long_turn();
    if !inner.loaded.load(Relaxed) || !inner.refused().is_empty() {
        return;
    }
    match write(inner, order) {
        Ok(entries) => {
            inner.queue.mended(order.gaps);
            inner.stats.snapshots.fetch_add(1, Relaxed);
            inner.stats.bytes.store(inner.files().bytes(), Relaxed);
            tracing::info!(entries, number = order.number, "a snapshot of what is revoked was written");
        }
        Err(error) => {
            inner.stats.failures.fetch_add(1, Relaxed);
            let _ = inner.disk.remove(&inventory::aside(order.number));
            tracing::error!(%error, "no snapshot of what is revoked could be written: the journal grows on");
        }
    }
}

fn write(inner: &Inner, order: &Order) -> io::Result<u64> {
    let aside = inventory::aside(order.number);
    // One may be left of an attempt that failed.
    let _ = inner.disk.remove(&aside);
    let mut snapshot = Snapshot::begin(inner, order, inner.disk.create(&aside)?)?;
    for step in 0..Revocations::STEPS {
        inner.set.held(step, |known| snapshot.note(known));
        snapshot.put_full(CHUNK)?;
    }
    snapshot.put_full(0)?;
    let (entries, bytes) = snapshot.end()?;
    inner.disk.rename(&aside, &inventory::snapshot(order.number))?;
    inner.disk.sync()?;
    let (void, keep) = {
        let mut files = inner.files();
        (files.snapped(order.number, bytes), inner.voices())
    };
    inner.drop_voices(keep);
    // Those that cannot be removed now are void all the same, and removed at the next start.
    let left = void.iter().filter(|name| inner.disk.remove(name).is_err()).count();
    if left > 0 {
        tracing::warn!(left, "files of the journal that are not needed any more could not be removed");
    }
    Ok(entries)
}

/// A snapshot that is being written.
struct Snapshot {
    tape: Box<dyn Tape>,
    group: u64,
    now: Timestamp,
    sources: HashMap<SourceId, (Arc<Account>, Vec<Learned>)>,
    buffer: Vec<u8>,
    bytes: u64,
    entries: u64,
}

impl Snapshot {
    /// Cursors are written first: the set may know more than a cursor says, never less.
    fn begin(inner: &Inner, order: &Order, tape: Box<dyn Tape>) -> io::Result<Self> {
        let (now, group) = (inner.clock.now().wall, order.follows.saturating_add(1));
        let accounts = inner.accounts();
        let header = Header { form: Form::Snapshot, number: order.number, follows: order.follows, check: inner.check };
        let mut buffer = header.bytes().to_vec();
        for account in &accounts {
            let cursor = account.cursor();
            let record = batch::write(Manner::Add, &account.voice, now, cursor.as_deref(), [].iter());
            frame::push(&mut buffer, group, &record);
        }
        for account in &accounts {
            let voids: Vec<Learned> = account.feed.voids().all(now).iter().map(void).collect();
            for chunk in voids.chunks(CHUNK) {
                let record = batch::write(Manner::Void, &account.voice, now, None, chunk.iter());
                frame::push(&mut buffer, group, &record);
            }
        }
        let sources = accounts.into_iter().map(|account| (account.feed.id, (account, Vec::new()))).collect();
        Ok(Self { tape, group, now, sources, buffer, bytes: 0, entries: 0 })
    }

    /// What no account is for is nobody's: it is left out.
    fn note(&mut self, known: Known) {
        let Known { target, cutoff, until, source, learned } = known;
        if let Some((_, entries)) = self.sources.get_mut(&source) {
            entries.push((Revoked { target, cutoff, until }, learned));
        }
    }

    /// Puts out what has grown to more than so many entries.
    fn put_full(&mut self, more_than: usize) -> io::Result<()> {
        for (account, entries) in self.sources.values_mut().filter(|(_, entries)| entries.len() > more_than) {
            // Told in the order of a table, and put into a smaller one in that order, they would all crowd at its
            // beginning: they are put down in an order that has nothing to do with it.
            entries.sort_unstable_by_key(|(what, _)| apart(what));
            for chunk in entries.chunks(CHUNK) {
                let record = batch::write(Manner::Add, &account.voice, self.now, None, chunk.iter());
                frame::push(&mut self.buffer, self.group, &record);
                self.entries += chunk.len() as u64;
                if self.buffer.len() > BUFFER {
                    self.bytes += self.buffer.len() as u64;
                    self.tape.write(&std::mem::take(&mut self.buffer))?;
                }
            }
            entries.clear();
        }
        Ok(())
    }

    fn end(mut self) -> io::Result<(u64, u64)> {
        frame::push(&mut self.buffer, self.group, &batch::end());
        self.bytes += self.buffer.len() as u64;
        self.tape.write(&self.buffer)?;
        self.tape.sync()?;
        Ok((self.entries, self.bytes))
    }
}

/// Bits of a name in no order that a table knows.
fn apart(what: &Revoked) -> u64 {
    let bits = u128::from_le_bytes(batch::level(what.target).1.0);
    (bits as u64 ^ (bits >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
