//! The gateway as a whole: its names, its limits, and those who watch it.

use std::net::SocketAddr;

use http::{HeaderName, HeaderValue};

use super::tell::{Faults, is_name, url};
use crate::control::config::{Fault, Spans, join};
use crate::control::settings::Config;
use crate::proxy::answer::Exposure;
use crate::proxy::client_certificates::Trust;
use crate::settings::{Bytes, OrOff};
use crate::telemetry::{HeaderText, ParameterName};

/// The longest token that is ever looked at.
const MAX_TOKEN: Bytes = Bytes::kib(16);

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    names(config, &mut faults);
    trust(config, &mut faults);
    limits(config, &mut faults);
    telemetry(config, &mut faults);
    admin(config, &mut faults);
    faults.list()
}

fn names(config: &Config, faults: &mut Faults<'_>) {
    let gateway = &config.gateway;
    if !is_name(&gateway.name) || gateway.name.contains('_') {
        let help = "use ASCII letters, digits, `-` and `.`: it stands in `Via` and `Proxy-Status` (RFC 9209 §2)";
        faults.error("gateway.name", format!("`{}` cannot be the gateway's name", gateway.name), help);
    }
    let plain = |b: u8| matches!(b, 0x20..=0x7e) && !matches!(b, b'"' | b'\\');
    if gateway.realm.is_empty() || gateway.realm.len() > 128 || !gateway.realm.bytes().all(plain) {
        let help = "use 1 to 128 printable ASCII characters without `\"` and `\\` (RFC 9110 §11.5)";
        faults.error("gateway.realm", "this cannot be the realm of a challenge", help);
    }
    if !url(&gateway.problem_base).is_some_and(|(scheme, _)| scheme.starts_with("http")) {
        let help = "write an absolute URL such as `https://errors.example.com/curfew/`; a reason's code is appended";
        faults.error("gateway.problem_base", "problem types need an absolute http(s) URL (RFC 9457 §3.1.1)", help);
    } else if !gateway.problem_base.ends_with(['/', '#', '=']) {
        let help = "end it with `/` or `#`: a reason's code is appended as it is";
        faults.warn(
            "gateway.problem_base",
            "the last word of this URL will grow together with the reason's code",
            help,
        );
    }
    if gateway.max_loops == 0 {
        faults.error(
            "gateway.max_loops",
            "no request may pass a gateway less than once",
            "write 1 or more; 2 is usual",
        );
    }
}

/// A gateway that only this machine can reach has no strangers for clients, and no load to speak of.
fn stays_here(config: &Config) -> bool {
    let on_loopback = |address: &str| address.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
    config.listeners.iter().all(|listener| on_loopback(&listener.address))
}

fn trust(config: &Config, faults: &mut Faults<'_>) {
    if config.gateway.exposure == Exposure::Full && !stays_here(config) {
        let help = "use `coarse` where clients are strangers: `full` tells them times and limits";
        faults.warn("gateway.exposure", "every refusal tells its client the numbers that were compared", help);
    }
    for (at, network) in config.gateway.trusted_proxies.iter().enumerate().filter(|(_, net)| net.prefix_len() == 0) {
        let help = "name the networks that your own proxies are in";
        let message = format!("`{network}` is everybody: anyone may then claim to be any client");
        faults.warn(&format!("gateway.trusted_proxies[{at}]"), message, help);
    }
}

fn limits(config: &Config, faults: &mut Faults<'_>) {
    let limits = &config.limits;
    if limits.token_bytes > MAX_TOKEN {
        let help = "write at most `16KiB`: a longer token is more work than it is worth before it is trusted";
        faults.error("limits.token_bytes", format!("tokens of {} are too long", limits.token_bytes), help);
    }
    if limits.header_field > limits.header_bytes {
        let help = "make `header_bytes` larger, or this smaller";
        faults.error("limits.header_field", "a single field may be larger than all of them together", help);
    }
    if limits.token_bytes > limits.header_field {
        let help = "make `header_field` larger, or this smaller";
        faults.warn("limits.token_bytes", "a token as long as this does not fit into one header field", help);
    }
    let zero = [
        ("connections", limits.connections == 0),
        ("requests", limits.requests == 0),
        ("header_bytes", limits.header_bytes.is_empty()),
        ("header_count", limits.header_count == 0),
        ("header_field", limits.header_field.is_empty()),
        ("uri_bytes", limits.uri_bytes.is_empty()),
        ("token_bytes", limits.token_bytes.is_empty()),
        ("streams_per_connection", limits.streams_per_connection == 0),
        ("header_read_timeout", limits.header_read_timeout.is_zero()),
        ("idle_timeout", limits.idle_timeout.is_zero()),
        ("body_idle_timeout", limits.body_idle_timeout.is_zero()),
    ];
    for (name, _) in zero.iter().filter(|(_, is_zero)| *is_zero) {
        let help = "write how much is allowed, or remove the line for the default";
        faults.error(&join("limits", name), "a limit of zero lets nothing through", help);
    }
}

fn telemetry(config: &Config, faults: &mut Faults<'_>) {
    if config.telemetry.sample.get() >= 1.0 && !stays_here(config) {
        let help = "a share such as `0.01` is enough; refusals and faults are always exported";
        faults.warn(
            "telemetry.sample",
            "the span of every admitted request is exported, which costs more than judging it",
            help,
        );
    }
    records(config, faults);
    if config.telemetry.secret_parameters.len() > ParameterName::MOST {
        let help = "write at most 64: each parameter of each query is compared with all of them";
        faults.error("telemetry.secret_parameters", "so many names cannot be looked for", help);
    }
    let Some(otlp) = &config.telemetry.otlp else { return };
    for (name, text) in &otlp.headers {
        let path = join("telemetry.otlp.headers", name);
        if HeaderName::try_from(name.as_str()).is_err() {
            faults.error(
                &path,
                format!("`{name}` is no header field name"),
                "use letters, digits and `-` (RFC 9110 §5.1)",
            );
        }
        if let HeaderText::Text(text) = text
            && HeaderValue::try_from(text.as_str()).is_err()
        {
            faults.error(&path, "a header field cannot have this value", "use printable ASCII without line breaks");
        }
    }
}

/// How many decision records there may be, at least and at most.
const RECORDS: std::ops::RangeInclusive<u32> = 16..=10_000_000;

fn records(config: &Config, faults: &mut Faults<'_>) {
    let records = &config.telemetry.records;
    if !RECORDS.contains(&records.max_records) {
        let help = "write 16 to 10000000; 100000 take some 400 MiB of disk and 10 MiB of memory";
        faults.error("telemetry.records.max_records", "so many decision records cannot be kept", help);
    }
    if records.max_age.is_zero() {
        let help = "write how long a record is kept, such as `7d`";
        faults.error("telemetry.records.max_age", "no decision record would ever be kept", help);
    }
    if records.admissions.get() > 0.1 && !stays_here(config) {
        let help = "a share such as `0.001` shows what is usual; refusals and faults are always recorded";
        faults.warn("telemetry.records.admissions", "admissions push the records of refusals out", help);
    }
    if records.directory.is_some() && config.telemetry.hash_key.is_none() && config.gateway.state_dir.is_none() {
        let help = "set `telemetry.hash_key`, or `gateway.state_dir`, where a key is kept";
        let message = "after a restart a subject has another hash, so that its older records are not found by it";
        faults.warn("telemetry.records.directory", message, help);
    }
}

fn admin(config: &Config, faults: &mut Faults<'_>) {
    let OrOff::On(admin) = &config.admin else { return };
    let clients = admin.tls.as_ref().and_then(|tls| tls.client_certificates.as_ref().on());
    let vouched = clients.is_some_and(|clients| matches!(clients.trust, Trust::Ca(_)));
    if clients.is_some_and(|clients| clients.trust == Trust::Any) {
        let help = "name the roots of the operators' certificates: `trust: { ca: [ … ] }`";
        faults.warn(
            "admin.tls.client_certificates.trust",
            "anybody's certificate is nobody's: it lets nobody in",
            help,
        );
    }
    if admin.address.ip().to_canonical().is_loopback() {
        return;
    }
    if admin.token.is_none() && !vouched {
        let help = "use `127.0.0.1`; or set `admin.token`, or `admin.tls` with client certificates; what operators do about \
                    revocations is answered on loopback only until then";
        faults.warn("admin.address", "the admin listener asks nobody for a token, and is not on loopback", help);
    }
    if admin.token.is_some() && admin.tls.is_none() {
        let help = "add `admin.tls`, or use `127.0.0.1`; behind something that ends TLS, keep the network closed";
        faults.warn("admin.token", "the token crosses the network in the clear (RFC 6750 §5.3)", help);
    }
}
