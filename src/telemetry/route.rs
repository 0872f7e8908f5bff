//! The counters of one route and of one upstream, resolved when a plan is built, so that a request only adds to atomics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::Method;

use super::decisions::{Decisions, Seen};
use super::durations::Durations;
use super::exchange::{Delivery, Exchange};
use super::histogram::{HTTP, Histogram};
use super::meter::lock;

/// The methods that have a name in metrics; any other is `_OTHER` (OT-03).
pub const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "_OTHER"];

/// The word for a method: its own if it is known, else `_OTHER`.
#[must_use]
pub fn method_name(method: &Method) -> &'static str {
    let place = method_place(method);
    METHODS.get(place).copied().unwrap_or("_OTHER")
}

/// Its place among the names.
pub(super) fn method_place(method: &Method) -> usize {
    METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(METHODS.len() - 1)
}

/// One route of one plan, with the counters that outlive the plan.
#[derive(Clone, Debug)]
pub struct RouteMeter {
    /// The route's name.
    pub name: Arc<str>,
    /// Its path as the config writes it: what spans are called by.
    pub template: Arc<str>,
    /// The name of its policy; empty if it is open.
    pub policy: Arc<str>,
    pub(super) decisions: Arc<[Arc<Decisions>]>,
    pub(super) durations: Arc<Durations>,
    pub(super) judge: Arc<Histogram>,
}

impl RouteMeter {
    /// Counts one request: atomics only, and for a refusal one lock that nobody else holds for long.
    /// `exported` says whether its span goes to a collector.
    pub(super) fn count(&self, exchange: &Exchange<'_>, exported: bool) {
        // An issuer that the route does not know of is counted as none: a label is never made on the line.
        let of = |issuer| self.decisions.iter().find(|decisions| decisions.is_of(issuer));
        if let Some(decisions) = of(exchange.issuer.or(exchange.keys_of)).or_else(|| of(None)) {
            decisions.count(exchange);
        }
        if let Some(judge) = exchange.judge {
            self.judge.observe(judge);
        }
        // An example is of use only where its trace is exported.
        let seen = exported.then(|| Seen::of(exchange));
        self.durations.observe(exchange.request.method, exchange.status, exchange.total, seen);
    }
}

/// Everything counted on one upstream.
#[derive(Debug)]
pub struct UpstreamMeter {
    /// The upstream's name.
    pub name: Box<str>,
    /// From the request to the end of the answer.
    pub duration: Histogram,
    /// By endpoint and what failed; written only when something did.
    failures: Mutex<BTreeMap<(Box<str>, &'static str), u64>>,
}

impl UpstreamMeter {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), duration: Histogram::new(HTTP), failures: Mutex::default() }
    }

    pub(super) fn count(&self, delivery: &Delivery<'_>) {
        self.duration.observe(delivery.took);
        for attempt in delivery.attempts {
            if let Some(failure) = attempt.failure {
                let mut failures = lock(&self.failures);
                let count = failures.entry((attempt.endpoint.into(), failure)).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    /// How many attempts failed, by endpoint and what failed.
    #[must_use]
    pub fn failures(&self) -> Vec<(Box<str>, &'static str, u64)> {
        let failures = lock(&self.failures);
        failures.iter().map(|((endpoint, failure), count)| (endpoint.clone(), *failure, *count)).collect()
    }
}
