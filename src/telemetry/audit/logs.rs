//! The lines of the audit log as OTLP logs, to the collector that traces go to: a bounded queue, and one task of the control
//! runtime. What cannot be sent is counted; the file has it all the same.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::logs::{LogBatch, LogExporter, SdkLogRecord, SdkLogger, SdkLoggerProvider};
use serde_json::Value;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

use super::counts::Counts;
use super::event::Event;
use crate::notice::Trouble;
use crate::telemetry::span::instant;

/// As many lines wait at most.
const QUEUE: usize = 4096;
const BATCH: usize = 256;
const PERIOD: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_secs(2);
/// With the pauses between them these take half a minute.
const ATTEMPTS: u32 = 16;

/// The end of the queue that the writer holds.
pub struct Logs {
    sender: Sender<(Event, Vec<u8>)>,
}

/// The other end, until it is known who counts.
pub struct Unsent<E> {
    exporter: E,
    scope: InstrumentationScope,
    receiver: Receiver<(Event, Vec<u8>)>,
}

/// The two ends.
pub fn open<E: LogExporter>(exporter: E, scope: InstrumentationScope) -> (Logs, Unsent<E>) {
    let (sender, receiver) = channel(QUEUE);
    (Logs { sender }, Unsent { exporter, scope, receiver })
}

impl Logs {
    pub(super) fn send(&self, event: &Event, line: &[u8], counts: &Counts) {
        let line = line.strip_suffix(b"\n").unwrap_or(line).to_vec();
        if self.sender.try_send((event.clone(), line)).is_err() {
            counts.dropped_otlp.fetch_add(1, Relaxed);
        }
    }
}

impl<E: LogExporter> Unsent<E> {
    /// Sends what comes until it is stopped, and then what is left.
    pub(super) async fn run(&mut self, counts: &Counts, stop: &CancellationToken) {
        let provider = SdkLoggerProvider::builder().build();
        let logger = provider.logger_with_scope(self.scope.clone());
        let mut away = Trouble::default();
        loop {
            let last = stop.is_cancelled();
            let batch: Vec<SdkLogRecord> = std::iter::from_fn(|| self.receiver.try_recv().ok())
                .take(BATCH)
                .map(|(event, line)| record(&logger, &event, &line))
                .collect();
            let full = batch.len() == BATCH;
            if !batch.is_empty() {
                let sent = self.send(&batch, stop, &mut away).await;
                let counter = if sent { &counts.sent_otlp } else { &counts.dropped_otlp };
                counter.fetch_add(batch.len() as u64, Relaxed);
            }
            if last && !full {
                return;
            }
            if !full {
                let _ = tokio::time::timeout(PERIOD, stop.cancelled()).await;
            }
        }
    }

    /// Tries until the collector has it. After the stop there is no second try.
    async fn send(&self, batch: &[SdkLogRecord], stop: &CancellationToken, away: &mut Trouble) -> bool {
        let all: Vec<_> = batch.iter().map(|record| (record, &self.scope)).collect();
        for _ in 0..ATTEMPTS {
            match self.exporter.export(LogBatch::new(&all)).await {
                Ok(()) => {
                    if let Some(out) = away.over() {
                        tracing::info!(%out, "the collector takes the lines of the audit log again");
                    }
                    return true;
                }
                Err(fault) => {
                    if let Some(repeats) = away.met(&fault.to_string()) {
                        tracing::warn!(%fault, repeats, "the collector does not take the lines of the audit log");
                    }
                }
            }
            if stop.is_cancelled() {
                return false;
            }
            let _ = tokio::time::timeout(PAUSE, stop.cancelled()).await;
        }
        false
    }
}

/// The line is the body, so that the chain can be verified there too; its members are attributes.
fn record(logger: &SdkLogger, event: &Event, line: &[u8]) -> SdkLogRecord {
    let mut out = logger.create_log_record();
    out.set_event_name(event.name);
    out.set_timestamp(instant(event.at));
    out.set_observed_timestamp(instant(event.at));
    let (severity, text) = if event.is_warning() { (Severity::Warn, "WARN") } else { (Severity::Info, "INFO") };
    out.set_severity_number(severity);
    out.set_severity_text(text);
    // A line is ASCII.
    out.set_body(AnyValue::from(String::from_utf8_lossy(line).into_owned()));
    out.add_attribute("curfew.audit.event", event.name);
    for (name, value) in &event.fields {
        out.add_attribute(format!("curfew.audit.{name}"), attribute(value));
    }
    let trace = event.fields.get("trace_id").and_then(Value::as_str).and_then(|id| TraceId::from_hex(id).ok());
    if let Some(trace) = trace {
        out.set_trace_context(trace, SpanId::INVALID, None);
    }
    out
}

fn attribute(value: &Value) -> AnyValue {
    match value {
        Value::String(text) => text.clone().into(),
        Value::Bool(yes) => AnyValue::Boolean(*yes),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => AnyValue::Int(number),
            (None, number) => AnyValue::Double(number.unwrap_or_default()),
        },
        other => other.to_string().into(),
    }
}
