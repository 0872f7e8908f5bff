//! An exchange on its way to become a span: what [`Exchange`] borrows, owned, and no more of it than a span tells. Small
//! enough that a full queue of them is a few MiB; the span itself, five times as large, is built by the task that
//! exports it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Version};

use super::context::TraceContext;
use super::exchange::{self, Asked, Attempt, Decision, Delivery, Exchange, Feed, Untrusted};
use super::route::{RouteMeter, UpstreamMeter};
use super::secrets::Secrets;
use super::tenants::Tenants;
use crate::decide::claims::Token;
use crate::decide::id::{Fingerprint, KeyId};
use crate::decide::reason::Reason;
use crate::decide::revocation::Handles;
use crate::decide::rules::Algorithm;
use crate::decide::session;
use crate::decide::time::Timestamp;
use crate::decide::verdict::Verdict;

/// No text of a client's is kept longer than this.
const LONGEST: usize = 1024;

/// One request and what came of it, owned.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub trace: TraceContext,
    pub at: Timestamp,
    pub total: Duration,
    pub judge: Option<Duration>,
    pub request: Request,
    pub route: Option<RouteMeter>,
    pub revision: Box<str>,
    pub status: u16,
    pub reason: Option<Reason>,
    pub verdict: Option<Box<Verdict>>,
    pub shadow: Option<Box<Shadow>>,
    pub session: session::Knowledge,
    pub trusted: Option<Trusted>,
    pub issuer: Option<Box<str>>,
    pub untrusted: Option<Box<Claimed>>,
    pub revocation: Option<Source>,
    pub revoked: Option<Box<Revoked>>,
    pub skew_ms: Option<i64>,
    pub upstream: Option<Arc<UpstreamMeter>>,
    pub attempts: Box<[Try]>,
    /// The tenant, as metrics tell it.
    pub tenant: Option<Box<str>>,
    /// What of the request is secret because the settings say so.
    pub secrets: Secrets,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub method: Method,
    pub scheme: &'static str,
    pub path: Box<str>,
    pub query: Option<Box<str>>,
    pub authority: Box<str>,
    pub version: Version,
    pub peer: Option<SocketAddr>,
    pub client: Option<IpAddr>,
    pub user_agent: Option<Box<[u8]>>,
    pub id: Option<Box<[u8]>>,
}

impl Request {
    /// `User-Agent`, if it is plain text.
    pub fn agent(&self) -> Option<&str> {
        self.user_agent.as_deref().and_then(exchange::plain)
    }
}

/// What a verified token says.
#[derive(Clone, Debug)]
pub(super) struct Trusted {
    pub key: KeyId,
    pub algorithm: Algorithm,
    pub handles: Handles,
    /// How old it was, in milliseconds.
    pub age: Option<i64>,
    /// How long it had to go, in milliseconds.
    pub ttl: Option<i64>,
}

/// What a token claims that was not verified.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub issuer: Option<Box<str>>,
    pub subject: Option<Fingerprint>,
    pub token_id: Option<Fingerprint>,
    pub expires: Option<Timestamp>,
    pub issued: Option<Timestamp>,
    pub key: Option<Box<str>>,
    pub algorithm: Option<Box<str>>,
}

/// What a shadow policy would have refused.
#[derive(Clone, Debug)]
pub(super) struct Shadow {
    pub policy: Arc<str>,
    pub verdict: Verdict,
}

/// The revocation source that counted.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub name: Box<str>,
    pub age: Option<Duration>,
    pub entry_age: Option<Duration>,
    pub lag: Option<Duration>,
}

/// The entry that hit.
#[derive(Clone, Debug)]
pub(super) struct Revoked {
    pub source: Box<str>,
    pub learned: Timestamp,
    pub lag: Option<Duration>,
}

/// One attempt to deliver.
#[derive(Clone, Debug)]
pub(super) struct Try {
    pub span_id: u64,
    pub endpoint: Box<str>,
    pub after: Duration,
    pub took: Duration,
    pub status: Option<u16>,
    pub failure: Option<&'static str>,
}

/// What the settings say of all that is told.
#[derive(Debug, Default)]
pub(super) struct Terms {
    pub secrets: Secrets,
    pub tenants: Option<Arc<Tenants>>,
}

/// An exchange that is owned once somebody wants it, and then once for all who do.
pub(super) struct Lent<'a, 'b> {
    pub exchange: &'a Exchange<'b>,
    terms: &'a Terms,
    record: Option<Arc<Record>>,
}

impl<'a, 'b> Lent<'a, 'b> {
    pub const fn new(exchange: &'a Exchange<'b>, terms: &'a Terms) -> Self {
        Self { exchange, terms, record: None }
    }

    pub fn record(&mut self) -> Arc<Record> {
        let (exchange, terms) = (self.exchange, self.terms);
        Arc::clone(self.record.get_or_insert_with(|| Arc::new(Record::of(exchange, terms))))
    }
}

impl Record {
    pub fn decision(&self) -> Decision {
        Decision::of(self.reason)
    }

    fn of(from: &Exchange<'_>, terms: &Terms) -> Self {
        let claims = from.token.and_then(|token| token.claims.as_ref().ok());
        let attempts = from.delivery.iter().flat_map(|delivery| delivery.attempts);
        Self {
            trace: from.trace,
            at: from.moment.wall,
            total: from.total,
            judge: from.judge,
            request: Request::from(&from.request),
            route: from.route.cloned(),
            revision: from.revision.into(),
            status: from.status,
            reason: from.reason,
            verdict: from.verdict.cloned().map(Box::new),
            shadow: from.shadow.map(|shadow| {
                Box::new(Shadow { policy: Arc::clone(&shadow.meter.policy), verdict: shadow.verdict.clone() })
            }),
            session: from.session,
            trusted: from.token.map(|token| Trusted::of(token, from.moment.wall)),
            issuer: from.issuer.map(Into::into),
            untrusted: from.untrusted.as_ref().map(|claims| Box::new(Claimed::from(claims))),
            revocation: from.revocation.as_ref().map(Source::from),
            revoked: from.revoked.as_ref().map(Revoked::from).map(Box::new),
            skew_ms: from.skew_ms,
            upstream: from.delivery.as_ref().map(|delivery: &Delivery<'_>| delivery.upstream.clone()),
            attempts: attempts.map(Try::from).collect(),
            tenant: terms.tenants.as_ref().zip(claims).and_then(|(tenants, claims)| tenants.told(claims)),
            secrets: terms.secrets.clone(),
        }
    }
}

impl From<&Asked<'_>> for Request {
    fn from(from: &Asked<'_>) -> Self {
        Self {
            method: from.method.clone(),
            scheme: from.scheme,
            path: kept(from.path),
            query: from.query.map(kept),
            authority: kept(from.authority),
            version: from.version,
            peer: from.peer,
            client: from.client,
            user_agent: from.user_agent.map(kept_bytes),
            id: from.request_id.map(kept_bytes),
        }
    }
}

impl Trusted {
    fn of(token: &Token, now: Timestamp) -> Self {
        let claims = token.claims.as_ref().ok();
        Self {
            key: token.key.clone(),
            algorithm: token.algorithm,
            handles: token.handles.clone(),
            age: claims.and_then(|claims| claims.issued).map(|issued| now.since(issued)),
            ttl: claims.and_then(|claims| claims.expires).map(|expires| expires.since(now)),
        }
    }
}

impl From<&Untrusted<'_>> for Claimed {
    fn from(from: &Untrusted<'_>) -> Self {
        Self {
            issuer: from.issuer.map(kept),
            subject: from.subject,
            token_id: from.token_id,
            expires: from.expires,
            issued: from.issued,
            key: from.key.map(kept),
            algorithm: from.algorithm.map(kept),
        }
    }
}

impl From<&Feed<'_>> for Source {
    fn from(from: &Feed<'_>) -> Self {
        Self { name: from.source.into(), age: from.age, entry_age: from.entry_age, lag: from.lag }
    }
}

impl From<&exchange::Revoked<'_>> for Revoked {
    fn from(from: &exchange::Revoked<'_>) -> Self {
        Self { source: from.source.into(), learned: from.learned, lag: from.lag }
    }
}

impl From<&Attempt<'_>> for Try {
    fn from(from: &Attempt<'_>) -> Self {
        Self {
            span_id: from.span_id,
            endpoint: from.endpoint.into(),
            after: from.after,
            took: from.took,
            status: from.status,
            failure: from.failure,
        }
    }
}

/// As much of a client's text as a span may tell.
fn kept(text: &str) -> Box<str> {
    bounded(text).into()
}

/// The same of bytes that may be no text.
fn kept_bytes(bytes: &[u8]) -> Box<[u8]> {
    bytes.get(..LONGEST).unwrap_or(bytes).into()
}

/// The beginning of a text of a client's.
pub(super) fn bounded(text: &str) -> &str {
    if text.len() <= LONGEST {
        return text;
    }
    let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
