//! Certificates: those that are served, and those by which others are known. Each ends some day.

use super::finding::Finding;
use super::pem::{self, Term};
use crate::control::settings::Config;
use crate::decide::time::Timestamp;
use crate::proxy::certificates::Certificates;
use crate::proxy::client_certificates::Trust;
use crate::proxy::listen::{Security, Tls};
use std::path::Path;
use std::time::Duration;

/// From when on an end is near: time for a renewal that fails at first.
pub(super) const NEAR: Duration = Duration::from_secs(30 * 86_400);

const PAGE: &str = "doctor.md#certificates";

pub(super) fn look(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    for listener in &config.listeners {
        if let Security::Tls(tls) = &listener.security {
            found.extend(served(&format!("listeners.{}", listener.name), tls, now));
        }
    }
    if let Some(tls) = config.admin.as_ref().on().and_then(|admin| admin.tls.as_ref()) {
        found.extend(served("admin", tls, now));
    }
    let trusted = config.issuers.iter().map(|(name, one)| (format!("issuers.{name}.ca"), one.ca.as_deref()));
    let trusted = trusted
        .chain(config.upstreams.iter().map(|(name, one)| (format!("upstreams.{name}.tls.ca"), one.tls.ca.as_deref())));
    let fleet = config.revocation.fleet.as_ref().map(|fleet| ("revocation.fleet.redis", &fleet.redis));
    let sessions = config.sessions.store().map(|redis| ("sessions.redis", redis));
    let of_redis = fleet.into_iter().chain(sessions).flat_map(|(place, redis)| {
        [("ca", redis.ca.as_deref()), ("cert", redis.cert.as_deref())]
            .map(|(field, path)| (format!("{place}.{field}"), path))
    });
    let collector = config.telemetry.otlp.as_ref().map(|otlp| ("telemetry.otlp.ca".to_owned(), otlp.ca.as_deref()));
    for (what, path) in trusted.chain(of_redis).chain(collector) {
        found.extend(path.map(|path| roots(&what, path, now)));
    }
    found
}

/// What a listener shows, and whom it lets in.
fn served(what: &str, tls: &Tls, now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    for pair in &tls.certificates {
        // A key that is not the certificate's is told by whoever would serve them.
        let fit = Certificates::open(std::slice::from_ref(pair), tls.unknown_sni);
        found.push(match (fit, pem::read(&pair.cert)) {
            (Err(error), _) => Finding::wrong(what, error.to_string())
                .then("the gateway does not start with it; one that runs keeps what it has")
                .cure("put the certificate with its key there, readable by the gateway", PAGE),
            (_, Err(why)) => Finding::wrong(what, why).cure("put the certificate there", PAGE),
            (Ok(_), Ok(terms)) => chain(what, &terms, now),
        });
    }
    if let Some(clients) = tls.client_certificates.as_ref().on()
        && let Trust::Ca(files) = &clients.trust
    {
        found.extend(files.iter().map(|path| roots(&format!("{what}.client_certificates"), path, now)));
    }
    found
}

/// A chain ends with the first of its certificates that ends.
fn chain(what: &str, terms: &[Term], now: Timestamp) -> Finding {
    let Some(first) = terms.iter().min_by_key(|term| term.to) else {
        return Finding::wrong(what, "there is no certificate");
    };
    let then = "clients refuse the connection: nobody reaches any route here";
    judged(what, "the certificate", first, terms.iter().map(|term| term.from).max(), now, then)
}

/// Of roots that end one may be enough; when all have ended, none is.
fn roots(what: &str, path: &Path, now: Timestamp) -> Finding {
    let then = "nobody whom it vouches for is believed any more";
    match pem::read(path) {
        Err(why) => Finding::wrong(what, why).then(then).cure("put the file there, readable by the gateway", PAGE),
        Ok(terms) => match terms.iter().max_by_key(|term| term.to) {
            Some(last) => judged(what, "the certificate", last, None, now, then),
            None => Finding::wrong(what, "there is no certificate"),
        },
    }
}

/// One certificate against the clock.
pub(super) fn judged(
    what: &str,
    whose: &str,
    term: &Term,
    from: Option<Timestamp>,
    now: Timestamp,
    then: &str,
) -> Finding {
    let named = format!("{whose} of {}", term.subject);
    let cure = "renew it, and put it where the old one is: files are watched";
    if let Some(from) = from.filter(|from| *from > now) {
        return Finding::wrong(what, format!("{named} is not valid before {from}"))
            .at(from)
            .then(then)
            .cure(cure, PAGE);
    }
    let left = term.to.since(now);
    if left <= 0 {
        return Finding::wrong(what, format!("{named} has expired")).at(term.to).then(then).cure(cure, PAGE);
    }
    let says = format!("{named} is good until {}", term.to);
    if left < i64::try_from(NEAR.as_millis()).unwrap_or(i64::MAX) {
        return Finding::soon(what, says).at(term.to).then(then).cure(cure, PAGE);
    }
    Finding::fine(what, says).at(term.to)
}
