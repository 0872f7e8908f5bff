//! The thread that writes the audit log. Lines are tied to the chain only once they are written: what could not be leaves
//! no gap, and its number is told with the next line that can.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use super::book::{Book, Line, Place};
use super::chain::Key;
use super::counts::Counts;
use super::event::Event;
use super::file::Left;
use super::logs::Logs;
use super::settings::{Settings, SyncPolicy};
use super::syslog::Syslogger;
use crate::decide::time::Timestamp;
use crate::notice::Trouble;

/// As many events are written at once.
const AT_ONCE: usize = 512;
/// Where nothing comes, it is synced as often.
const QUIET: Duration = Duration::from_secs(60);

/// What the thread is handed.
pub(super) enum Message {
    /// To be written.
    Tell(Event),
    /// To be on disk before this is answered.
    Keep(Vec<Event>, SyncSender<io::Result<()>>),
    /// That was all.
    Close,
}

/// What the log has to tell of itself: the event's name, and its fields.
type Own = (&'static str, Vec<(&'static str, serde_json::Value)>);

pub(super) struct Writer {
    pub(super) book: Book,
    settings: Settings,
    dropped: Arc<AtomicU64>,
    counts: Arc<Counts>,
    syslog: Option<Syslogger>,
    logs: Option<Logs>,
    /// What is to be told before anything else.
    first: Vec<Own>,
    /// What the disk was not made to keep yet.
    fresh: Fresh,
    /// When something waits for the disk: until when it may.
    due: Option<Instant>,
    trouble: Trouble,
    stuck: Trouble,
}

/// What was written, and is not counted as told yet.
struct Written {
    before: Place,
    lines: Vec<Line>,
    events: u64,
    dropped: u64,
    unsent: u64,
}

/// What is to be told again if the disk loses it.
#[derive(Default)]
struct Fresh {
    events: u64,
    dropped: u64,
    own: Vec<Own>,
}

impl Writer {
    pub fn open(
        settings: &Settings,
        key: Key,
        instance: &str,
        dropped: Arc<AtomicU64>,
        counts: Arc<Counts>,
        (syslog, logs): (Option<Syslogger>, Option<Logs>),
    ) -> io::Result<Self> {
        let (book, Left { torn, broken, .. }) = Book::open(&settings.file, key, instance)?;
        let mut first = Vec::new();
        if torn > 0 {
            tracing::warn!(bytes = torn, "the last line of the audit log was cut off: it is taken off");
            first.push(("torn_tail", vec![("bytes", torn.into())]));
        }
        if broken {
            let why = "the last line does not hold under this key";
            tracing::error!(why, "the audit log was changed, or its key was: a new chain begins");
            counts.broken.store(true, Ordering::Relaxed);
            first.push(("chain_begun", vec![("why", why.into())]));
        }
        counts.bytes.store(book.file.bytes, Ordering::Relaxed);
        let (trouble, stuck) = (Trouble::default(), Trouble::default());
        let settings = settings.clone();
        let (fresh, due) = (Fresh::default(), None);
        Ok(Self { book, settings, dropped, counts, syslog, logs, first, fresh, due, trouble, stuck })
    }

    pub fn run(mut self, queue: &Receiver<Message>) {
        loop {
            let wait = self.due.map_or(QUIET, |due| due.saturating_duration_since(Instant::now()));
            match queue.recv_timeout(wait) {
                Ok(message) => {
                    if self.work(message, queue) {
                        break;
                    }
                    // Where something comes all the time, no waiting ever ends.
                    if self.is_due() {
                        self.sync();
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.sync(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.sync();
        if let Some(syslog) = self.syslog {
            syslog.close();
        }
    }

    /// This and whatever else waits. Was it the end?
    fn work(&mut self, message: Message, queue: &Receiver<Message>) -> bool {
        let (mut next, mut told) = (Some(message), Vec::new());
        while let Some(message) = next {
            match message {
                Message::Tell(event) => told.push(event),
                Message::Keep(events, answer) => {
                    self.tell(std::mem::take(&mut told));
                    let kept = self.keep(events);
                    // Who asked may have left.
                    let _ = answer.try_send(self.noted(kept));
                }
                Message::Close => {
                    self.tell(told);
                    return true;
                }
            }
            next = if told.len() < AT_ONCE { queue.try_recv().ok() } else { None };
        }
        self.tell(told);
        false
    }

    pub(super) fn tell(&mut self, events: Vec<Event>) {
        let count = events.len() as u64;
        // A disk that failed is tried again as often as it would be synced.
        if count == 0 || (self.book.is_doubtful() && !self.is_due()) {
            return self.drop(count);
        }
        let at_once = self.settings.sync == SyncPolicy::Each || events.iter().any(|event| event.is_control);
        let written = self.write(events).map(|written| self.done(written));
        if self.noted(written).is_err() {
            self.drop(count);
        } else if at_once {
            self.sync();
        } else {
            self.due.get_or_insert_with(|| Instant::now() + self.settings.sync_every.get());
        }
    }

    /// On disk, or not there.
    pub(super) fn keep(&mut self, events: Vec<Event>) -> io::Result<()> {
        let written = self.write(events)?;
        if let Err(error) = self.settle() {
            self.book.back(written.before);
            self.counts.taken_back(written.lines.len(), self.book.file.bytes);
            return Err(error);
        }
        self.done(written);
        self.fresh = Fresh::default();
        Ok(())
    }

    fn drop(&self, events: u64) {
        self.dropped.fetch_add(events, Ordering::Relaxed);
        self.counts.dropped_disk.fetch_add(events, Ordering::Relaxed);
    }

    /// Told once, and once when it is over.
    fn noted(&self, result: io::Result<()>) -> io::Result<()> {
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

    fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }

    pub(super) fn sync(&mut self) {
        let settled = self.settle();
        let _ = self.noted(settled);
    }

    /// Has the disk take what was written; what it lost is counted.
    fn settle(&mut self) -> io::Result<()> {
        let settled = self.book.settle();
        self.due = settled.is_err().then(|| Instant::now() + self.settings.sync_every.get());
        let fresh = if settled? { Fresh::default() } else { std::mem::take(&mut self.fresh) };
        self.lost(fresh);
        self.fresh = Fresh::default();
        self.counts.synced();
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
        fresh.own.append(&mut self.first);
        self.first = fresh.own;
    }

    /// Adds events, and before them what the log has to say of itself.
    fn write(&mut self, events: Vec<Event>) -> io::Result<Written> {
        if self.book.is_doubtful() {
            self.settle()?;
        }
        let at = events.first().map_or_else(|| Timestamp::from_millis(0), |event| event.at);
        self.rotate_if_due(at);
        let own = self.first.iter().map(|(name, fields)| {
            let event = Event::named(name, at, true);
            fields.iter().fold(event, |event, (name, value)| event.with(name, value.clone()))
        });
        let mut all: Vec<Event> = own.collect();
        let dropped = self.dropped.load(Ordering::Relaxed);
        let unsent = self.syslog.as_ref().map_or(0, Syslogger::dropped);
        if dropped + unsent > 0 {
            all.push(Event::named("dropped", at, true).with("events", dropped).with("not_sent_to_syslog", unsent));
        }
        let told = events.len() as u64;
        all.extend(events);
        let before = self.book.place();
        let lines = self.book.add(all)?;
        self.counts.written(lines.len(), self.book.file.bytes);
        Ok(Written { before, lines, events: told, dropped, unsent })
    }

    /// It stands there: it is not told again, and others are told.
    fn done(&mut self, written: Written) {
        self.fresh.own.append(&mut self.first);
        self.fresh.events += written.events;
        self.fresh.dropped += written.dropped;
        self.dropped.fetch_sub(written.dropped, Ordering::Relaxed);
        if let Some(syslog) = &self.syslog {
            syslog.told(written.unsent);
            written.lines.iter().for_each(|line| syslog.send(&line.event, &line.end, &line.bytes));
        }
        if let Some(logs) = &self.logs {
            written.lines.iter().for_each(|line| logs.send(&line.event, &line.bytes, &self.counts));
        }
    }

    /// Rotates if it is time to, and says so. Where it cannot, the file grows on.
    fn rotate_if_due(&mut self, at: Timestamp) {
        let Some((began, _)) = self.book.file.first else { return };
        let after = i64::try_from(self.settings.rotate_after.get().as_millis()).unwrap_or(i64::MAX);
        let is_large = self.book.file.bytes >= self.settings.rotate_bytes.get();
        if !is_large && at.millis().saturating_sub(began) < after {
            return;
        }
        let rotated = self.settle().and_then(|()| self.book.rotate(self.settings.keep));
        match rotated {
            Ok((aside, gone)) => {
                let _ = self.stuck.over();
                let name = |path: &PathBuf| path.display().to_string();
                let gone: Vec<String> = gone.iter().map(name).collect();
                self.first.push(("rotated", vec![("file", name(&aside).into()), ("removed", gone.into())]));
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
