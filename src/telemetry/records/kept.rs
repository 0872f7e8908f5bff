//! A record as it is kept: borrowed from what the line handed over, or from the bytes of a file, and in both cases the same.
//! Secrets are taken out of what clients wrote before it is written; it is escaped when it is told.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::judged::Judged;
use super::known;
use super::later::Later;
use super::line::short;
use super::wire::{Bytes, Wire, wired};
use crate::decide::reason::Reason;
use crate::decide::session::{Key, KeySource, Knowledge};
use crate::decide::time::millis;
use crate::telemetry::record::{Claimed, Record, Trusted};
use crate::telemetry::scrub;
use crate::telemetry::secrets::Secrets;
use crate::telemetry::span::version;

/// The form in which this version writes. What was written in the one before is read too.
const FORM: u8 = 2;
const FIRST: u8 = 1;

wired! {
    /// A record.
    struct Kept<'a> {
        form: u8,
        seq: u64,
        /// In milliseconds since 1970.
        at: i64,
        trace: u128,
        span: u64,
        /// The trace that the caller said it is in; zero is none.
        caller: u128,
        request_id: Option<Cow<'a, [u8]>>,
        decision: &'a str,
        reason: Option<&'a str>,
        status: u16,
        method: Cow<'a, str>,
        scheme: &'a str,
        host: Cow<'a, str>,
        path: Cow<'a, str>,
        query: Option<Cow<'a, str>>,
        http: &'a str,
        peer: Option<SocketAddr>,
        client: Option<IpAddr>,
        agent: Option<Cow<'a, [u8]>>,
        route: Option<&'a str>,
        template: Option<&'a str>,
        policy: Option<&'a str>,
        revision: &'a str,
        issuer: Option<Cow<'a, str>>,
        skew: Option<i64>,
        /// In microseconds.
        total: u64,
        judge: Option<u64>,
        bearer: Option<Bearing<'a>>,
        session: Option<Session<'a>>,
        feed: Option<Feeding<'a>>,
        entry: Option<Entry<'a>>,
        delivery: Option<Delivery<'a>>,
        trail: Option<Judged<'a>>,
        shadow: Option<Beside<'a>>,
        /// What the first form has not.
        later: Later<'a>,
    }
}

wired! {
    /// Whoever sent a token. Ids are as much of their hashes as is told.
    struct Bearing<'a> {
        verified: bool,
        iss: Option<Cow<'a, str>>,
        key: Option<Cow<'a, str>>,
        algorithm: Option<Cow<'a, str>>,
        token: Option<u64>,
        session: Option<u64>,
        subject: Option<u64>,
        client: Option<u64>,
        age: Option<i64>,
        left: Option<i64>,
    }
}

wired! {
    /// What was known of the session.
    struct Session<'a> {
        known: &'a str,
        by: &'a str,
        age: Option<i64>,
        quiet: Option<i64>,
        silence: Option<i64>,
    }
}

wired! {
    /// The revocation source that counted.
    struct Feeding<'a> {
        name: Cow<'a, str>,
        age: Option<i64>,
    }
}

wired! {
    /// The entry that hit.
    struct Entry<'a> {
        of: Cow<'a, str>,
        learned: i64,
    }
}

wired! {
    /// How it was delivered.
    struct Delivery<'a> {
        upstream: &'a str,
        endpoint: Option<&'a str>,
        attempts: u64,
        status: Option<u16>,
        failure: Option<&'a str>,
    }
}

wired! {
    /// What a shadow policy said.
    struct Beside<'a> {
        policy: &'a str,
        trail: Judged<'a>,
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// A text of a client's, which may be no UTF-8.
pub(super) fn bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(bytes).map(scrub::text) {
        Ok(Cow::Borrowed(_)) => Cow::Borrowed(bytes),
        Ok(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        Err(_) => match scrub::text(&String::from_utf8_lossy(bytes)) {
            Cow::Borrowed(_) => Cow::Borrowed(bytes),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
    }
}

/// Nothing, where there is no word.
fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

impl<'a> Kept<'a> {
    /// Of what the line handed over.
    pub fn of(record: &'a Record, seq: u64) -> Self {
        let (route, asked) = (record.route.as_ref(), &record.request);
        Self {
            form: FORM,
            seq,
            at: record.at.millis(),
            trace: record.trace.trace_id,
            span: record.trace.span_id,
            caller: record.trace.link.map_or(0, |link| link.trace_id),
            request_id: asked.id.as_deref().map(bytes),
            decision: record.decision().name(),
            reason: record.reason.map(Reason::code),
            status: record.status,
            method: scrub::text(asked.method.as_str()),
            scheme: asked.scheme,
            host: scrub::text(&asked.authority),
            path: scrub::path(&record.secrets, &asked.path),
            query: asked.query.as_deref().map(|query| scrubbed(&record.secrets, query)),
            http: version(asked.version),
            peer: asked.peer,
            client: asked.client,
            agent: asked.user_agent.as_deref().map(bytes),
            route: route.and_then(|route| some(&route.name)),
            template: route.and_then(|route| some(&route.template)),
            policy: route.and_then(|route| some(&route.policy)),
            revision: &record.revision,
            issuer: record.issuer.as_deref().map(scrub::text),
            skew: record.skew_ms,
            total: micros(record.total),
            judge: record.judge.map(micros),
            bearer: Bearing::of(record),
            session: Session::of(record.session),
            feed: record
                .revocation
                .as_ref()
                .map(|feed| Feeding { name: scrub::text(&feed.name), age: feed.age.map(millis) }),
            entry: record
                .revoked
                .as_deref()
                .map(|entry| Entry { of: scrub::text(&entry.source), learned: entry.learned.millis() }),
            delivery: Delivery::of(record),
            trail: record.verdict.as_deref().map(Judged::Made),
            shadow: record
                .shadow
                .as_deref()
                .map(|shadow| Beside { policy: &shadow.policy, trail: Judged::Made(&shadow.verdict) }),
            later: Later::of(record),
        }
    }

    /// Of the bytes of a file, if this version wrote them.
    pub fn read(body: &'a [u8]) -> Option<Self> {
        let mut from = Bytes(body);
        let kept = Some(body)
            .filter(|body| body.first().is_some_and(|form| (FIRST..=FORM).contains(form)))
            .and_then(|_| Self::take(&mut from));
        kept.filter(|_| from.0.is_empty())
    }
}

fn scrubbed<'a>(secrets: &Secrets, query: &'a str) -> Cow<'a, str> {
    match scrub::query(secrets, query) {
        Cow::Borrowed(query) => scrub::text(query),
        Cow::Owned(query) => Cow::Owned(scrub::text(&query).into_owned()),
    }
}

impl<'a> Bearing<'a> {
    fn of(record: &'a Record) -> Option<Self> {
        match (&record.trusted, &record.untrusted) {
            (Some(token), _) => Some(Self::trusted(token)),
            (None, Some(claims)) => Some(Self::claimed(claims, record)),
            (None, None) => None,
        }
    }

    fn trusted(token: &'a Trusted) -> Self {
        let handles = &token.handles;
        Self {
            verified: true,
            iss: None,
            key: Some(scrub::text(token.key.as_str())),
            algorithm: Some(Cow::Borrowed(token.algorithm.name())),
            token: Some(short(handles.token)),
            session: handles.session.map(short),
            subject: handles.subject.map(short),
            client: handles.client.map(short),
            age: token.age,
            left: token.ttl,
        }
    }

    fn claimed(claims: &'a Claimed, record: &Record) -> Self {
        Self {
            verified: false,
            iss: claims.issuer.as_deref().map(scrub::text),
            key: claims.key.as_deref().map(scrub::text),
            algorithm: claims.algorithm.as_deref().map(scrub::text),
            token: claims.token_id.map(short),
            session: None,
            subject: claims.subject.map(short),
            client: None,
            age: claims.issued.map(|issued| record.at.since(issued)),
            left: claims.expires.map(|expires| expires.since(record.at)),
        }
    }
}

impl Session<'_> {
    fn of(known: Knowledge) -> Option<Self> {
        let (word, Key { source, .. }) = known::word(&known).zip(known.key())?;
        let sight = if let Knowledge::Known(_, _, sight) = known { Some(sight) } else { None };
        let by = match source {
            KeySource::Claim => "claim",
            KeySource::SignIn => "sign_in",
            KeySource::Client => "client",
            KeySource::Token => "token",
        };
        let (age, quiet) = (sight.map(|sight| sight.age), sight.map(|sight| sight.quiet));
        Some(Self { known: word, by, age, quiet, silence: sight.map(|sight| sight.silence) })
    }
}

impl<'a> Delivery<'a> {
    fn of(record: &'a Record) -> Option<Self> {
        let (upstream, last) = (record.upstream.as_ref()?, record.attempts.last());
        Some(Self {
            upstream: &upstream.name,
            endpoint: last.map(|last| &*last.endpoint),
            attempts: record.attempts.len() as u64,
            status: last.and_then(|last| last.status),
            failure: last.and_then(|last| last.failure),
        })
    }
}
