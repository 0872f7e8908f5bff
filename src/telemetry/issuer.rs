//! What is counted of one issuer in all its routes, and the limits that make the ages of what is known of it readable.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::exchange::Exchange;
use super::histogram::{AGE, Histogram, OVERDUE, SKEW};
use super::names::{Metric, metric};
use super::scrape::{Gauges, histogram};
use crate::decide::claims::Claims;
use crate::decide::reason::Reason;

/// Only a token this young tells something about the issuer's clock, in milliseconds.
const FRESH: i64 = 60_000;

/// One issuer, in all its routes.
#[derive(Debug)]
pub struct IssuerMeter {
    /// Its name in the config.
    pub name: Box<str>,
    /// `now - iat` of fresh tokens.
    skew: Histogram,
    /// `now - iat` of all tokens.
    age: Histogram,
    /// `now - exp` of expired tokens.
    overdue: Histogram,
}

impl IssuerMeter {
    pub(super) fn new(name: &str) -> Self {
        let [skew, age, overdue] = [SKEW, AGE, OVERDUE].map(Histogram::new);
        Self { name: name.into(), skew, age, overdue }
    }

    /// Counts the times of a verified token: atomics only.
    pub(super) fn count(&self, claims: &Claims, exchange: &Exchange<'_>) {
        let now = exchange.moment.wall;
        if let Some(age) = claims.issued.map(|issued| now.since(issued)) {
            self.age.observe_millis(age.max(0));
            if age.abs() <= FRESH {
                self.skew.observe_millis(age);
            }
        }
        if let (Some(Reason::TokenExpired), Some(expires)) = (exchange.reason, claims.expires) {
            self.overdue.observe_millis(now.since(expires).max(0));
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
    each(metric::TOKEN_OVERDUE, |issuer| &issuer.overdue)
}

impl Gauges {
    /// How old the issuer's key set may be.
    pub fn jwks_limit(&mut self, issuer: &str, age: Duration) {
        self.put(metric::JWKS_LIMIT, &[("issuer", issuer)], age.as_secs_f64());
    }

    /// How old what a revocation source said may be.
    pub fn revocation_limit(&mut self, source: &str, age: Duration) {
        self.put(metric::REVOCATION_LIMIT, &[("source", source)], age.as_secs_f64());
    }
}
