//! The thread that keeps records. It looks by itself, a few times a second, and sooner when the queue fills or somebody
//! asks: to wake it for each refusal would cost the line a system call. What it writes is in the hands of the system at
//! once, and on the disk when its file is full or the gateway ends: a crash of the gateway loses what still waits, one of
//! the machine the last moments.

use std::fs;
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::directory::{self, Directory};
use super::frame::{self, Frames};
use super::kept::Kept;
use super::line::Line;
use super::room::Shared;
use super::segment::{Body, Segment};
use super::wire::Wire as _;
use crate::notice::Trouble;
use crate::telemetry::record::Record;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(250);
/// How long nothing fails until it is told that all is well again.
const CALM: Duration = Duration::from_secs(30);
/// As many are written at once.
const BATCH: usize = 256;
/// As many runs of records there are; the oldest leaves as a whole.
pub(super) const RUNS: usize = 16;
/// No file is longer, whatever is in it.
pub(super) const MAX_BYTES: u64 = 1 << 30;

/// What it keeps to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub records: usize,
    /// In milliseconds.
    pub age: i64,
}

pub(super) struct Writer {
    pub shared: Arc<Shared>,
    pub queue: Receiver<Arc<Record>>,
    pub directory: Option<Directory>,
    pub bounds: Bounds,
    /// That the disk does not take records, and when that was met last.
    pub trouble: Trouble,
    pub failed: Option<Instant>,
    /// Beyond the numbers of files that could not be read.
    pub passed: u64,
    /// What is written next; kept, so that its memory is.
    pub bytes: Vec<u8>,
}

impl Writer {
    pub fn run(mut self) {
        if let Err(error) = self.load() {
            let path = self.place();
            tracing::error!(path, %error, "the decision records of before cannot be read: new ones are kept all the same");
        }
        loop {
            let (asked, last) = (self.shared.asked.load(Acquire), self.shared.stop.load(Acquire));
            self.drain();
            self.retire();
            self.shared.settled.send_replace(asked);
            if last {
                return self.sync();
            }
            std::thread::park_timeout(LOOK);
        }
    }

    /// The directory, for the log.
    fn place(&self) -> String {
        self.directory.as_ref().map_or_else(|| "memory".into(), |directory| directory.path().display().to_string())
    }

    /// Reads what was kept before. The end of a file that was being written when the process died is cut off.
    fn load(&mut self) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let mut unreadable = 0;
        for path in directory.files()? {
            match self.load_file(&path) {
                Ok(damaged) => unreadable += damaged,
                Err(error) => self.pass_over(&path, &error),
            }
        }
        if unreadable > 0 {
            tracing::warn!(unreadable, "some decision records of before are damaged, and passed over");
        }
        Ok(())
    }

    /// It stays where it is: the next start may be able to read it, and its numbers are not given twice.
    fn pass_over(&mut self, path: &Path, error: &io::Error) {
        self.shared.skipped.fetch_add(1, Relaxed);
        self.passed = directory::beyond(path);
        let mut index = self.shared.index();
        index.next = index.next.max(self.passed);
        let path = path.display();
        tracing::error!(%path, %error, "a file of decision records cannot be read: it is passed over, the others are not");
    }

    fn load_file(&self, path: &Path) -> io::Result<u64> {
        let file = directory::reopen(path)?;
        let (mut frames, mut lines, mut unreadable) =
            (Frames::of(BufReader::with_capacity(1 << 16, &file)), Vec::new(), 0);
        while let Some((at, frame)) = frames.next()? {
            let mut index = self.shared.index();
            let index = &mut *index;
            match frame::body(frame).and_then(Kept::read).filter(|kept| kept.seq >= index.next) {
                Some(kept) => {
                    index.next = kept.seq + 1;
                    lines.push(placed(Line::of(&kept, &mut index.names, &index.hasher), at, frame.len()));
                }
                None => unreadable += 1,
            }
        }
        let (bytes, damaged) = (frames.whole, frames.damaged);
        if file.metadata()?.len() > bytes {
            file.set_len(bytes)?;
        }
        if lines.is_empty() {
            fs::remove_file(path)?;
        } else {
            let body = Body::File { file: Arc::new(file), path: path.to_owned(), bytes };
            self.shared.index().segments.push_back(Segment { lines, body });
        }
        Ok(unreadable + damaged)
    }

    /// Everything that waits now; what comes meanwhile waits for the next look.
    fn drain(&mut self) {
        let mut left = self.shared.waiting.load(Acquire);
        while left > 0 {
            let batch: Vec<Arc<Record>> = self.queue.try_iter().take(BATCH.min(left)).collect();
            if batch.is_empty() {
                return;
            }
            self.shared.waiting.fetch_sub(batch.len(), Relaxed);
            left -= batch.len();
            self.keep(&batch);
        }
    }

    fn keep(&mut self, mut batch: &[Arc<Record>]) {
        while !batch.is_empty() {
            let room = self.room();
            let (now, later) = batch.split_at(room.min(batch.len()));
            match self.write(now) {
                Ok(()) => {
                    self.shared.written.fetch_add(now.len() as u64, Relaxed);
                    self.went_well();
                }
                Err(error) => {
                    self.failed = Some(Instant::now());
                    self.shared.dropped_disk.fetch_add(now.len() as u64, Relaxed);
                    if let Some(repeats) = self.trouble.met(&error.to_string()) {
                        let path = self.place();
                        tracing::error!(path, %error, repeats, "decision records cannot be written: they are dropped and counted");
                    }
                }
            }
            batch = later;
        }
    }

    /// A disk that is full takes a short write now and then: the trouble is over when none failed for a while.
    fn went_well(&mut self) {
        if self.failed.is_some_and(|failed| failed.elapsed() > CALM) {
            self.failed = None;
            if let Some(out) = self.trouble.over() {
                tracing::info!(%out, "decision records are kept again");
            }
        }
    }

    const fn run_length(&self) -> usize {
        let length = self.bounds.records / RUNS;
        if length == 0 { 1 } else { length }
    }

    /// Does the newest run take more? Not, if it stands before a file that was passed over.
    fn is_open(&self, newest: &Segment) -> bool {
        let after = newest.lines.first().is_none_or(|line| line.seq >= self.passed);
        after && newest.lines.len() < self.run_length() && newest.bytes() < MAX_BYTES
    }

    /// How many records the newest run still takes; none if a new one is to be begun, which takes as many as any.
    fn room(&self) -> usize {
        let index = self.shared.index();
        let whole = self.run_length();
        match index.segments.back() {
            Some(newest) if self.is_open(newest) => whole - newest.lines.len(),
            _ => whole,
        }
    }

    fn write(&mut self, batch: &[Arc<Record>]) -> io::Result<()> {
        self.begin_if_full()?;
        let lines = self.encode(batch);
        let end = {
            let index = self.shared.index();
            match index.segments.back().map(|segment| &segment.body) {
                Some(Body::File { file, bytes, .. }) => Some((Arc::clone(file), *bytes)),
                _ => None,
            }
        };
        // The lock is not held while the disk works.
        if let Some((file, end)) = &end
            && let Err(error) = file.write_all_at(&self.bytes, *end)
        {
            let _ = file.set_len(*end);
            return Err(error);
        }
        self.enter(lines, self.bytes.len() as u64, batch);
        Ok(())
    }

    /// The records as they stand in a file; in memory there are none.
    fn encode(&mut self, batch: &[Arc<Record>]) -> Vec<Line> {
        self.bytes.clear();
        let mut index = self.shared.index();
        let index = &mut *index;
        let base = index.segments.back().map_or(0, Segment::bytes);
        let mut lines = Vec::with_capacity(batch.len());
        for (seq, record) in (index.next..).zip(batch) {
            let (start, kept) = (self.bytes.len(), Kept::of(record, seq));
            if self.directory.is_some() {
                frame::push(&mut self.bytes, |out| kept.put(out));
            }
            let line = Line::of(&kept, &mut index.names, &index.hasher);
            lines.push(placed(line, base + start as u64, self.bytes.len() - start));
        }
        lines
    }

    fn enter(&self, mut lines: Vec<Line>, length: u64, batch: &[Arc<Record>]) {
        let mut index = self.shared.index();
        index.next += lines.len() as u64;
        let next = index.next;
        if let Some(newest) = index.segments.back_mut() {
            newest.lines.append(&mut lines);
            match &mut newest.body {
                Body::File { bytes, .. } => *bytes += length,
                Body::Memory(records) => records.extend(batch.iter().map(Arc::clone)),
            }
        }
        drop(index);
        self.shared.next.send_replace(next);
    }

    /// Begins a new run where the newest is full, old or not there, and lets the oldest leave for it.
    fn begin_if_full(&self) -> io::Result<()> {
        let now = self.shared.now.load(Relaxed);
        let (fits, next) = {
            let index = self.shared.index();
            let young = |segment: &Segment| {
                segment.began().is_none_or(|began| now.saturating_sub(began) < self.bounds.age / RUNS as i64)
            };
            let fits = index.segments.back().is_some_and(|newest| self.is_open(newest) && young(newest));
            (fits, index.next)
        };
        if fits {
            return Ok(());
        }
        self.sync();
        let body = match &self.directory {
            Some(directory) => {
                let (file, path) = directory.begin(next)?;
                Body::File { file: Arc::new(file), path, bytes: 0 }
            }
            None => Body::Memory(Vec::new()),
        };
        self.shared.index().segments.push_back(Segment { lines: Vec::new(), body });
        self.retire();
        Ok(())
    }

    /// The oldest runs leave until there is room for a whole one, and none is too old.
    fn retire(&self) {
        let (whole, now) = (self.run_length(), self.shared.now.load(Relaxed));
        loop {
            let mut index = self.shared.index();
            let newest = index.segments.back().map_or(0, |segment| segment.lines.len());
            let crowded = index.segments.len() > 1 && index.kept() - newest + whole > self.bounds.records;
            let old = index.oldest().is_some_and(|began| now.saturating_sub(began) > self.bounds.age);
            let Some(body) = (crowded || old).then(|| index.leave()).flatten() else { return };
            drop(index);
            if let Body::File { path, .. } = body
                && let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::error!(%error, path = %path.display(), "a file of old decision records cannot be removed");
            }
        }
    }

    /// Has the newest file reach the disk.
    fn sync(&self) {
        let newest = match self.shared.index().segments.back().map(|segment| &segment.body) {
            Some(Body::File { file, .. }) => Arc::clone(file),
            _ => return,
        };
        // What cannot be told to be there was not promised to be.
        let _ = newest.sync_data();
    }
}

fn placed(line: Line, offset: u64, length: usize) -> Line {
    let (offset, length) = (u32::try_from(offset).unwrap_or(u32::MAX), u32::try_from(length).unwrap_or(0));
    Line { offset, length, ..line }
}
