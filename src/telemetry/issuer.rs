//! What is counted of one issuer in all its routes, and the limits that make the ages of what is known of it readable.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::exchange::{Exchange, Sight};
use super::histogram::{AGE, Histogram, OVERDUE, RENEWAL, SESSION, SKEW};
use super::names::{Metric, metric};
use super::renewals::{Renewals, Turn, Visit};
use super::scrape::{Gauges, counter, histogram};
use crate::decide::claims::Claims;
use crate::decide::reason::Reason;
use crate::decide::time::{Timestamp, millis};
use crate::settings::Span;

/// Only a token this young tells something about the issuer's clock, in milliseconds.
const FRESH: i64 = 60_000;
/// `iat` may be cut to the second, and clocks that differ by less are well, in milliseconds.
const ROUNDING: i64 = 1_000;
/// How long after it was told that the issuer's clock is ahead it is told again, in milliseconds.
const AGAIN: i64 = 60 * 60 * 1_000;

/// By what sessions end here, as the label says.
const ENDS: [&str; 3] = ["idle", "absolute", "revoked"];

/// One issuer, in all its routes.
#[derive(Debug)]
pub struct IssuerMeter {
    /// Its name in the config.
    pub name: Box<str>,
    /// `now - iat` of fresh tokens, once for each.
    skew: Histogram,
    /// `now - iat` of all tokens.
    age: Histogram,
    /// `now - exp` of expired tokens.
    overdue: Histogram,
    renewals: Renewals,
    renewed_ahead: AtomicU64,
    renewals_failed: AtomicU64,
    /// From the refusal to the newer token; its number is that of late renewals.
    renewed_late: Histogram,
    /// From the sign-in to the refusal that told the end, by its cause.
    lasted: [Histogram; ENDS.len()],
    /// When it was last told that its clock is ahead, by the steady clock.
    told_ahead: AtomicI64,
}

impl IssuerMeter {
    pub(super) fn new(name: &str) -> Self {
        let [skew, age, overdue, renewed_late] = [SKEW, AGE, OVERDUE, RENEWAL].map(Histogram::new);
        Self {
            name: name.into(),
            skew,
            age,
            overdue,
            renewals: Renewals::default(),
            renewed_ahead: AtomicU64::new(0),
            renewals_failed: AtomicU64::new(0),
            renewed_late,
            lasted: [SESSION; ENDS.len()].map(Histogram::new),
            told_ahead: AtomicI64::new(i64::MIN),
        }
    }

    /// Counts the times of a verified token: atomics only, but where something is new of its session.
    pub(super) fn count(&self, claims: &Claims, exchange: &Exchange<'_>) {
        let (now, sight) = (exchange.moment.wall, exchange.sight.unwrap_or_default());
        if let Some(age) = claims.issued.map(|issued| now.since(issued)) {
            self.age.observe_millis(age.max(0));
            if sight.first {
                self.see_clock(age, &sight, exchange);
            }
        }
        if let (Some(Reason::TokenExpired), Some(expires)) = (exchange.reason, claims.expires) {
            self.overdue.observe_millis(now.since(expires).max(0));
        }
        if sight.first_admitted || exchange.reason.is_some() {
            self.follow(claims, exchange, &sight);
        }
    }

    /// Only the first request with a token says something of its issuer's clock: later ones say how old it is.
    fn see_clock(&self, age: i64, sight: &Sight<'_>, exchange: &Exchange<'_>) {
        if age.abs() <= FRESH {
            self.skew.observe_millis(age);
        }
        let (ahead, leeway) = (age.saturating_neg(), millis(sight.leeway));
        if ahead > (leeway / 2).max(ROUNDING) && self.tells_ahead(millis(exchange.moment.steady)) {
            let (issuer, ahead) = (&*self.name, Span::from(Duration::from_millis(ahead.unsigned_abs())));
            let leeway = Span::from(sight.leeway);
            tracing::warn!(
                issuer, %ahead, %leeway,
                "tokens come from the future: the issuer's clock is ahead of this gateway's by more than half its leeway, beyond which they are refused"
            );
        }
    }

    /// Whether it is to be told now that the clock is ahead: by one of many, and then not for a while.
    fn tells_ahead(&self, now: i64) -> bool {
        let due = |told: i64| (now.saturating_sub(told) >= AGAIN).then_some(now);
        self.told_ahead.fetch_update(Relaxed, Relaxed, due).is_ok()
    }

    /// Whether a session goes on with a newer token, waits for one, or has ended.
    fn follow(&self, claims: &Claims, exchange: &Exchange<'_>, sight: &Sight<'_>) {
        let (Some(session), Some(issued)) = (sight.session, claims.issued) else { return };
        let visit = Visit { session, issued, at: exchange.moment.steady };
        let turn = match exchange.reason {
            None => self.renewals.admitted(visit),
            Some(Reason::TokenExpired | Reason::TokenTooOld) => self.renewals.refused(visit),
            Some(reason) => return self.end(visit, reason, claims.auth_time, exchange.moment.wall),
        };
        match turn {
            Turn::None => {}
            Turn::RenewedAhead => _ = self.renewed_ahead.fetch_add(1, Relaxed),
            Turn::RenewedLate(waited) => _ = self.renewed_late.observe(waited),
            Turn::Failed => _ = self.renewals_failed.fetch_add(1, Relaxed),
        }
    }

    fn end(&self, visit: Visit, reason: Reason, signed_in: Option<Timestamp>, now: Timestamp) {
        let [idle, absolute, revoked] = &self.lasted;
        let lasted = match reason {
            Reason::SessionIdleTimeout => idle,
            Reason::SessionAbsoluteTimeout => absolute,
            reason if reason.is_revocation() => revoked,
            _ => return,
        };
        if let Some(at) = signed_in
            && self.renewals.ended(visit, signed_in)
        {
            lasted.observe_millis(now.since(at).max(0));
        }
    }
}

/// Writes what was counted of all issuers.
pub(super) fn write(issuers: &BTreeMap<Box<str>, Arc<IssuerMeter>>, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut each = |about: &Metric, of: fn(&IssuerMeter) -> &Histogram| {
        let mut family = out.encode_descriptor(about.name, about.help, None, MetricType::Histogram)?;
        for (name, issuer) in issuers {
            histogram(family.encode_family(&[("issuer", &**name)])?, of(issuer))?;
        }
        Ok(())
    };
    each(metric::CLOCK_SKEW, |issuer| &issuer.skew)?;
    each(metric::TOKEN_AGE, |issuer| &issuer.age)?;
    each(metric::TOKEN_OVERDUE, |issuer| &issuer.overdue)?;
    each(metric::RENEWAL_DURATION, |issuer| &issuer.renewed_late)?;
    let about = metric::SESSION_DURATION;
    let mut family = out.encode_descriptor(about.name, about.help, None, MetricType::Histogram)?;
    for (name, issuer) in issuers {
        for (cause, lasted) in ENDS.iter().zip(&issuer.lasted) {
            histogram(family.encode_family(&[("issuer", &**name), ("cause", cause)])?, lasted)?;
        }
    }
    let about = metric::RENEWALS;
    let mut family = out.encode_descriptor(about.name, about.help, None, MetricType::Counter)?;
    for (name, issuer) in issuers {
        let (ahead, failed) = (issuer.renewed_ahead.load(Relaxed), issuer.renewals_failed.load(Relaxed));
        for (outcome, count) in [("ahead", ahead), ("late", issuer.renewed_late.read().count), ("failed", failed)] {
            counter(family.encode_family(&[("issuer", &**name), ("outcome", outcome)])?, count)?;
        }
    }
    Ok(())
}

impl Gauges {
    /// How old the issuer's key set may be.
    pub fn jwks_limit(&mut self, issuer: &str, age: Duration) {
        self.put(metric::JWKS_LIMIT, &[("issuer", issuer)], age.as_secs_f64());
    }

    /// By how much the clocks of the gateway and of the issuer may differ.
    pub fn issuer_leeway(&mut self, issuer: &str, leeway: Duration) {
        self.put(metric::ISSUER_LEEWAY, &[("issuer", issuer)], leeway.as_secs_f64());
    }

    /// How old what a revocation source said may be.
    pub fn revocation_limit(&mut self, source: &str, age: Duration) {
        self.put(metric::REVOCATION_LIMIT, &[("source", source)], age.as_secs_f64());
    }
}
