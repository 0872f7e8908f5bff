//! A decision record: one request and all that led to what became of it, as it is kept in a line of JSON and told. There
//! is no place in it for a token, a cookie or an id that is not hashed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::beside::{Attended, Shadowed};
use super::parts::{Asking, Bearer, Delivered, Entered, field, told};
use crate::decide::reason::Reason;
use crate::decide::time::Timestamp;
use crate::telemetry::record::Record;
use crate::telemetry::trail::{Trail, Word};

/// One request, and why it was decided as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// Its number: later records have larger ones.
    pub seq: u64,
    /// The instant it was judged at.
    pub at: String,
    /// The same in milliseconds since 1970.
    pub at_ms: i64,
    /// Its trace.
    pub trace_id: String,
    /// The gateway's span in it.
    pub span_id: String,
    /// The trace that the caller said it is in, where callers are not believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_trace_id: Option<String>,
    /// `X-Request-Id`, as the client sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// `allow`, `deny` or `error`.
    pub decision: Word,
    /// The code of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Word>,
    /// The status of the answer.
    pub status: u16,
    /// What was asked for.
    pub request: Asking,
    /// The route's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The route's path, as it is written in the config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The policy's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The revision of the config.
    pub revision: String,
    /// The issuer's name in the config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// By how much the gateway's clock is ahead of the issuer's, in milliseconds, as the issuer's last answer told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_ms: Option<i64>,
    /// The token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Bearer>,
    /// What was known of its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Attended>,
    /// What the route's shadow policy would have refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadowed>,
    /// What was known of revocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<Entered>,
    /// The delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivered>,
    /// How long it took to the end of the answer, in microseconds.
    pub total_us: u64,
    /// How long gathering and judging took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge_us: Option<u64>,
    /// Every question with its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trail: Option<Trail>,
    /// What the caller can do about it. From the table, never kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Word>,
    /// What the operator can do about it. From the table, never kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cure: Option<Word>,
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl DecisionRecord {
    /// What is kept of it, under this number.
    pub(in crate::telemetry) fn of(record: &Record, seq: u64) -> Self {
        let route = record.route.as_ref();
        Self {
            seq,
            at: record.at.to_string(),
            at_ms: record.at.millis(),
            trace_id: record.trace.trace_hex().as_str().to_owned(),
            span_id: format!("{:016x}", record.trace.span_id),
            caller_trace_id: record.trace.link.map(|link| format!("{:032x}", link.trace_id)),
            request_id: record.request.id.as_deref().map(field),
            decision: record.decision().name().into(),
            reason: record.reason.map(|reason| reason.code().into()),
            status: record.status,
            request: Asking::from(&record.request),
            route: route.map(|route| route.name.to_string()).filter(|name| !name.is_empty()),
            template: route.map(|route| route.template.to_string()).filter(|path| !path.is_empty()),
            policy: route.map(|route| route.policy.to_string()).filter(|name| !name.is_empty()),
            revision: record.revision.to_string(),
            issuer: record.issuer.as_deref().map(told),
            skew_ms: record.skew_ms,
            token: Bearer::of(record),
            session: Attended::of(record.session, record.at),
            shadow: record.shadow.as_deref().and_then(Shadowed::of),
            revocation: Entered::of(record),
            delivery: Delivered::of(record),
            total_us: micros(record.total),
            judge_us: record.judge.map(micros),
            trail: record.verdict.as_deref().map(Trail::brief),
            advice: None,
            cure: None,
        }
    }

    /// With the words that tables know.
    #[must_use]
    pub fn completed(mut self) -> Self {
        let reason = self.reason.as_deref().and_then(Reason::from_code);
        self.advice = reason.map(|reason| reason.advice().into());
        self.cure = reason.map(|reason| reason.cure().into());
        self.trail = self.trail.map(Trail::completed);
        if let Some(shadow) = &mut self.shadow {
            shadow.trail = std::mem::take(&mut shadow.trail).completed();
        }
        self
    }

    /// The instant it was judged at.
    #[must_use]
    pub const fn instant(&self) -> Timestamp {
        Timestamp::from_millis(self.at_ms)
    }

    /// Is this its trace id, its caller's, or its request id?
    #[must_use]
    pub fn is_called(&self, id: &str) -> bool {
        self.trace_id.eq_ignore_ascii_case(id)
            || self.caller_trace_id.as_deref().is_some_and(|trace| trace.eq_ignore_ascii_case(id))
            || self.request_id.as_deref().is_some_and(|own| own == id || own == field(id.as_bytes()))
    }
}
