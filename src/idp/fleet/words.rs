//! What is said to Redis. All keys begin with the fleet's prefix in braces, so that a cluster has them in one slot.

use super::server::{Link, ServerError};
use redis::{Pipeline, Value};
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

/// How many entries of the stream are read at once.
pub(super) const COUNT: usize = 64;

/// How long a read waits for news.
pub(super) const WAIT: Duration = Duration::from_millis(250);

/// How long one instance has the stream for itself to make it shorter.
const LEASE_MS: u64 = 60_000;

/// How many instances are heard of.
const INSTANCES: usize = 1000;

/// When the last of them is gone for so long, what they told of themselves is gone too.
const ROLL_S: u64 = 3600;

/// The one field of an entry of the stream.
const FIELD: &str = "b";

/// A place in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(pub(super) u64, pub(super) u64);

impl FromStr for Id {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (ms, number) = text.split_once('-').ok_or(())?;
        Ok(Self(ms.parse().map_err(drop)?, number.parse().map_err(drop)?))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// The keys.
pub(super) struct Keys {
    log: String,
    epoch: String,
    check: String,
    lease: String,
    roll: String,
}

/// An entry of the stream; without content, if it is not one of ours.
pub(super) type Read = (Id, Option<Vec<u8>>);

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        let key = |name: &str| format!("{{{prefix}}}:{name}");
        Self { log: key("log"), epoch: key("epoch"), check: key("key"), lease: key("lease"), roll: key("roll") }
    }

    /// Writes down which key the fleet has, if nobody did; tells which it is.
    pub(super) async fn check(&self, link: &mut Link, ours: &str, within: Duration) -> Result<String, ServerError> {
        let mut ask = Pipeline::new();
        ask.cmd("SET").arg(&self.check).arg(ours).arg("NX").ignore().cmd("GET").arg(&self.check);
        let (theirs,): (Option<String>,) = link.ask(&ask, within).await?;
        Ok(theirs.unwrap_or_default())
    }

    /// Which stream it is; `None` if it has no name, or is not there.
    pub(super) async fn epoch(&self, link: &mut Link, within: Duration) -> Result<Option<String>, ServerError> {
        let mut ask = Pipeline::new();
        ask.cmd("GET").arg(&self.epoch).cmd("EXISTS").arg(&self.log);
        let (epoch, there): (Option<String>, bool) = link.ask(&ask, within).await?;
        Ok(epoch.filter(|_| there))
    }

    /// Begins a stream. If two do that at once the later one names it, and the other sees that soon.
    pub(super) async fn begin(
        &self,
        link: &mut Link,
        epoch: &str,
        mark: &[u8],
        within: Duration,
    ) -> Result<(), ServerError> {
        let mut ask = Pipeline::new();
        ask.cmd("SET").arg(&self.epoch).arg(epoch).ignore();
        ask.cmd("XADD").arg(&self.log).arg("*").arg(FIELD).arg(mark).ignore();
        link.ask(&ask, within).await
    }

    /// Appends blocks; tells where the last one is. Never begins a stream: that would hide that one was lost.
    pub(super) async fn append(
        &self,
        link: &mut Link,
        blocks: &[Vec<u8>],
        within: Duration,
    ) -> Result<Id, ServerError> {
        let mut ask = Pipeline::with_capacity(blocks.len());
        for block in blocks {
            ask.cmd("XADD").arg(&self.log).arg("NOMKSTREAM").arg("*").arg(FIELD).arg(&block[..]);
        }
        let ids: Vec<Option<String>> = link.ask(&ask, within).await?;
        let ids: Option<Vec<Id>> = ids.into_iter().map(|id| id?.parse().ok()).collect();
        ids.and_then(|ids| ids.last().copied()).ok_or(ServerError::Lost)
    }

    /// What comes after a place, and which stream that is. Waits a while for news.
    pub(super) async fn read(
        &self,
        link: &mut Link,
        after: Id,
        within: Duration,
    ) -> Result<(Option<String>, Vec<Read>), ServerError> {
        let mut ask = Pipeline::new();
        ask.cmd("GET").arg(&self.epoch);
        ask.cmd("XREAD").arg("COUNT").arg(COUNT).arg("BLOCK").arg(WAIT.as_millis() as u64);
        ask.arg("STREAMS").arg(&self.log).arg(after.to_string());
        let (epoch, streams): (Option<String>, Value) = link.ask(&ask, within + WAIT).await?;
        let mut read = Vec::new();
        for stream in list(streams) {
            read.extend(list(stream).into_iter().nth(1).map(entries).unwrap_or_default());
        }
        Ok((epoch, read))
    }

    /// Whether the stream still has what it had at this place. What is before its first entry was cut off, after it
    /// had been written anew.
    pub(super) async fn has(&self, link: &mut Link, at: Id, within: Duration) -> Result<bool, ServerError> {
        if at == Id::default() {
            return Ok(true);
        }
        let mut ask = Pipeline::new();
        ask.cmd("XRANGE").arg(&self.log).arg("-").arg("+").arg("COUNT").arg(1);
        ask.cmd("XRANGE").arg(&self.log).arg(at.to_string()).arg(at.to_string());
        let (first, same): (Value, Value) = link.ask(&ask, within).await?;
        let cut_off = entries(first).first().is_some_and(|(first, _)| at < *first);
        Ok(cut_off || !entries(same).is_empty())
    }

    /// How long the stream is.
    pub(super) async fn length(&self, link: &mut Link, within: Duration) -> Result<u64, ServerError> {
        let mut ask = Pipeline::new();
        ask.cmd("XLEN").arg(&self.log);
        let (length,): (u64,) = link.ask(&ask, within).await?;
        Ok(length)
    }

    /// Takes the stream to make it shorter; `false` if somebody else does. Two who do are no danger, only work.
    pub(super) async fn lease(&self, link: &mut Link, within: Duration) -> Result<bool, ServerError> {
        let mut ask = Pipeline::new();
        ask.cmd("SET").arg(&self.lease).arg(1).arg("NX").arg("PX").arg(LEASE_MS);
        let (taken,): (Option<String>,) = link.ask(&ask, within).await?;
        Ok(taken.is_some())
    }

    /// Tells of an instance; gives what all tell of themselves, each under its name.
    pub(super) async fn present(
        &self,
        link: &mut Link,
        name: &str,
        record: &[u8],
        within: Duration,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, ServerError> {
        let mut ask = Pipeline::new();
        ask.cmd("HSET").arg(&self.roll).arg(name).arg(record).ignore();
        ask.cmd("EXPIRE").arg(&self.roll).arg(ROLL_S).ignore();
        ask.cmd("HRANDFIELD").arg(&self.roll).arg(INSTANCES).arg("WITHVALUES");
        let (all,): (Vec<(Vec<u8>, Vec<u8>)>,) = link.ask(&ask, within).await?;
        Ok(all)
    }

    /// These are no instances any more.
    pub(super) async fn absent(&self, link: &mut Link, names: &[Vec<u8>], within: Duration) -> Result<(), ServerError> {
        let mut ask = Pipeline::new();
        ask.cmd("HDEL").arg(&self.roll).arg(names).ignore();
        link.ask(&ask, within).await
    }

    /// Cuts off what comes before a place.
    pub(super) async fn trim(&self, link: &mut Link, before: Id, within: Duration) -> Result<(), ServerError> {
        let mut ask = Pipeline::new();
        ask.cmd("XTRIM").arg(&self.log).arg("MINID").arg(before.to_string()).ignore();
        link.ask(&ask, within).await
    }
}

/// As names of streams and instances are written.
pub(super) fn hex(bytes: [u8; 16]) -> String {
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        // RESP3 has a map of streams.
        Value::Map(pairs) => pairs.into_iter().map(|(name, entries)| Value::Array(vec![name, entries])).collect(),
        _ => Vec::new(),
    }
}

/// Entries without a place are left out: nothing could be said of them.
fn entries(value: Value) -> Vec<Read> {
    let entry = |value| {
        let mut parts = list(value).into_iter();
        let id = std::str::from_utf8(&bytes(parts.next()?)?).ok()?.parse().ok()?;
        let mut fields = list(parts.next()?).into_iter();
        let ours = fields.next().and_then(bytes).is_some_and(|name| name == FIELD.as_bytes());
        Some((id, fields.next().filter(|_| ours).and_then(bytes)))
    };
    list(value).into_iter().filter_map(entry).collect()
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}
