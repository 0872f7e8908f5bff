//! The audit log: who did what, why, and what came of it, as JSON lines that are only ever added. What is to be done is
//! written before it is done, and what came of it after; whoever asked is told only then. If it cannot be written,
//! nothing is done.

use super::entry::Understood;
use super::guard::Who;
use crate::decide::time::Timestamp;
use crate::telemetry::audit::{Audit as Chain, Event, Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the audit log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditLog {
    /// To standard error, among the process's own log.
    #[default]
    Stderr,
    /// To standard output.
    Stdout,
    /// To this file; lines are added at its end. It is opened for each call, so that it may be moved away at any time, and
    /// made for its owner alone (mode 0600).
    File(PathBuf),
}

/// How the audit log tells the names of users, sessions and clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditIds {
    /// By the keyed hash that traces tell too.
    #[default]
    Hashed,
    /// As they were given, besides their hash. Tokens never are.
    Plain,
}

/// The audit log.
#[derive(Clone)]
pub struct Audit {
    log: AuditLog,
    ids: AuditIds,
    calls: Arc<AtomicU64>,
    /// Lines of one call stay together.
    turn: Arc<Mutex<()>>,
    /// The audit log of the gateway as a whole, where the same stands.
    chain: Option<Arc<Chain>>,
}

/// One call in the audit log.
pub struct Call<'a> {
    audit: &'a Audit,
    who: &'a Who,
    event: &'static str,
    number: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    audit: &'static str,
    /// The same in all lines of one call.
    call: u64,
    peer: String,
    by: String,
    result: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feed: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cutoff: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Audit {
    /// Opens it once, to see that it can be written.
    ///
    /// # Errors
    /// If it cannot.
    pub fn open(log: &AuditLog, ids: AuditIds) -> io::Result<Self> {
        let audit = Self { log: log.clone(), ids, calls: Arc::default(), turn: Arc::default(), chain: None };
        audit.add(b"").map(|()| audit)
    }

    /// Tells the gateway's own audit log too.
    #[must_use]
    pub fn with_chain(self, chain: Option<Arc<Chain>>) -> Self {
        Self { chain, ..self }
    }

    /// Begins a call.
    pub fn call<'a>(&'a self, who: &'a Who, event: &'static str) -> Call<'a> {
        Call { audit: self, who, event, number: self.calls.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    fn add(&self, lines: &[u8]) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.log {
            AuditLog::Stderr => io::stderr().write_all(lines),
            AuditLog::Stdout => io::stdout().write_all(lines).and_then(|()| io::stdout().flush()),
            AuditLog::File(path) => append(path, lines)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }

    /// Writing may take its time: the control runtime has only one thread.
    async fn write(&self, lines: Vec<u8>) -> io::Result<()> {
        let audit = self.clone();
        let both = move || match &audit.chain {
            Some(chain) => chain.keep(events(&lines)).and_then(|()| audit.add(&lines)),
            None => audit.add(&lines),
        };
        tokio::task::spawn_blocking(both).await.map_err(io::Error::other)?
    }
}

/// On disk once this is done. What was left half written, by a full disk or a crash, is a line of its own.
fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // Whoever may read it reads who did what: nobody but the owner, whatever the process's mask is.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.create(true).read(true).append(true).open(path)?;
    // By another name, or of another process, an audit log whose lines are a chain may be kept here. Where files cannot be
    // locked, this is not known.
    if let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
        return Err(io::Error::other("an audit log of its own is kept in this file: name another"));
    }
    if lines.is_empty() {
        return Ok(());
    }
    if is_torn(&mut file) {
        file.write_all(b"\n")?;
    }
    file.write_all(lines)?;
    file.sync_data()
}

/// Does it end within a line? A pipe has no end that could be looked at.
fn is_torn(file: &mut File) -> bool {
    let mut last = [0];
    let read = file.seek(SeekFrom::End(-1)).and_then(|_| file.read_exact(&mut last));
    read.is_ok() && last != *b"\n"
}

impl Call<'_> {
    /// Writes what is about to be done, a line an entry.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn asked(&self, entries: &[Understood], now: Timestamp) -> io::Result<()> {
        let mut lines = Vec::with_capacity(entries.len() * 320);
        for entry in entries {
            let plain = entry.plain.as_deref().filter(|_| self.audit.ids == AuditIds::Plain);
            let line = Line {
                issuer: Some(entry.issuer.as_str()),
                level: Some(entry.level),
                hash: entry.hash(),
                id: plain,
                cutoff: Some(entry.revoked.cutoff.to_string()),
                until: entry.revoked.until.map(|until| until.to_string()),
                actor: entry.actor.as_deref(),
                reason: entry.reason.as_deref(),
                ..self.line("asked", now)
            };
            put(&mut lines, &line);
        }
        self.audit.write(lines).await
    }

    /// Writes what came of it, in one line.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn done(&self, result: &str, entries: usize, now: Timestamp) -> io::Result<()> {
        let mut lines = Vec::new();
        put(&mut lines, &Line { entries: Some(entries), ..self.line(result, now) });
        self.audit.write(lines).await
    }

    /// Writes what is about to be done about a feed, or what came of it.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn feed(
        &self,
        feed: &str,
        result: &str,
        entries: usize,
        (actor, reason): (Option<&str>, Option<&str>),
        now: Timestamp,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        let line = Line { feed: Some(feed), entries: Some(entries), actor, reason, ..self.line(result, now) };
        put(&mut lines, &line);
        self.audit.write(lines).await
    }

    fn line<'a>(&self, result: &'a str, now: Timestamp) -> Line<'a> {
        Line {
            time: now.to_string(),
            audit: self.event,
            call: self.number,
            peer: self.who.peer.to_string(),
            by: self.who.to_string(),
            result,
            entries: None,
            feed: None,
            issuer: None,
            level: None,
            hash: None,
            id: None,
            cutoff: None,
            until: None,
            actor: None,
            reason: None,
        }
    }
}

fn put(lines: &mut Vec<u8>, line: &Line<'_>) {
    // Text and numbers are always JSON.
    lines.extend(serde_json::to_vec(line).unwrap_or_default());
    lines.push(b'\n');
}

/// The same lines as events of the gateway's own audit log.
fn events(lines: &[u8]) -> Vec<Event> {
    let read = |line: &[u8]| serde_json::from_slice::<Map<String, Value>>(line).ok();
    lines.split(|byte| *byte == b'\n').filter_map(read).map(event).collect()
}

fn event(members: Map<String, Value>) -> Event {
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
    let at = text("time").parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond);
    let name = match text("audit") {
        "revoke" => "revocation_entered",
        "lift" => "revocation_withdrawn",
        "confirm" => "snapshot_confirmed",
        "drop" => "former_source_dropped",
        _ => Kind::Operator.name(),
    };
    let event = Event::named(name, Timestamp::from_millis(at), true);
    members.into_iter().filter(|(name, _)| name != "time").fold(event, |event, (name, value)| {
        let name = match name.as_str() {
            "audit" => "deed",
            "hash" => "id_hash",
            "type" => "id_type",
            other => other,
        };
        event.with(name, value)
    })
}
