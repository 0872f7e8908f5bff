//! What the audit log's thread does besides adding lines: it has the disk take them, tells what the disk lost, moves the file
//! aside when it is time to, and looks whether its file is still there.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::file::Rotated;
use super::writer::{Fresh, Writer};
use crate::decide::time::Timestamp;

/// The event that tells that the file was taken away.
pub(super) const GONE: &str = "file_gone";

/// What could not be written is not tried again sooner.
const AGAIN: Duration = Duration::from_secs(1);

impl Writer {
    /// Told once, and once when it is over.
    pub(super) fn noted(&self, result: io::Result<()>) -> io::Result<()> {
        match &result {
            Err(error) => {
                self.counts.failures.fetch_add(1, Ordering::Relaxed);
                if let Some(repeats) = self.trouble.met(&error.to_string()) {
                    let file = self.settings.file.display();
                    tracing::error!(%file, %error, repeats, "the audit log cannot be written: what operators ask is not done");
                }
            }
            Ok(()) => {
                if let Some(out) = self.trouble.over() {
                    tracing::info!(%out, "the audit log is written again");
                }
            }
        }
        result
    }

    pub(super) fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }

    pub(super) fn sync(&mut self) {
        let settled = self.look().and_then(|()| self.settle()).and_then(|()| self.tell_own());
        if settled.is_err() {
            self.due = None;
            self.again();
        }
        let _ = self.noted(settled);
    }

    /// What could not be written is tried again soon, whether or not anything comes.
    pub(super) fn again(&mut self) {
        let soon = self.settings.sync_every.get().max(AGAIN);
        self.due.get_or_insert_with(|| Instant::now() + soon);
    }

    /// Is what was written where it is looked for?
    pub(super) fn stands(&self) -> io::Result<()> {
        let amiss = self.book.file.amiss()?;
        amiss.map_or(Ok(()), |why| Err(io::Error::other(format!("{why}, while it was written"))))
    }

    /// Nobody but this thread touches the file. Where somebody did, the chain goes on in a new one, and says so.
    pub(super) fn look(&mut self) -> io::Result<()> {
        let Some(why) = self.book.file.amiss()? else { return Ok(()) };
        if self.settle().is_err() {
            let fresh = std::mem::take(&mut self.fresh);
            self.lost(fresh);
        }
        let (bytes, first) = (self.book.file.bytes, self.book.file.first.map(|(_, seq)| seq));
        let (last, aside) = self.book.anew()?;
        self.counts.gone.fetch_add(1, Ordering::Relaxed);
        self.counts.bytes.store(0, Ordering::Relaxed);
        let file = self.settings.file.display();
        tracing::error!(%file, why, last, "the audit log was taken away while it was written: it goes on in a new file");
        let mut told = vec![("why", why.into()), ("bytes", bytes.into()), ("last", last.into())];
        told.extend(first.map(|first| ("first", first.into())));
        told.extend(aside.map(|aside| ("set_aside", aside.display().to_string().into())));
        self.first.push((GONE, told));
        Ok(())
    }

    /// Has the disk take what was written; what it lost is counted.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let settled = self.book.settle();
        self.due = settled.is_err().then(|| Instant::now() + self.settings.sync_every.get());
        let fresh = if settled? { Fresh::default() } else { std::mem::take(&mut self.fresh) };
        self.lost(fresh);
        self.fresh = Fresh::default();
        // That nothing waits says nothing of a disk that takes nothing.
        if !self.failing {
            self.counts.synced();
        }
        Ok(())
    }

    /// The disk lost what it had not kept yet: its number is told, and so is once more what the log told of itself there.
    fn lost(&mut self, mut fresh: Fresh) {
        if fresh.events > 0 {
            let file = self.settings.file.display();
            tracing::error!(%file, lines = fresh.events, "the disk lost lines of the audit log: their number is told in it");
        }
        self.drop(fresh.events);
        self.dropped.fetch_add(fresh.dropped, Ordering::Relaxed);
        self.refused += fresh.refused;
        fresh.own.append(&mut self.first);
        self.first = fresh.own;
    }

    /// Rotates if it is time to, and says so. Where it cannot, the file grows on.
    pub(super) fn rotate_if_due(&mut self, at: Timestamp) {
        let Some((began, _)) = self.book.file.first else { return };
        let after = i64::try_from(self.settings.rotate_after.get().as_millis()).unwrap_or(i64::MAX);
        let is_large = self.book.file.bytes >= self.settings.rotate_bytes.get();
        if !is_large && at.millis().saturating_sub(began) < after {
            return;
        }
        let rotated = self.settle().and_then(|()| self.book.rotate(self.settings.keep));
        match rotated {
            Ok(Rotated { aside, gone, from }) => {
                let _ = self.stuck.over();
                let name = |path: &PathBuf| path.display().to_string();
                let gone: Vec<String> = gone.iter().map(name).collect();
                let mut told = vec![("file", name(&aside).into()), ("removed", gone.into())];
                told.extend(from.map(|from| ("from", from.into())));
                self.first.push(("rotated", told));
            }
            Err(error) => {
                if let Some(repeats) = self.stuck.met(&error.to_string()) {
                    let file = self.settings.file.display();
                    tracing::error!(%file, %error, repeats, "the audit log cannot be rotated: it grows on");
                }
            }
        }
    }
}
