//! The access log: one JSON object a line, written by a thread of its own. A slow output loses lines, which are
//! counted; it never holds a request up. What is written where is told in `output`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::Serialize;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::attributes::{path_told, told};
use super::exchange::Exchange;
use super::output::{Output, Placed};
use super::route::method_name;
use super::scrub;
use super::secrets::Secrets;
use super::settings::AccessLog;
use super::span::version;
use super::start::StartError;
use crate::decide::reason::Reason;

/// As many lines may wait for the output.
const QUEUE: usize = 8192;

/// An open access log. Its guard writes out what waits when it is dropped.
pub(super) struct Access {
    writer: NonBlocking,
    secrets: Secrets,
}

/// The lines that were lost.
pub(super) struct Lost {
    /// Because the output was too slow.
    pub dropped: ErrorCounter,
    /// Because the output failed.
    pub unwritten: Arc<AtomicU64>,
}

/// Opens the log that the settings name.
pub(super) fn open(log: &AccessLog, secrets: &Secrets) -> Result<Option<(Access, Lost, WorkerGuard)>, StartError> {
    let unwritten = Arc::new(AtomicU64::new(0));
    let lost = Arc::clone(&unwritten);
    let output: Box<dyn Write + Send> = match log {
        AccessLog::Off => return Ok(None),
        AccessLog::Stdout => Box::new(Output::new(io::stdout(), lost)),
        AccessLog::File(path) => {
            let opened = Placed::open(path).map_err(|error| StartError::AccessLog { path: path.clone(), error });
            Box::new(Output::new(opened?, lost))
        }
    };
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(QUEUE).thread_name("access-log");
    let (writer, guard) = builder.finish(output);
    let dropped = writer.error_counter();
    Ok(Some((Access { writer, secrets: secrets.clone() }, Lost { dropped, unwritten }, guard)))
}

impl Access {
    pub fn write(&self, exchange: &Exchange<'_>) {
        let mut line = Vec::with_capacity(512);
        if serde_json::to_writer(&mut line, &Line::of(exchange, &self.secrets)).is_ok() {
            line.push(b'\n');
            // A line that finds no room is counted by the writer.
            let _ = self.writer.clone().write_all(&line);
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    trace_id: String,
    method: &'static str,
    scheme: &'static str,
    host: std::borrow::Cow<'a, str>,
    path: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<std::net::SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<std::net::IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<std::borrow::Cow<'a, str>>,
    status: u16,
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    /// Where the last attempt went; none where there was no endpoint to be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    /// What failed last: the error types of RFC 9209 §2.3. One that a retry healed is told too.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'static str>,
    /// Where that was, if a retry went elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<usize>,
    duration_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    judge_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_us: Option<u64>,
    revision: &'a str,
}

impl<'a> Line<'a> {
    fn of(exchange: &Exchange<'a>, secrets: &Secrets) -> Self {
        let (asked, handles) = (&exchange.request, exchange.token.map(|token| &token.handles));
        let attempts = exchange.delivery.map(|delivery| delivery.attempts).unwrap_or_default();
        let (last, failed) = (attempts.last(), attempts.iter().rev().find(|attempt| attempt.failure.is_some()));
        let healed = last.is_some_and(|attempt| attempt.failure.is_none());
        let micros = |span: std::time::Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self {
            time: exchange.moment.wall.to_string(),
            trace_id: exchange.trace.trace_hex().as_str().to_owned(),
            method: method_name(asked.method),
            scheme: asked.scheme,
            host: told(asked.authority),
            path: path_told(secrets, asked.path),
            query: asked.query.map(|query| told(&scrub::query(secrets, query)).into_owned()),
            protocol: version(asked.version),
            peer: asked.peer,
            client: asked.client,
            user_agent: asked.agent().map(told),
            status: exchange.status,
            decision: exchange.decision().name(),
            reason: exchange.reason.map(Reason::code),
            route: exchange.route.map(|route| &*route.name),
            issuer: exchange.issuer,
            subject: handles.and_then(|handles| handles.subject).map(|id| id.to_string()),
            token: handles.map(|handles| handles.token.to_string()),
            upstream: exchange.delivery.map(|delivery| &*delivery.upstream.name),
            endpoint: last.map(|attempt| attempt.endpoint).filter(|endpoint| !endpoint.is_empty()),
            failure: failed.and_then(|attempt| attempt.failure),
            failed_endpoint: failed.map(|attempt| attempt.endpoint).filter(|_| healed),
            attempts: exchange.delivery.map(|delivery| delivery.attempts.len()),
            duration_us: micros(exchange.total),
            judge_us: exchange.judge.map(micros),
            upstream_us: exchange.delivery.map(|delivery| micros(delivery.took)),
            revision: exchange.revision,
        }
    }
}
