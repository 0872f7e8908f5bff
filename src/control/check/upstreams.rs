//! Upstreams: each has an endpoint, and is probed and balanced by names that can be.

use std::collections::HashSet;

use super::tell::{Faults, is_cookie_name};
use crate::control::config::{Fault, Spans, join};
use crate::control::settings::Config;
use crate::settings::OrOff;
use crate::upstream::{Balance, Settings};

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    for (name, upstream) in &config.upstreams {
        let path = join("upstreams", name);
        endpoints(&path, upstream, &mut faults);
        balance(&path, upstream, &mut faults);
        health(&path, upstream, &mut faults);
    }
    faults.list()
}

fn endpoints(path: &str, upstream: &Settings, faults: &mut Faults<'_>) {
    if upstream.endpoints.is_empty() {
        let help = "name one, such as `http://127.0.0.1:9000`";
        faults.error(&format!("{path}.endpoints"), "an upstream without endpoint takes no request", help);
    }
    let mut seen = HashSet::new();
    for (at, endpoint) in upstream.endpoints.iter().enumerate() {
        if !seen.insert(endpoint) {
            let message = format!("`{}` stands here twice", String::from(endpoint.clone()));
            faults.error(&format!("{path}.endpoints[{at}]"), message, "remove one of them");
        }
    }
}

fn balance(path: &str, upstream: &Settings, faults: &mut Faults<'_>) {
    match &upstream.balance {
        Balance::StickyCookie { cookie } if !is_cookie_name(cookie) => {
            let help = "use letters, digits, `-` and `_` (RFC 6265 §4.1.1)";
            faults.error(&format!("{path}.balance.cookie"), format!("`{cookie}` is no name of a cookie"), help);
        }
        Balance::StickyHeader { header } if http::HeaderName::try_from(header.as_str()).is_err() => {
            let help = "use letters, digits and `-` (RFC 9110 §5.1)";
            faults.error(&format!("{path}.balance.header"), format!("`{header}` is no header field name"), help);
        }
        _ => {}
    }
}

fn health(path: &str, upstream: &Settings, faults: &mut Faults<'_>) {
    let OrOff::On(health) = &upstream.health else { return };
    let path = format!("{path}.health");
    if !health.path.starts_with('/') || health.path.parse::<http::uri::PathAndQuery>().is_err() {
        faults.error(&format!("{path}.path"), format!("`{}` is no path", health.path), "write one such as `/healthz`");
    }
    if health.interval.is_zero() {
        faults.error(&format!("{path}.interval"), "probes would never pause", "write for example `10s`");
    }
    if health.timeout.is_zero() {
        faults.error(&format!("{path}.timeout"), "no answer is that quick", "write for example `2s`");
    }
}
