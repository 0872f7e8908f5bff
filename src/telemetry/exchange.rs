//! All that is known at the end of one request, borrowed. There is no place here for a raw token, a cookie or a
//! credential of any kind: what is not here cannot be told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use http::{Method, Version};

use super::context::TraceContext;
use super::route::{RouteMeter, UpstreamMeter};
use super::shadow::Shadowed;
use crate::decide::claims::Token;
use crate::decide::id::Fingerprint;
use crate::decide::reason::Reason;
use crate::decide::revocation::{Cutoff, Entry};
use crate::decide::session;
use crate::decide::time::{Moment, Timestamp};
use crate::decide::verdict::Verdict;

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    /// Its place in the trace.
    pub trace: TraceContext,
    /// When it came, which is also the instant of the judgement.
    pub moment: Moment,
    /// How long it took, to the end of the answer.
    pub total: Duration,
    /// How long gathering and judging took, where it came to that.
    pub judge: Option<Duration>,
    /// What was asked for.
    pub request: Asked<'a>,
    /// The route that was found, resolved when the plan was built.
    pub route: Option<&'a RouteMeter>,
    /// The revision of the config it was decided by.
    pub revision: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// Why it was refused, or why it failed, if Curfew itself wrote the answer.
    pub reason: Option<Reason>,
    /// The judgement, where there was one.
    pub verdict: Option<&'a Verdict>,
    /// What the route's shadow policy would have refused, where the route's own admitted.
    pub shadow: Option<Shadowed<'a>>,
    /// What was known of its session.
    pub session: session::Knowledge,
    /// The token, if its signature was verified.
    pub token: Option<&'a Token>,
    /// The issuer's name in the config, if the token was verified.
    pub issuer: Option<&'a str>,
    /// The name in the config of the issuer whose keys could not be had, so that nothing of the token was verified.
    pub keys_of: Option<&'a str>,
    /// What a token says whose signature was not verified.
    pub untrusted: Option<Untrusted<'a>>,
    /// What was known of revocations.
    pub revocation: Option<Feed<'a>>,
    /// The entry that hit, where the token is revoked.
    pub revoked: Option<Revoked<'a>>,
    /// How far our clock is ahead of the issuer's, in milliseconds, where that is known and somebody may want to know.
    pub skew_ms: Option<i64>,
    /// What is new of the token, if it was verified.
    pub sight: Option<Sight<'a>>,
    /// The delivery, where it came to one.
    pub delivery: Option<Delivery<'a>>,
}

/// What of a verified token is new.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sight<'a> {
    /// Is it the first request with this token that is told of?
    pub first: bool,
    /// Is it the first that was admitted?
    pub first_admitted: bool,
    /// Its session, if a newer token would be of the same one.
    pub session: Option<Fingerprint>,
    /// By how much the clocks of its issuer and of the gateway may differ.
    pub leeway: Duration,
    /// Where its tenant may be noted, so that it need not be looked up again.
    pub note: Option<&'a AtomicU32>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a Method,
    /// `https` or `http`.
    pub scheme: &'static str,
    /// The path.
    pub path: &'a str,
    /// The query; secrets in it are scrubbed before it is told.
    pub query: Option<&'a str>,
    /// The host, and the port if given.
    pub authority: &'a str,
    /// The protocol.
    pub version: Version,
    /// Who opened the connection.
    pub peer: Option<SocketAddr>,
    /// The client's address, if a trusted proxy told it.
    pub client: Option<std::net::IpAddr>,
    /// `User-Agent`, as it was sent.
    pub user_agent: Option<&'a [u8]>,
    /// `X-Request-Id`, as it was sent.
    pub request_id: Option<&'a [u8]>,
}

impl<'a> Asked<'a> {
    /// `User-Agent`, if it is plain text.
    #[must_use]
    pub fn agent(&self) -> Option<&'a str> {
        self.user_agent.and_then(plain)
    }
}

/// ASCII only: anything else is for those who escape it.
pub(super) fn plain(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii())
}

/// Claims of a token whose signature was not verified. Ids are hashed all the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untrusted<'a> {
    /// `iss`.
    pub issuer: Option<&'a str>,
    /// The hash of `sub`.
    pub subject: Option<Fingerprint>,
    /// The hash of `jti`.
    pub token_id: Option<Fingerprint>,
    /// `exp`.
    pub expires: Option<Timestamp>,
    /// `iat`.
    pub issued: Option<Timestamp>,
    /// `kid`.
    pub key: Option<&'a str>,
    /// `alg`.
    pub algorithm: Option<&'a str>,
}

/// The revocation source that counted.
#[derive(Clone, Copy, Debug)]
pub struct Feed<'a> {
    /// Its name in the config.
    pub source: &'a str,
    /// How old its knowledge was.
    pub age: Option<Duration>,
    /// How long before this request the entry that hit was learned of.
    pub entry_age: Option<Duration>,
    /// How long after the event that it tells of that was, where its source says when it happened.
    pub lag: Option<Duration>,
}

impl<'a> Feed<'a> {
    /// One whose knowledge was so old.
    #[must_use]
    pub const fn of(source: &'a str, age: Option<Duration>) -> Self {
        Self { source, age, entry_age: None, lag: None }
    }

    /// With the entry that hit at this time, if one did.
    #[must_use]
    pub fn hit_by(self, entry: Option<&Entry>, now: Timestamp) -> Self {
        Self { entry_age: entry.map(|entry| between(entry.learned, now)), lag: entry.and_then(lag), ..self }
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(to.since(from)).unwrap_or(0))
}

/// From an event to its enforcement. The instant of a "not before" is nothing that happened.
fn lag(entry: &Entry) -> Option<Duration> {
    if let Cutoff::UpTo(happened) = entry.cutoff { Some(between(happened, entry.learned)) } else { None }
}

/// The entry of the revocation set that hit.
#[derive(Clone, Copy, Debug)]
pub struct Revoked<'a> {
    /// The name of its source in the config.
    pub source: &'a str,
    /// When it was learned of.
    pub learned: Timestamp,
    /// How long after the event that it tells of that was, where its source says when it happened.
    pub lag: Option<Duration>,
}

impl<'a> Revoked<'a> {
    /// This entry, of the source of this name.
    #[must_use]
    pub fn by(source: &'a str, entry: &Entry) -> Self {
        Self { source, learned: entry.learned, lag: lag(entry) }
    }
}

/// How the request was delivered.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The upstream, resolved when the plan was built.
    pub upstream: &'a Arc<UpstreamMeter>,
    /// How long the upstream took to the end of its answer.
    pub took: Duration,
    /// Each attempt, in order.
    pub attempts: &'a [Attempt<'a>],
}

/// One attempt to deliver.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The id of its span: the one its `traceparent` carried.
    pub span_id: u64,
    /// The endpoint as `scheme://host:port`.
    pub endpoint: &'a str,
    /// How long after the request came it began.
    pub after: Duration,
    /// How long it took.
    pub took: Duration,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What failed, in a word of our own.
    pub failure: Option<&'static str>,
}

/// The three ways it can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It was let through.
    Allow,
    /// It was refused.
    Deny,
    /// Something broke: Curfew, what it depends on, or the upstream.
    Error,
}

impl Decision {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Error => "error",
        }
    }

    /// A reason of the 5xx kind is a fault; any other is a refusal.
    #[must_use]
    pub fn of(reason: Option<Reason>) -> Self {
        match reason {
            None => Self::Allow,
            Some(reason) if reason.status().is_server_error() => Self::Error,
            Some(_) => Self::Deny,
        }
    }
}

impl Exchange<'_> {
    /// What was decided.
    #[must_use]
    pub fn decision(&self) -> Decision {
        Decision::of(self.reason)
    }
}

/// Is a span exported whatever the sampling? Those of refusals and faults always are.
pub(super) fn is_remarkable(reason: Option<Reason>, status: u16) -> bool {
    reason.is_some() || status >= 500
}
