//! An attempt to deliver, as a span of its own under that of the request.

use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::attributes::Attributes;
use super::names::attribute as name;
use super::record::{Record, Try};
use super::route::method_name;
use super::scrub;
use super::span::{authority, instant, place, spoken};

/// The span of the attempt; `nth` counts from zero.
pub(super) fn build(record: &Record, nth: usize, attempt: &Try, scope: &InstrumentationScope) -> SpanData {
    let start = instant(record.at) + attempt.after;
    SpanData {
        span_context: place(record, attempt.span_id),
        parent_span_id: SpanId::from_bytes(record.trace.span_id.to_be_bytes()),
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: spoken(&record.request.method).into(),
        start_time: start,
        end_time: start + attempt.took,
        attributes: client_attributes(record, nth, attempt),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: client_status(attempt),
        instrumentation_scope: scope.clone(),
    }
}

/// For a client, 4xx is a fault too (OT-02).
fn client_status(attempt: &Try) -> Status {
    match (attempt.failure, attempt.status) {
        (Some(failure), _) => Status::error(failure),
        (None, Some(400..)) => Status::error(""),
        _ => Status::Unset,
    }
}

fn client_attributes(record: &Record, nth: usize, attempt: &Try) -> Vec<KeyValue> {
    let mut out = Attributes::with_capacity(10);
    out.put(name::METHOD, method_name(&record.request.method));
    let (asked, secrets) = (&record.request, &record.secrets);
    let query = asked.query.as_deref().map(|query| scrub::query(secrets, query));
    let (mark, query) = query.as_deref().map_or(("", ""), |query| ("?", query));
    out.text(name::URL_FULL, &format!("{}{}{mark}{query}", attempt.endpoint, scrub::path(secrets, &asked.path)));
    let (scheme, host) = attempt.endpoint.split_once("://").unwrap_or(("http", &attempt.endpoint));
    // A client's span has both (OT-04).
    authority(&mut out, host, Some(if scheme == "https" { 443 } else { 80 }));
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
