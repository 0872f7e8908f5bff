//! The thread that writes the audit log. Lines are tied to the chain only once they are written: what could not be leaves
//! no gap, and its number is told with the next line that can.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::chain::{End, Key};
use super::counts::Counts;
use super::event::Event;
use super::file::{Left, LogFile};
use super::logs::Logs;
use super::settings::{Settings, SyncPolicy};
use super::syslog::Syslogger;
use crate::decide::time::Timestamp;
use crate::notice::Trouble;

/// As many events are written at once.
const AT_ONCE: usize = 512;

/// What the thread is handed.
pub(super) enum Message {
    /// To be written.
    Tell(Event),
    /// To be on disk before this is answered.
    Keep(Vec<Event>, SyncSender<io::Result<()>>),
    /// That was all.
    Close,
}

pub(super) struct Writer {
    file: LogFile,
    end: End,
    key: Key,
    instance: Box<str>,
    settings: Settings,
    dropped: Arc<AtomicU64>,
    counts: Arc<Counts>,
    syslog: Option<Syslogger>,
    logs: Option<Logs>,
    /// What is to be told before anything else, of the log itself.
    first: Vec<(&'static str, Vec<(&'static str, serde_json::Value)>)>,
    unsynced: bool,
    trouble: Trouble,
    stuck: Trouble,
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
        let (file, Left { end, torn, broken }) = LogFile::open(&settings.file, &key)?;
        let mut first = Vec::new();
        if torn > 0 {
            tracing::warn!(bytes = torn, "the last line of the audit log was cut off: it is taken off");
            first.push(("torn_tail", vec![("bytes", torn.into())]));
        }
        if broken {
            let why = "the last line does not hold under this key";
            tracing::error!(why, "the audit log was changed, or its key was: a new chain begins");
            first.push(("chain_begun", vec![("why", why.into())]));
        }
        counts.bytes.store(file.bytes, Ordering::Relaxed);
        let (trouble, stuck) = (Trouble::default(), Trouble::default());
        let (instance, settings) = (instance.into(), settings.clone());
        Ok(Self {
            file,
            end,
            key,
            instance,
            settings,
            dropped,
            counts,
            syslog,
            logs,
            first,
            unsynced: false,
            trouble,
            stuck,
        })
    }

    pub fn run(mut self, queue: &Receiver<Message>) {
        loop {
            let wait = if self.unsynced { self.settings.sync_every.get() } else { Duration::from_secs(60) };
            match queue.recv_timeout(wait) {
                Ok(message) => {
                    if self.work(message, queue) {
                        break;
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
                    let kept = self.write(&events).and_then(|before| self.synced(before));
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

    fn tell(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let at_once = self.settings.sync == SyncPolicy::Each || events.iter().any(|event| event.is_control);
        let written = self.write(&events).map(|_| ());
        if self.noted(written).is_err() {
            self.dropped.fetch_add(events.len() as u64, Ordering::Relaxed);
            self.counts.dropped_disk.fetch_add(events.len() as u64, Ordering::Relaxed);
        } else if at_once {
            self.sync();
        } else {
            self.unsynced = true;
        }
    }

    /// Told once, and once when it is over.
    fn noted(&self, result: io::Result<()>) -> io::Result<()> {
        match &result {
            Err(error) => {
                if let Some(repeats) = self.trouble.met(&error.to_string()) {
                    tracing::error!(%error, repeats, "the audit log cannot be written: what operators ask is not done");
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

    fn sync(&mut self) {
        self.unsynced = false;
        let synced = self.file.sync().inspect(|()| self.counts.synced());
        let _ = self.noted(synced);
    }

    /// On disk, or not there.
    fn synced(&mut self, before: (u64, End)) -> io::Result<()> {
        match self.file.sync() {
            Ok(()) => self.counts.synced(),
            Err(error) => {
                self.file.back(before.0);
                self.end = before.1;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Adds events, and what the log has to say of itself. Returns where it stood before.
    fn write(&mut self, events: &[Event]) -> io::Result<(u64, End)> {
        let at = events.first().map_or_else(|| Timestamp::from_millis(0), |event| event.at);
        let mut all: Vec<Event> = self.rotation(at).into_iter().collect();
        let own = self.first.iter().map(|(name, fields)| {
            let event = Event::named(name, at, true);
            fields.iter().fold(event, |event, (name, value)| event.with(name, value.clone()))
        });
        all.extend(own);
        let dropped = self.dropped.load(Ordering::Relaxed);
        let unsent = self.syslog.as_ref().map_or(0, Syslogger::dropped);
        if dropped + unsent > 0 {
            all.push(Event::named("dropped", at, true).with("events", dropped).with("not_sent_to_syslog", unsent));
        }
        let (before, mut end) = ((self.file.bytes, self.end.clone()), self.end.clone());
        let mut sealed = Vec::with_capacity(all.len() + events.len());
        for event in all.iter().chain(events) {
            let line = end.seal(&self.key, &self.instance, event);
            sealed.push((event, end.clone(), line));
        }
        let bytes: Vec<u8> = sealed.iter().flat_map(|(_, _, line)| line).copied().collect();
        self.file.add(&bytes)?;
        self.file.first = self.file.first.or(Some((at.millis(), self.end.seq + 1)));
        self.end = end;
        self.first.clear();
        self.counts.written(sealed.len(), self.file.bytes);
        self.dropped.fetch_sub(dropped, Ordering::Relaxed);
        if let Some(syslog) = &self.syslog {
            syslog.told(unsent);
            sealed.iter().for_each(|(event, end, line)| syslog.send(event, end, line));
        }
        if let Some(logs) = &self.logs {
            sealed.iter().for_each(|(event, _, line)| logs.send(event, line, &self.counts));
        }
        Ok(before)
    }

    /// Rotates if it is time to, and says so. Where it cannot, the file grows on.
    fn rotation(&mut self, at: Timestamp) -> Option<Event> {
        let (began, _) = self.file.first?;
        let after = i64::try_from(self.settings.rotate_after.get().as_millis()).unwrap_or(i64::MAX);
        let due = self.file.bytes >= self.settings.rotate_bytes.get() || at.millis().saturating_sub(began) >= after;
        if !due {
            return None;
        }
        match self.file.rotate(self.settings.keep) {
            Ok((aside, gone)) => {
                let _ = self.stuck.over();
                let name = |path: &PathBuf| path.display().to_string();
                let gone: Vec<String> = gone.iter().map(name).collect();
                Some(Event::named("rotated", at, true).with("file", name(&aside)).with("removed", gone))
            }
            Err(error) => {
                if let Some(repeats) = self.stuck.met(&error.to_string()) {
                    tracing::error!(%error, repeats, "the audit log cannot be rotated: it grows on");
                }
                None
            }
        }
    }
}
