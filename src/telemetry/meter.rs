//! What is counted, and by whom: the counters that other rooms hold on to, each made once and found again by its name
//! after a reload, so that no series starts anew.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::access::Lost;
use super::decisions::Decisions;
use super::durations::Durations;
use super::histogram::{Histogram, JUDGE};
use super::issuer::IssuerMeter;
use super::route::{RouteMeter, UpstreamMeter};
use super::scrape::Gauges;
use super::shadow::ShadowMeter;
use super::tenants::Tenants;
use crate::decide::reason::Reason;

/// Something that tells its gauges when it is asked.
pub(super) type OnScrape = Box<dyn Fn(&mut Gauges) + Send + Sync>;
/// A route, and an issuer or none.
pub(super) type Pair = (Box<str>, Option<Box<str>>);

/// A route, and a policy that is tried there.
pub(super) type OnRoute = (Box<str>, Box<str>);

/// All counters.
pub(super) struct Meter {
    pub tenants: Option<Arc<Tenants>>,
    pub decisions: Mutex<BTreeMap<Pair, Arc<Decisions>>>,
    pub durations: Mutex<BTreeMap<Box<str>, Arc<Durations>>>,
    pub issuers: Mutex<BTreeMap<Box<str>, Arc<IssuerMeter>>>,
    pub upstreams: Mutex<BTreeMap<Box<str>, Arc<UpstreamMeter>>>,
    /// By route and policy.
    pub shadows: Mutex<BTreeMap<OnRoute, Arc<ShadowMeter>>>,
    pub on_scrape: Mutex<Vec<OnScrape>>,
    pub revision: Mutex<Box<str>>,
    pub judge: Arc<Histogram>,
    pub in_flight: Arc<AtomicI64>,
    /// What was cut short after it had begun, by reason.
    pub terminated: Box<[AtomicU64]>,
    pub reloads: AtomicU64,
    pub reloads_failed: AtomicU64,
    /// Did the last reload fail?
    pub reload_failed: AtomicBool,
    pub spans: Arc<SpanCounts>,
    pub lines: Option<Lost>,
}

/// What became of spans.
#[derive(Debug, Default)]
pub(super) struct SpanCounts {
    pub exported: AtomicU64,
    pub dropped: AtomicU64,
}

/// A lock that a panic elsewhere does not spoil: what is inside is whole after every step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn found<K: Ord, V>(map: &Mutex<BTreeMap<K, Arc<V>>>, key: K, make: impl FnOnce() -> V) -> Arc<V> {
    lock(map).entry(key).or_insert_with(|| Arc::new(make())).clone()
}

impl Meter {
    pub fn new(lines: Option<Lost>, tenants: Option<Tenants>) -> Self {
        Self {
            tenants: tenants.map(Arc::new),
            decisions: Mutex::default(),
            durations: Mutex::default(),
            issuers: Mutex::default(),
            upstreams: Mutex::default(),
            shadows: Mutex::default(),
            on_scrape: Mutex::default(),
            revision: Mutex::default(),
            judge: Arc::new(Histogram::new(JUDGE)),
            in_flight: Arc::default(),
            terminated: Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            reloads: AtomicU64::new(0),
            reloads_failed: AtomicU64::new(0),
            reload_failed: AtomicBool::new(false),
            spans: Arc::default(),
            lines,
        }
    }

    pub fn route(&self, name: &str, template: &str, policy: &str, issuers: &[&str]) -> RouteMeter {
        let of = |issuer: Option<&str>| {
            let meter = issuer.map(|issuer| found(&self.issuers, issuer.into(), || IssuerMeter::new(issuer)));
            found(&self.decisions, (name.into(), issuer.map(Into::into)), || {
                Decisions::new(meter, self.tenants.clone())
            })
        };
        RouteMeter {
            name: name.into(),
            template: template.into(),
            policy: policy.into(),
            decisions: [None].into_iter().chain(issuers.iter().copied().map(Some)).map(of).collect(),
            durations: found(&self.durations, name.into(), Durations::default),
            judge: self.judge.clone(),
        }
    }

    /// Counts an answer that was cut short.
    pub fn terminate(&self, reason: Reason) {
        // The table of reasons lists them in the order of their numbers.
        if let Some(count) = self.terminated.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub fn shadow(&self, route: &str, policy: &str) -> Arc<ShadowMeter> {
        found(&self.shadows, (route.into(), policy.into()), || ShadowMeter::new(policy))
    }

    pub fn upstream(&self, name: &str) -> Arc<UpstreamMeter> {
        found(&self.upstreams, name.into(), || UpstreamMeter::new(name))
    }
}

/// A request that is being worked on, until it is dropped.
#[derive(Debug)]
pub struct InFlight(Arc<AtomicI64>);

impl InFlight {
    pub(super) fn enter(count: &Arc<AtomicI64>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
