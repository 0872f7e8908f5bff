//! The thread that writes the audit log. Lines are tied to the chain only once they are written: what could not be leaves
//! no gap, and its number is told with the next line that can.

use std::io;
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
use super::upkeep::GONE;
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
pub(super) type Own = (&'static str, Vec<(&'static str, serde_json::Value)>);

pub(super) struct Writer {
    pub(super) book: Book,
    pub(super) settings: Settings,
    pub(super) dropped: Arc<AtomicU64>,
    pub(super) counts: Arc<Counts>,
    syslog: Option<Syslogger>,
    logs: Option<Logs>,
    /// What is to be told before anything else.
    pub(super) first: Vec<Own>,
    /// What operators asked and was not done, which was not told yet.
    pub(super) refused: u64,
    /// What the disk was not made to keep yet.
    pub(super) fresh: Fresh,
    /// When something waits for the disk: until when it may.
    pub(super) due: Option<Instant>,
    /// Nothing can be written, as far as is known.
    pub(super) failing: bool,
    /// The time of the last event, and when it was handed over.
    last: Option<(Timestamp, Instant)>,
    pub(super) trouble: Trouble,
    pub(super) stuck: Trouble,
}

/// What was written, and is not counted as told yet.
struct Written {
    before: Place,
    lines: Vec<Line>,
    events: u64,
    dropped: u64,
    refused: u64,
    unsent: u64,
}

/// What is to be told again if the disk loses it.
#[derive(Default)]
pub(super) struct Fresh {
    pub events: u64,
    pub dropped: u64,
    pub refused: u64,
    pub own: Vec<Own>,
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
        let (fresh, refused, failing, due, last) = (Fresh::default(), 0, false, None, None);
        Ok(Self {
            book,
            settings,
            dropped,
            counts,
            syslog,
            logs,
            first,
            refused,
            fresh,
            due,
            failing,
            last,
            trouble,
            stuck,
        })
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
            self.again();
        } else if at_once {
            self.sync();
        } else {
            self.due.get_or_insert_with(|| Instant::now() + self.settings.sync_every.get());
        }
    }

    /// On disk, or not there.
    pub(super) fn keep(&mut self, events: Vec<Event>) -> io::Result<()> {
        let kept = self.kept(events);
        if kept.is_err() {
            self.failing = true;
            self.refused += 1;
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            self.again();
        }
        kept
    }

    fn kept(&mut self, events: Vec<Event>) -> io::Result<()> {
        let written = self.write(events)?;
        if let Err(error) = self.settle().and_then(|()| self.stands()) {
            self.book.back(written.before);
            self.counts.written(self.book.file.bytes);
            return Err(error);
        }
        self.done(written);
        self.fresh = Fresh::default();
        Ok(())
    }

    pub(super) fn drop(&self, events: u64) {
        self.dropped.fetch_add(events, Ordering::Relaxed);
        self.counts.dropped_disk.fetch_add(events, Ordering::Relaxed);
    }

    /// Adds events, and before them what the log has to say of itself.
    fn write(&mut self, events: Vec<Event>) -> io::Result<Written> {
        self.last = events.first().map(|event| (event.at, Instant::now())).or(self.last);
        let written = self.add(events);
        self.failing = written.is_err();
        written
    }

    fn add(&mut self, events: Vec<Event>) -> io::Result<Written> {
        self.look()?;
        if self.book.is_doubtful() {
            self.settle()?;
        }
        // This thread has no clock: it goes by the last event's.
        let since = self.last.map(|(at, since)| at.plus(since.elapsed()));
        let at = events.first().map(|event| event.at).or(since).unwrap_or(Timestamp::from_millis(0));
        self.rotate_if_due(at);
        let own = self.first.iter().map(|(name, fields)| {
            let event = Event::named(name, at, true);
            fields.iter().fold(event, |event, (name, value)| event.with(name, value.clone()))
        });
        let mut all: Vec<Event> = own.collect();
        let (dropped, refused) = (self.dropped.load(Ordering::Relaxed), self.refused);
        let unsent = self.syslog.as_ref().map_or(0, Syslogger::dropped);
        if dropped + unsent > 0 {
            all.push(Event::named("dropped", at, true).with("events", dropped).with("not_sent_to_syslog", unsent));
        }
        if refused > 0 {
            all.push(Event::named("refused", at, true).with("deeds", refused));
        }
        let told = events.len() as u64;
        all.extend(events);
        let before = self.book.place();
        let lines = self.book.add(all)?;
        self.counts.written(self.book.file.bytes);
        Ok(Written { before, lines, events: told, dropped, refused, unsent })
    }

    /// Tells what the log has to tell of itself, where no event comes that it could come with.
    pub(super) fn tell_own(&mut self) -> io::Result<()> {
        if self.last.is_none() || !(self.failing || self.first.iter().any(|(name, _)| *name == GONE)) {
            return Ok(());
        }
        let written = self.write(Vec::new())?;
        self.done(written);
        self.settle()
    }

    /// It stands there: it is not told again, and others are told.
    fn done(&mut self, written: Written) {
        self.fresh.own.append(&mut self.first);
        self.fresh.events += written.events;
        self.fresh.dropped += written.dropped;
        self.fresh.refused += written.refused;
        self.refused -= written.refused;
        self.counts.lines.fetch_add(written.lines.len() as u64, Ordering::Relaxed);
        self.dropped.fetch_sub(written.dropped, Ordering::Relaxed);
        if let Some(syslog) = &self.syslog {
            syslog.told(written.unsent);
            written.lines.iter().for_each(|line| syslog.send(&line.event, &line.end, &line.bytes));
        }
        if let Some(logs) = &self.logs {
            written.lines.iter().for_each(|line| logs.send(&line.event, &line.bytes, &self.counts));
        }
    }
}
