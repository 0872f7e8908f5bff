//! A record as spans: one for the request, one for each attempt upstream, and on a refusal one event for each
//! question (OT-01 to OT-06). Built only when they are exported.

use std::time::{Duration, SystemTime};

use http::{Method, Version};
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::attempt;
use super::attributes::Attributes;
use super::checks;
use super::context::Remote;
use super::names::attribute as name;
use super::record::{Claimed, Record, Source, Trusted};
use super::route::method_name;
use super::scrub;
use crate::decide::reason::Reason;
use crate::decide::session;
use crate::decide::time::Timestamp;
use crate::decide::verdict::Outcome;

/// The span of the request, then those of the attempts.
pub(super) fn build(record: &Record, scope: &InstrumentationScope) -> Vec<SpanData> {
    let attempts = &record.attempts;
    let mut spans = Vec::with_capacity(1 + attempts.len());
    spans.push(server(record, scope));
    spans.extend(attempts.iter().enumerate().map(|(nth, attempt)| attempt::build(record, nth, attempt, scope)));
    spans
}

fn server(record: &Record, scope: &InstrumentationScope) -> SpanData {
    let start = instant(record.at);
    let parent = record.trace.parent;
    let mut events = SpanEvents::default();
    events.events = checks::events(record.verdict.as_deref(), start);
    let mut links = SpanLinks::default();
    links.links = record.trace.link.map(link).into_iter().collect();
    SpanData {
        span_context: place(record, record.trace.span_id),
        parent_span_id: parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.span_id.to_be_bytes())),
        parent_span_is_remote: parent.is_some(),
        span_kind: SpanKind::Server,
        name: title(record).into(),
        start_time: start,
        end_time: start + record.total,
        attributes: server_attributes(record),
        dropped_attributes_count: 0,
        events,
        links,
        status: server_status(record),
        instrumentation_scope: scope.clone(),
    }
}

/// `{method} {route}`, and never the raw path (OT-01).
fn title(record: &Record) -> String {
    let method = spoken(&record.request.method);
    match &record.route {
        Some(route) => format!("{method} {}", route.template),
        None => method.to_owned(),
    }
}

/// A method in the name of a span (OT-01).
pub(super) fn spoken(method: &Method) -> &'static str {
    match method_name(method) {
        "_OTHER" => "HTTP",
        known => known,
    }
}

/// A refusal is no fault of the server's: 4xx leaves the status unset (OT-02).
fn server_status(record: &Record) -> Status {
    match (record.status, record.reason) {
        (..500, _) => Status::Unset,
        (_, Some(reason)) => Status::error(reason.told()),
        (_, None) => Status::error(""),
    }
}

/// Every span that is exported says so, because a collector may drop others.
pub(super) fn place(record: &Record, span_id: u64) -> SpanContext {
    let flags = TraceFlags::new(record.trace.flags()).with_sampled(true);
    let trace_id = TraceId::from_bytes(record.trace.trace_id.to_be_bytes());
    SpanContext::new(trace_id, SpanId::from_bytes(span_id.to_be_bytes()), flags, false, TraceState::default())
}

fn link(remote: Remote) -> Link {
    let (trace_id, span_id) = (remote.trace_id.to_be_bytes(), remote.span_id.to_be_bytes());
    let flags = TraceFlags::new(remote.flags);
    let (trace_id, span_id) = (TraceId::from_bytes(trace_id), SpanId::from_bytes(span_id));
    Link::new(SpanContext::new(trace_id, span_id, flags, true, TraceState::default()), Vec::new(), 0)
}

pub(super) fn instant(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.millis()).unwrap_or(0))
}

fn server_attributes(record: &Record) -> Vec<opentelemetry::KeyValue> {
    let mut out = Attributes::with_capacity(40);
    request(&mut out, record);
    out.put(name::STATUS, i64::from(record.status));
    if record.status >= 500 {
        out.put(name::ERROR_TYPE, error_type(record));
    }
    decision(&mut out, record);
    if let Some(token) = &record.trusted {
        trusted(&mut out, token);
    }
    if let Some(claims) = &record.untrusted {
        untrusted(&mut out, claims);
    }
    if let Some(feed) = &record.revocation {
        revocation(&mut out, feed);
    }
    delivery(&mut out, record);
    out.done()
}

fn error_type(record: &Record) -> Value {
    match record.reason {
        Some(reason) => reason.code().into(),
        None => record.status.to_string().into(),
    }
}

fn request(out: &mut Attributes, record: &Record) {
    let asked = &record.request;
    let method = method_name(&asked.method);
    out.put(name::METHOD, method);
    if method == "_OTHER" {
        out.text(name::METHOD_ORIGINAL, asked.method.as_str());
    }
    out.put(name::URL_SCHEME, asked.scheme);
    out.text(name::URL_PATH, &scrub::path(&record.secrets, &asked.path));
    let query = asked.query.as_deref().map(|query| scrub::query(&record.secrets, query));
    out.maybe_text(name::URL_QUERY, query.as_deref());
    out.put(name::PROTOCOL, "http");
    out.put(name::PROTOCOL_VERSION, version(asked.version));
    authority(out, &asked.authority, None);
    out.maybe(name::PEER_ADDRESS, asked.peer.map(|peer| peer.ip().to_string()));
    out.maybe(name::PEER_PORT, asked.peer.map(|peer| i64::from(peer.port())));
    let client = asked.client.or(asked.peer.map(|peer| peer.ip()));
    out.maybe(name::CLIENT_ADDRESS, client.map(|client| client.to_string()));
    out.maybe_text(name::USER_AGENT, asked.agent());
}

/// `server.address` and `server.port`; the latter as the scheme has it where it is not said and is asked for.
pub(super) fn authority(out: &mut Attributes, authority: &str, usual: Option<u16>) {
    let parsed = authority.parse::<http::uri::Authority>().ok();
    let Some(authority) = parsed else { return };
    out.text(name::SERVER_ADDRESS, authority.host());
    out.maybe(name::SERVER_PORT, authority.port_u16().or(usual).map(i64::from));
}

/// The version as the conventions write it.
pub(super) fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

fn decision(out: &mut Attributes, record: &Record) {
    out.put(name::DECISION, record.decision().name());
    out.maybe(name::REASON, record.reason.map(Reason::code));
    if let Some(route) = &record.route {
        out.text(name::HTTP_ROUTE, &route.template);
        out.text(name::ROUTE, &route.name);
        out.maybe_text(name::POLICY, Some(&*route.policy).filter(|policy| !policy.is_empty()));
    }
    out.text(name::REVISION, &record.revision);
    if let Some((shadow, reason)) = record.shadow.as_ref().and_then(|shadow| Some((shadow, shadow.verdict.reason()?))) {
        out.text(name::SHADOW_POLICY, &shadow.policy);
        out.put(name::SHADOW_REASON, reason.code());
    }
    if let Some(Outcome::Admit(permit)) = record.verdict.as_ref().map(|verdict| verdict.outcome) {
        out.maybe(name::GOOD_FOR, permit.curfew().map(|left| left.as_secs_f64()));
    }
    out.maybe(name::JUDGE, record.judge.map(|took| took.as_secs_f64() * 1e6));
    out.maybe_text(name::ISSUER, record.issuer.as_deref());
    if let session::Knowledge::Known(_, _, sight) = record.session {
        out.put(name::SESSION_AGE, sight.age as f64 / 1e3);
        out.put(name::SESSION_IDLE, sight.quiet as f64 / 1e3);
    }
}

/// What a verified token says; its ids hashed.
fn trusted(out: &mut Attributes, token: &Trusted) {
    out.text(name::KEY, token.key.as_str());
    out.put(name::ALGORITHM, token.algorithm.name());
    out.put(name::TOKEN, token.handles.token.to_string());
    out.maybe(name::SUBJECT, token.handles.subject.map(|id| id.to_string()));
    out.maybe(name::SESSION, token.handles.session.map(|id| id.to_string()));
    out.maybe(name::CLIENT, token.handles.client.map(|id| id.to_string()));
    out.maybe(name::TOKEN_AGE, token.age.map(|ms| ms as f64 / 1e3));
    out.maybe(name::TOKEN_TTL, token.ttl.map(|ms| ms as f64 / 1e3));
}

/// What a token says whose signature was not verified: anybody may have written it.
fn untrusted(out: &mut Attributes, claims: &Claimed) {
    out.maybe_text(name::UNTRUSTED_ISSUER, claims.issuer.as_deref());
    out.maybe(name::UNTRUSTED_SUBJECT, claims.subject.map(|id| id.to_string()));
    out.maybe(name::UNTRUSTED_TOKEN, claims.token_id.map(|id| id.to_string()));
    out.maybe(name::UNTRUSTED_EXPIRES, claims.expires.map(|at| at.to_string()));
    out.maybe(name::UNTRUSTED_ISSUED, claims.issued.map(|at| at.to_string()));
    out.maybe_text(name::UNTRUSTED_KEY, claims.key.as_deref());
    out.maybe_text(name::UNTRUSTED_ALGORITHM, claims.algorithm.as_deref());
}

fn revocation(out: &mut Attributes, feed: &Source) {
    out.text(name::REVOCATION_SOURCE, &feed.name);
    out.maybe(name::FEED_STALENESS, feed.age.map(|age| age.as_secs_f64()));
    out.maybe(name::REVOCATION_ENTRY_AGE, feed.entry_age.map(|age| age.as_secs_f64()));
    out.maybe(name::REVOCATION_LAG, feed.lag.map(|lag| lag.as_secs_f64()));
}

fn delivery(out: &mut Attributes, record: &Record) {
    let Some(upstream) = &record.upstream else { return };
    out.text(name::UPSTREAM, &upstream.name);
    out.put(name::ATTEMPTS, record.attempts.len() as i64);
    if let Some(last) = record.attempts.last() {
        out.text(name::ENDPOINT, &last.endpoint);
        out.maybe(name::FAILURE, last.failure);
    }
}
