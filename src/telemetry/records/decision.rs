//! A decision record: one request and all that led to what became of it, as it is told. There
//! is no place in it for a token, a cookie or an id that is not hashed.

use serde::{Deserialize, Serialize};

use super::beside::{Attended, Shadowed};
use super::escape::escaped;
use super::judged::Judged;
use super::kept::Kept;
use super::line;
use super::parts::{Asking, Bearer, Delivered, Entered, field, shown};
use crate::decide::reason::Reason;
use crate::decide::time::Timestamp;
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
    /// The tenant, as metrics tell it; where `telemetry.tenants` says which claim names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
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

impl DecisionRecord {
    /// As it is told.
    pub(super) fn of(kept: &Kept<'_>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let at = Timestamp::from_millis(kept.at);
        Self {
            seq: kept.seq,
            at: at.to_string(),
            at_ms: kept.at,
            trace_id: format!("{:032x}", kept.trace),
            span_id: format!("{:016x}", kept.span),
            caller_trace_id: Some(kept.caller).filter(|id| *id != 0).map(|id| format!("{id:032x}")),
            request_id: kept.request_id.as_deref().map(escaped),
            decision: kept.decision.to_owned().into(),
            reason: kept.reason.map(|reason| reason.to_owned().into()),
            status: kept.status,
            request: Asking::of(kept),
            route: owned(kept.route),
            template: owned(kept.template),
            policy: owned(kept.policy),
            revision: kept.revision.to_owned(),
            issuer: kept.issuer.as_deref().map(shown),
            tenant: kept.later.tenant().map(shown),
            skew_ms: kept.skew,
            token: kept.bearer.as_ref().map(Bearer::of),
            session: kept.session.as_ref().map(|session| Attended::of(session, at)),
            shadow: kept.shadow.as_ref().and_then(Shadowed::of),
            revocation: Entered::of(kept),
            delivery: kept.delivery.as_ref().map(Delivered::of),
            total_us: kept.total,
            judge_us: kept.judge,
            trail: kept.trail.as_ref().map(Judged::trail),
            advice: None,
            cure: None,
        }
        .completed()
    }

    /// With the words that tables know.
    fn completed(mut self) -> Self {
        let reason = self.reason.as_deref().and_then(Reason::from_code);
        self.advice = reason.map(|reason| reason.advice().into());
        self.cure = reason.map(|reason| reason.cure().into());
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
        let trace = line::trace(id).map(|id| format!("{id:032x}"));
        trace.is_some_and(|trace| self.trace_id == trace || self.caller_trace_id.as_ref() == Some(&trace))
            || self.request_id.as_deref().is_some_and(|own| own == id || own == field(id.as_bytes()))
    }
}
