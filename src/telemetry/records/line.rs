//! What is remembered of each record, to find it: a hundred bytes. Made of a record that is about to be kept, or of a
//! line that was kept before.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

use super::names::{Names, Number};
use super::parts::field;
use crate::decide::id::Fingerprint;
use crate::decide::reason::Reason;
use crate::telemetry::record::Record;

/// One record, as it is found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    pub seq: u64,
    /// In milliseconds since 1970.
    pub at: i64,
    pub trace: u128,
    /// The trace that the caller said it is in, where it is not believed; zero is none.
    pub caller: u128,
    /// The hash of the request id; zero is none.
    pub request: u64,
    /// The beginning of the hash of the subject; zero is none.
    pub subject: u64,
    /// The same of the client's id.
    pub client: u64,
    /// The client's address, or the peer's.
    pub address: Option<IpAddr>,
    /// Zero is an admission.
    pub reason: Number,
    /// What a shadow policy would have refused it for; zero is nothing.
    pub shadow: Number,
    pub route: Number,
    pub issuer: Number,
    /// Where it is in its file.
    pub offset: u32,
    pub length: u32,
}

/// As much of a hash as is told.
pub(super) const fn short(id: Fingerprint) -> u64 {
    let Fingerprint([a, b, c, d, e, f, g, h, ..]) = id;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A hash as it was told.
pub(super) fn parse(hash: &str) -> u64 {
    u64::from_str_radix(hash, 16).unwrap_or(0)
}

/// A trace id as it is written.
pub(super) fn trace(id: &str) -> Option<u128> {
    (id.len() == 32).then(|| u128::from_str_radix(id, 16).ok()).flatten().filter(|id| *id != 0)
}

/// The hash of a request id, as it is shown.
pub(super) fn request(hasher: &RandomState, id: &str) -> u64 {
    hasher.hash_one(id).max(1)
}

impl Line {
    /// Of a record that is about to be kept.
    pub fn of(record: &Record, seq: u64, names: &mut Names, hasher: &RandomState) -> Self {
        let handles = record.trusted.as_ref().map(|token| &token.handles);
        let claimed = || record.untrusted.as_ref().and_then(|claims| claims.subject);
        let asked = &record.request;
        Self {
            seq,
            at: record.at.millis(),
            trace: record.trace.trace_id,
            caller: record.trace.link.map_or(0, |link| link.trace_id),
            request: asked.id.as_deref().map_or(0, |id| request(hasher, &field(id))),
            subject: handles.and_then(|handles| handles.subject).or_else(claimed).map_or(0, short),
            client: handles.and_then(|handles| handles.client).map_or(0, short),
            address: asked.client.or(asked.peer.map(|peer| peer.ip())),
            reason: names.number(record.reason.map(Reason::code)),
            shadow: names.number(record.shadow.as_ref().and_then(|shadow| shadow.verdict.reason()).map(Reason::code)),
            route: names.number(record.route.as_ref().map(|route| &*route.name).filter(|name| !name.is_empty())),
            issuer: names.number(record.issuer.as_deref()),
            ..Self::default()
        }
    }
}

/// As much of a kept record as a line needs.
#[derive(Debug, Deserialize)]
pub(super) struct Brief<'a> {
    pub seq: u64,
    at_ms: i64,
    #[serde(borrow)]
    trace_id: Cow<'a, str>,
    #[serde(borrow, default)]
    caller_trace_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    request_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    route: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    issuer: Option<Cow<'a, str>>,
    request: From,
    #[serde(borrow, default)]
    shadow: Option<Beside<'a>>,
    #[serde(borrow, default)]
    token: Option<Ids<'a>>,
}

#[derive(Debug, Deserialize)]
struct From {
    peer: Option<SocketAddr>,
    client: Option<IpAddr>,
}

#[derive(Debug, Deserialize)]
struct Beside<'a> {
    #[serde(borrow)]
    reason: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
struct Ids<'a> {
    #[serde(borrow, default)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    client: Option<Cow<'a, str>>,
}

impl Brief<'_> {
    /// The line of a record that was kept.
    pub fn line(&self, names: &mut Names, hasher: &RandomState) -> Line {
        let id = |of: fn(&Ids<'_>) -> Option<u64>| self.token.as_ref().and_then(of).unwrap_or(0);
        Line {
            seq: self.seq,
            at: self.at_ms,
            trace: trace(&self.trace_id).unwrap_or(0),
            caller: self.caller_trace_id.as_deref().and_then(trace).unwrap_or(0),
            request: self.request_id.as_deref().map_or(0, |id| request(hasher, id)),
            subject: id(|ids| ids.subject.as_deref().map(parse)),
            client: id(|ids| ids.client.as_deref().map(parse)),
            address: self.request.client.or(self.request.peer.map(|peer| peer.ip())),
            reason: names.number(self.reason.as_deref()),
            shadow: names.number(self.shadow.as_ref().map(|shadow| &*shadow.reason)),
            route: names.number(self.route.as_deref()),
            issuer: names.number(self.issuer.as_deref()),
            ..Line::default()
        }
    }
}
