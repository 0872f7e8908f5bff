//! Decisions as they are counted: by route, issuer, tenant and reason. What was never needed takes no room.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::exchange::Exchange;
use super::issuer::IssuerMeter;
use super::tenants::{NONE, OTHER, Tenants};
use crate::decide::claims::Claims;
use crate::decide::reason::Reason;

/// How often something happened, and the trace of the last time.
#[derive(Debug, Default)]
pub struct Refusals {
    count: AtomicU64,
    last: Mutex<Option<Seen>>,
}

/// A trace that shows what is counted.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The trace.
    pub trace_id: u128,
    /// When, in milliseconds since the epoch.
    pub at: i64,
}

impl Seen {
    pub(super) const fn of(exchange: &Exchange<'_>) -> Self {
        Self { trace_id: exchange.trace.trace_id, at: exchange.moment.wall.millis() }
    }
}

impl Refusals {
    fn add(&self, seen: Seen) {
        self.count.fetch_add(1, Relaxed);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }

    /// How often, and the last trace.
    #[must_use]
    pub fn read(&self) -> (u64, Option<Seen>) {
        let count = self.count.load(Relaxed);
        (count, *self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The decisions about one tenant, on one route, about tokens of one issuer.
#[derive(Debug, Default)]
pub struct Tally {
    admitted: AtomicU64,
    /// By reason; made at the first refusal, because most routes of a large config never have one.
    refused: OnceLock<Box<[Refusals]>>,
}

impl Tally {
    fn count(&self, exchange: &Exchange<'_>) {
        let Some(reason) = exchange.reason else {
            self.admitted.fetch_add(1, Relaxed);
            return;
        };
        let seen = Seen::of(exchange);
        let refused = self.refused.get_or_init(|| Reason::ALL.iter().map(|_| Refusals::default()).collect());
        // The table of reasons lists them in the order of their numbers.
        if let Some(refusals) = refused.get(reason as usize) {
            refusals.add(seen);
        }
    }

    /// How many were admitted.
    #[must_use]
    pub fn admitted(&self) -> u64 {
        self.admitted.load(Relaxed)
    }

    /// How many were refused, by reason.
    pub fn refused(&self) -> impl Iterator<Item = (Reason, &Refusals)> {
        Reason::ALL.iter().copied().zip(self.refused.get().into_iter().flatten())
    }
}

/// The decisions on one route about tokens of one issuer, or of none.
#[derive(Debug)]
pub struct Decisions {
    /// The issuer; `None` where the token names none that is trusted.
    pub issuer: Option<Arc<IssuerMeter>>,
    tenants: Option<Arc<Tenants>>,
    /// Those about no tenant.
    nobody: Tally,
    /// The others, by their place; made with the first of them.
    somebody: OnceLock<Box<[OnceLock<Box<Tally>>]>>,
}

impl Decisions {
    pub(super) fn new(issuer: Option<Arc<IssuerMeter>>, tenants: Option<Arc<Tenants>>) -> Self {
        Self { issuer, tenants, nobody: Tally::default(), somebody: OnceLock::new() }
    }

    pub(super) fn is_of(&self, issuer: Option<&str>) -> bool {
        self.issuer.as_ref().map(|meter| &*meter.name) == issuer
    }

    /// Counts one: atomics only, and for a refusal one lock that nobody else holds for long.
    pub(super) fn count(&self, exchange: &Exchange<'_>) {
        let claims = exchange.token.and_then(|token| token.claims.as_ref().ok());
        self.tally(claims, exchange.sight.and_then(|sight| sight.note)).count(exchange);
        if let (Some(issuer), Some(claims)) = (&self.issuer, claims) {
            issuer.count(claims, exchange);
        }
    }

    fn tally(&self, claims: Option<&Claims>, note: Option<&AtomicU32>) -> &Tally {
        let Some((tenants, claims)) = self.tenants.as_ref().zip(claims) else { return &self.nobody };
        match tenants.noted(claims, note) {
            NONE => &self.nobody,
            place => self.at(place, tenants).unwrap_or(&self.nobody),
        }
    }

    /// Of a tenant that is not counted here yet, and cannot be any more, it is the tally of all others.
    fn at(&self, place: usize, tenants: &Tenants) -> Option<&Tally> {
        let all = self.somebody.get_or_init(|| (0..tenants.places()).map(|_| OnceLock::new()).collect());
        let own = all.get(place)?;
        if own.get().is_none() && place != OTHER && !tenants.take_pair() {
            return all.get(OTHER).map(|other| &**other.get_or_init(Box::default));
        }
        Some(own.get_or_init(Box::default))
    }

    /// All tallies, with the places of their tenants.
    pub fn tallies(&self) -> impl Iterator<Item = (usize, &Tally)> {
        let all = self.somebody.get().into_iter().flat_map(|all| all.iter().enumerate());
        let somebody = all.filter_map(|(place, tally)| Some((place, &**tally.get()?)));
        [(NONE, &self.nobody)].into_iter().chain(somebody)
    }
}
