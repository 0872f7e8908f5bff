//! Telling callers which trace their request is in, on every response: by `traceresponse` (W3C Trace Context Level 2 §4), and
//! by `Server-Timing`, which browsers show beside a request and give to its page. Off unless the settings say otherwise, but for a
//! refused HEAD.

use super::report::Report;
use http::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// A response field that tells of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceField {
    /// `traceresponse: 00-{trace}-{span}-{flags}`, in place of one of the upstream's.
    Traceresponse,
    /// `Server-Timing: traceparent;desc="00-{trace}-{span}-{flags}"`, beside those of the upstream; on a refusal also
    /// `curfew;desc="{reason}"`, as far as `exposure` lets it be told.
    ServerTiming,
}

impl Report {
    /// Tells of the trace, in the fields of the settings.
    pub fn tell_trace(&self, headers: &mut HeaderMap) {
        for field in self.trace_fields() {
            match field {
                TraceField::Traceresponse => {
                    if let Ok(value) = HeaderValue::from_bytes(&self.place()) {
                        headers.insert(TRACERESPONSE, value);
                    }
                }
                TraceField::ServerTiming => self.time(headers),
            }
        }
    }

    /// Those of the settings. A refused HEAD gets no body that could name its trace, and so one of them in any case.
    fn trace_fields(&self) -> &[TraceField] {
        match &*self.plan.trace_fields {
            [] if self.reason.is_some() && self.seen.is_head() => &[TraceField::Traceresponse],
            fields => fields,
        }
    }

    /// The gateway's own span, and whether it goes to a collector.
    fn place(&self) -> [u8; 55] {
        let exported = self.shared.telemetry.exports(&self.trace, self.reason, self.status.as_u16());
        self.trace.traceresponse(exported)
    }

    fn time(&self, headers: &mut HeaderMap) {
        let mut out = format!("traceparent;desc=\"{}\"", String::from_utf8_lossy(&self.place()));
        if let Some(reason) = self.reason.and_then(|reason| self.plan.stationery.exposure.told(reason)) {
            out.push_str(", curfew;desc=\"");
            out.push_str(reason);
            out.push('"');
        }
        if let Ok(value) = HeaderValue::try_from(out) {
            headers.append(SERVER_TIMING, value);
        }
    }
}
