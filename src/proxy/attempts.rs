//! The attempts to deliver a request, kept until its end: where each went, and what failed. How they are made is
//! `upstream`'s.

use super::plan::Route;
use crate::decide::reason::Reason;
use crate::telemetry::{Attempt, Delivery, TraceContext};
use crate::upstream::{Failure, FailureKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One attempt to deliver, kept.
pub struct Tried {
    /// The id of its span.
    pub span_id: u64,
    /// Where it went; empty where there was no endpoint to be had.
    pub endpoint: Arc<str>,
    /// When it began, after the request came.
    pub after: Duration,
    /// How long it took to the head of the answer.
    pub took: Duration,
    /// The status of its answer.
    pub status: Option<u16>,
    /// What failed.
    pub failure: Option<FailureKind>,
    /// Why, in the words of whoever noticed; only the client of a gateway that exposes everything is told.
    pub why: Option<Box<str>>,
}

/// When the delivery began, on two clocks.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// After the request came.
    pub after: Duration,
    /// As timers count.
    pub at: Instant,
}

impl Tried {
    /// An attempt that failed. Each has a span of its own, but for the last: what it sent names its span.
    fn failed(failure: &Failure, span_id: u64, origin: Origin) -> Self {
        Self {
            span_id,
            endpoint: failure.endpoint.clone().unwrap_or_default(),
            after: origin.after + failure.began.saturating_duration_since(origin.at),
            took: failure.ended.saturating_duration_since(failure.began),
            status: None,
            failure: Some(failure.kind),
            why: Some(failure.source.to_string().into()),
        }
    }

    /// Attempts that failed before the one that counts.
    pub(super) fn earlier(failures: &[Failure], origin: Origin) -> Vec<Self> {
        failures.iter().map(|failure| Self::failed(failure, TraceContext::child(), origin)).collect()
    }

    /// The last one of a delivery that failed.
    pub(super) fn last(failure: &Failure, span_id: u64, origin: Origin) -> Self {
        Self::failed(failure, span_id, origin)
    }

    /// Its answer began, and did not end well.
    pub(super) fn broken(&mut self, cut: Reason) {
        let failure = match cut {
            Reason::UpstreamProtocolError => FailureKind::Incomplete,
            Reason::UpstreamTimeout => FailureKind::FirstByteTimeout,
            _ => return,
        };
        self.failure = self.failure.or(Some(failure));
    }

    /// What the upstream's failure is called, where it is the reason (RFC 9209 §2.3).
    pub(super) fn blamed(&self, reason: Reason) -> Option<&'static str> {
        let upstream =
            matches!(reason, Reason::UpstreamUnreachable | Reason::UpstreamTimeout | Reason::UpstreamProtocolError);
        // What the client broke off is not told as a fault of the upstream.
        let failure = self.failure.filter(|failure| upstream && *failure != FailureKind::Request)?;
        Some(failure.proxy_error())
    }

    /// Who failed, and at what.
    pub(super) fn told(&self, failure: &str) -> String {
        let who = if self.endpoint.is_empty() { "no endpoint" } else { &*self.endpoint };
        match &self.why {
            Some(why) => format!("{who}: {failure}: {why}"),
            None => format!("{who}: {failure}"),
        }
    }

    fn as_attempt(&self) -> Attempt<'_> {
        Attempt {
            span_id: self.span_id,
            endpoint: &self.endpoint,
            after: self.after,
            took: self.took,
            status: self.status,
            failure: self.failure.map(FailureKind::proxy_error),
        }
    }
}

/// Tells a delivery: its attempts in order, the last of which counts.
pub(super) fn with_delivery<T>(
    route: Option<&Route>,
    earlier: &[Tried],
    last: Option<&Tried>,
    total: Duration,
    tell: impl FnOnce(Option<Delivery<'_>>) -> T,
) -> T {
    let Some((route, last)) = route.zip(last) else { return tell(None) };
    let began = earlier.first().unwrap_or(last).after;
    let delivery = |attempts| Delivery { upstream: &route.upstream_meter, took: total.saturating_sub(began), attempts };
    if earlier.is_empty() {
        // As a rule there is one, which needs no memory.
        return tell(Some(delivery(std::slice::from_ref(&last.as_attempt()))));
    }
    let attempts: Vec<Attempt<'_>> = earlier.iter().chain([last]).map(Tried::as_attempt).collect();
    tell(Some(delivery(&attempts)))
}
