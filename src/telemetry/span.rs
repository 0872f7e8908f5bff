//! An exchange as spans: one for the request, one for each attempt upstream, and on a refusal one event for each
//! question (OT-01 to OT-06). Built only when they are exported.

use std::time::{Duration, SystemTime};

use http::Version;
use opentelemetry::trace::{Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::attributes::Attributes;
use super::context::Remote;
use super::describe;
use super::exchange::{Attempt, Exchange, Feed, Untrusted};
use super::names::attribute as name;
use super::route::method_name;
use super::scrub;
use crate::decide::claims::Token;
use crate::decide::finding::{Finding, Quantity};
use crate::decide::policy::Question;
use crate::decide::reason::Reason;
use crate::decide::time::{Timestamp, millis};

/// The span of the request, then those of the attempts.
pub(super) fn build(exchange: &Exchange<'_>, scope: &InstrumentationScope) -> Vec<SpanData> {
    let attempts = exchange.delivery.map_or(&[][..], |delivery| delivery.attempts);
    let mut spans = Vec::with_capacity(1 + attempts.len());
    spans.push(server(exchange, scope));
    spans.extend(attempts.iter().enumerate().map(|(nth, attempt)| client(exchange, nth, attempt, scope)));
    spans
}

fn server(exchange: &Exchange<'_>, scope: &InstrumentationScope) -> SpanData {
    let start = instant(exchange.moment.wall);
    let parent = exchange.trace.parent;
    let mut events = SpanEvents::default();
    events.events = checks(exchange, start);
    let mut links = SpanLinks::default();
    links.links = exchange.trace.link.map(link).into_iter().collect();
    SpanData {
        span_context: place(exchange, exchange.trace.span_id),
        parent_span_id: parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.span_id.to_be_bytes())),
        parent_span_is_remote: parent.is_some(),
        span_kind: SpanKind::Server,
        name: title(exchange).into(),
        start_time: start,
        end_time: start + exchange.total,
        attributes: server_attributes(exchange),
        dropped_attributes_count: 0,
        events,
        links,
        status: server_status(exchange),
        instrumentation_scope: scope.clone(),
    }
}

/// `{method} {route}`, and never the raw path (OT-01).
fn title(exchange: &Exchange<'_>) -> String {
    let method = method_name(exchange.request.method);
    let method = if method == "_OTHER" { "HTTP" } else { method };
    match exchange.route {
        Some(route) => format!("{method} {}", route.template),
        None => method.to_owned(),
    }
}

/// A refusal is no fault of the server's: 4xx leaves the status unset (OT-02).
fn server_status(exchange: &Exchange<'_>) -> Status {
    match (exchange.status, exchange.reason) {
        (..500, _) => Status::Unset,
        (_, Some(reason)) => Status::error(reason.told()),
        (_, None) => Status::error(""),
    }
}

/// Every span that is exported says so, because a collector may drop others.
fn place(exchange: &Exchange<'_>, span_id: u64) -> SpanContext {
    let flags = TraceFlags::new(exchange.trace.flags()).with_sampled(true);
    let trace_id = TraceId::from_bytes(exchange.trace.trace_id.to_be_bytes());
    SpanContext::new(trace_id, SpanId::from_bytes(span_id.to_be_bytes()), flags, false, TraceState::default())
}

fn link(remote: Remote) -> Link {
    let (trace_id, span_id) = (remote.trace_id.to_be_bytes(), remote.span_id.to_be_bytes());
    let flags = TraceFlags::new(remote.flags);
    let (trace_id, span_id) = (TraceId::from_bytes(trace_id), SpanId::from_bytes(span_id));
    Link::new(SpanContext::new(trace_id, span_id, flags, true, TraceState::default()), Vec::new(), 0)
}

fn instant(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.millis()).unwrap_or(0))
}

fn server_attributes(exchange: &Exchange<'_>) -> Vec<opentelemetry::KeyValue> {
    let mut out = Attributes::with_capacity(40);
    request(&mut out, exchange);
    out.put(name::STATUS, i64::from(exchange.status));
    if exchange.status >= 500 {
        out.put(name::ERROR_TYPE, error_type(exchange));
    }
    decision(&mut out, exchange);
    if let Some(token) = exchange.token {
        trusted(&mut out, token, exchange.moment.wall);
    }
    if let Some(claims) = &exchange.untrusted {
        untrusted(&mut out, claims);
    }
    if let Some(feed) = &exchange.revocation {
        revocation(&mut out, feed);
    }
    delivery(&mut out, exchange);
    out.done()
}

fn error_type(exchange: &Exchange<'_>) -> Value {
    match exchange.reason {
        Some(reason) => reason.code().into(),
        None => exchange.status.to_string().into(),
    }
}

fn request(out: &mut Attributes, exchange: &Exchange<'_>) {
    let asked = &exchange.request;
    let method = method_name(asked.method);
    out.put(name::METHOD, method);
    if method == "_OTHER" {
        out.text(name::METHOD_ORIGINAL, asked.method.as_str());
    }
    out.put(name::URL_SCHEME, asked.scheme);
    out.text(name::URL_PATH, asked.path);
    out.maybe_text(name::URL_QUERY, asked.query.map(scrub::query).as_deref());
    out.put(name::PROTOCOL, "http");
    out.put(name::PROTOCOL_VERSION, version(asked.version));
    authority(out, asked.authority);
    out.maybe(name::PEER_ADDRESS, asked.peer.map(|peer| peer.ip().to_string()));
    out.maybe(name::PEER_PORT, asked.peer.map(|peer| i64::from(peer.port())));
    let client = asked.client.or(asked.peer.map(|peer| peer.ip()));
    out.maybe(name::CLIENT_ADDRESS, client.map(|client| client.to_string()));
    out.maybe_text(name::USER_AGENT, asked.user_agent);
}

fn authority(out: &mut Attributes, authority: &str) {
    let parsed = authority.parse::<http::uri::Authority>().ok();
    let Some(authority) = parsed else { return };
    out.text(name::SERVER_ADDRESS, authority.host());
    out.maybe(name::SERVER_PORT, authority.port_u16().map(i64::from));
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

fn decision(out: &mut Attributes, exchange: &Exchange<'_>) {
    out.put(name::DECISION, exchange.decision().name());
    out.maybe(name::REASON, exchange.reason.map(Reason::code));
    if let Some(route) = exchange.route {
        out.text(name::HTTP_ROUTE, &route.template);
        out.text(name::ROUTE, &route.name);
        out.maybe_text(name::POLICY, Some(&*route.policy).filter(|policy| !policy.is_empty()));
    }
    out.text(name::REVISION, exchange.revision);
    out.maybe(name::JUDGE, exchange.judge.map(|took| took.as_secs_f64() * 1e6));
    out.maybe_text(name::ISSUER, exchange.issuer);
}

/// What a verified token says; its ids hashed.
fn trusted(out: &mut Attributes, token: &Token, now: Timestamp) {
    out.text(name::KEY, token.key.as_str());
    out.put(name::ALGORITHM, token.algorithm.name());
    out.put(name::TOKEN, token.handles.token.to_string());
    out.maybe(name::SUBJECT, token.handles.subject.map(|id| id.to_string()));
    out.maybe(name::SESSION, token.handles.session.map(|id| id.to_string()));
    out.maybe(name::CLIENT, token.handles.client.map(|id| id.to_string()));
    let Ok(claims) = &token.claims else { return };
    out.maybe(name::TOKEN_AGE, claims.issued.map(|issued| now.since(issued) as f64 / 1e3));
    out.maybe(name::TOKEN_TTL, claims.expires.map(|expires| expires.since(now) as f64 / 1e3));
}

/// What a token says whose signature was not verified: anybody may have written it.
fn untrusted(out: &mut Attributes, claims: &Untrusted<'_>) {
    out.maybe_text(name::UNTRUSTED_ISSUER, claims.issuer);
    out.maybe(name::UNTRUSTED_SUBJECT, claims.subject.map(|id| id.to_string()));
    out.maybe(name::UNTRUSTED_TOKEN, claims.token_id.map(|id| id.to_string()));
    out.maybe(name::UNTRUSTED_EXPIRES, claims.expires.map(|at| at.to_string()));
    out.maybe(name::UNTRUSTED_ISSUED, claims.issued.map(|at| at.to_string()));
    out.maybe_text(name::UNTRUSTED_KEY, claims.key);
    out.maybe_text(name::UNTRUSTED_ALGORITHM, claims.algorithm);
}

fn revocation(out: &mut Attributes, feed: &Feed<'_>) {
    out.text(name::REVOCATION_SOURCE, feed.source);
    out.maybe(name::FEED_STALENESS, feed.age.map(|age| age.as_secs_f64()));
    out.maybe(name::REVOCATION_LAG, feed.entry_age.map(|age| age.as_secs_f64()));
}

fn delivery(out: &mut Attributes, exchange: &Exchange<'_>) {
    let Some(delivery) = &exchange.delivery else { return };
    out.text(name::UPSTREAM, &delivery.upstream.name);
    out.put(name::ATTEMPTS, delivery.attempts.len() as i64);
    if let Some(last) = delivery.attempts.last() {
        out.text(name::ENDPOINT, last.endpoint);
        out.maybe(name::FAILURE, last.failure);
    }
}

/// One event for each question that was asked of a refused request.
fn checks(exchange: &Exchange<'_>, at: SystemTime) -> Vec<Event> {
    let refused = exchange.verdict.filter(|verdict| verdict.reason().is_some());
    let answers = refused.into_iter().flat_map(|verdict| verdict.answers());
    let asked = answers.filter(|(_, answer)| **answer != Finding::Unasked);
    asked.map(|(question, answer)| Event::new(name::CHECK, at, check(question, answer), 0)).collect()
}

fn check(question: &Question, answer: &Finding) -> Vec<opentelemetry::KeyValue> {
    let mut out = Attributes::with_capacity(12);
    out.put(name::CHECK_NAME, question.name);
    out.put(name::CHECK_QUESTION, question.text);
    out.put(name::CHECK_OUTCOME, answer.outcome());
    out.maybe(name::CHECK_REASON, answer.reason().map(Reason::code));
    if let Some(compared) = answer.compared() {
        out.put(name::CHECK_SUBJECT, compared.subject);
        out.maybe(name::CHECK_MEASURED, value(compared.measured));
        out.maybe(name::CHECK_ALLOWED, value(compared.allowed));
        out.maybe(name::CHECK_DISTANCE, describe::distance(compared));
        out.put(name::CHECK_LEEWAY, millis(compared.leeway));
        out.put(name::CHECK_ORIGIN, compared.origin.name());
        out.put(name::CHECK_TEXT, describe::finding(answer));
    }
    if let Finding::Pass { good_for: Some(left), .. } = answer {
        out.put(name::CHECK_GOOD_FOR, millis(*left));
    }
    out.done()
}

/// Instants as RFC 3339, spans in milliseconds.
fn value(quantity: Quantity) -> Option<Value> {
    match quantity {
        Quantity::Nothing => None,
        Quantity::Instant(at) => Some(at.to_string().into()),
        Quantity::Span(ms) => Some(ms.into()),
        Quantity::Count(count) => Some(i64::try_from(count).unwrap_or(i64::MAX).into()),
        Quantity::Word(word) => Some(word.into()),
    }
}

fn client(exchange: &Exchange<'_>, nth: usize, attempt: &Attempt<'_>, scope: &InstrumentationScope) -> SpanData {
    let start = instant(exchange.moment.wall) + attempt.after;
    SpanData {
        span_context: place(exchange, attempt.span_id),
        parent_span_id: SpanId::from_bytes(exchange.trace.span_id.to_be_bytes()),
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: method_name(exchange.request.method).into(),
        start_time: start,
        end_time: start + attempt.took,
        attributes: client_attributes(exchange, nth, attempt),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: client_status(attempt),
        instrumentation_scope: scope.clone(),
    }
}

/// For a client, 4xx is a fault too (OT-02).
fn client_status(attempt: &Attempt<'_>) -> Status {
    match (attempt.failure, attempt.status) {
        (Some(failure), _) => Status::error(failure),
        (None, Some(400..)) => Status::error(""),
        _ => Status::Unset,
    }
}

fn client_attributes(exchange: &Exchange<'_>, nth: usize, attempt: &Attempt<'_>) -> Vec<opentelemetry::KeyValue> {
    let mut out = Attributes::with_capacity(10);
    out.put(name::METHOD, method_name(exchange.request.method));
    let query = exchange.request.query.map(scrub::query);
    let (mark, query) = query.as_deref().map_or(("", ""), |query| ("?", query));
    out.text(name::URL_FULL, &format!("{}{}{mark}{query}", attempt.endpoint, exchange.request.path));
    authority(&mut out, attempt.endpoint.split_once("://").map_or(attempt.endpoint, |(_, host)| host));
    out.maybe(name::STATUS, attempt.status.map(i64::from));
    match (attempt.failure, attempt.status) {
        (Some(failure), _) => out.put(name::ERROR_TYPE, failure),
        (None, Some(status @ 400..)) => out.put(name::ERROR_TYPE, status.to_string()),
        _ => {}
    }
    if nth > 0 {
        out.put(name::RESEND_COUNT, nth as i64);
    }
    out.done()
}
