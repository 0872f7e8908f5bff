//! Files: whether those that the config names are there, and hold what they should. That one is missing is only a
//! warning, for the check may run on another machine; one that is there and of no use is a fault.

use std::path::Path;

use super::tell::Faults;
use crate::control::config::{Fault, Spans, join};
use crate::control::settings::Config;
use crate::idp::jwks::MAX_JWKS;
use crate::idp::settings::{IssuerSettings, KeySource};
use crate::idp::source::SourceSettings;
use crate::proxy::certificates::Certificates;
use crate::proxy::client_certificates::Trust;
use crate::proxy::listen::{Security, Tls};
use crate::settings::{Secret, read_bounded, read_certificates};
use crate::state::clock::{Clock as _, SystemClock};
use crate::state::keys::KeySet;
use crate::telemetry::HeaderText;

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    certificates(config, &mut faults);
    issuers(config, &mut faults);
    redis(config, &mut faults);
    upstreams(config, &mut faults);
    secrets(config, &mut faults);
    faults.list()
}

/// Says whether it is there.
fn look(path: &str, what: &str, file: &Path, faults: &mut Faults<'_>) -> bool {
    let found = file.is_file();
    if !found {
        let message = format!("the {what} `{}` is not there", file.display());
        let help = "make it before the gateway starts; a relative path begins in the working directory";
        faults.warn(path, message, help);
    }
    found
}

/// A file of root certificates.
fn roots(path: &str, file: &Path, faults: &mut Faults<'_>) {
    if !look(path, "file of root certificates", file, faults) {
        return;
    }
    let why = match read_certificates(file) {
        Ok(roots) if roots.is_empty() => "it has no certificate".to_owned(),
        Ok(_) => return,
        Err(why) => why.to_string(),
    };
    let message = format!("`{}` holds no root certificates: {why}", file.display());
    faults.error(path, message, "write certificates as PEM: `-----BEGIN CERTIFICATE-----`");
}

fn key_set(path: &str, file: &Path, issuer: &IssuerSettings, faults: &mut Faults<'_>) {
    if !look(path, "key set", file, faults) {
        return;
    }
    let read = read_bounded(file, MAX_JWKS as u64)
        .map_err(|error| error.to_string())
        .and_then(|body| KeySet::parse(&body, issuer.allowed(), &KeySet::default()).map_err(|fault| fault.to_string()));
    match read {
        Ok(set) if set.keys().is_empty() => {
            let message = format!("`{}` has no key that could verify a token of this issuer", file.display());
            faults.error(path, message, "look at `algorithms`, and at `use` and `alg` of the keys");
        }
        Ok(_) => {}
        Err(why) => {
            let message = format!("`{}` is no key set: {why}", file.display());
            faults.error(path, message, "write a JWK set as the issuer publishes it: `{\"keys\": [...]}`");
        }
    }
}

fn certificates(config: &Config, faults: &mut Faults<'_>) {
    for (at, listener) in config.listeners.iter().enumerate() {
        if let Security::Tls(tls) = &listener.security {
            tls_files(&format!("listeners[{at}].tls"), tls, faults);
        }
    }
    if let Some(tls) = config.admin.as_ref().on().and_then(|admin| admin.tls.as_ref()) {
        tls_files("admin.tls", tls, faults);
    }
}

fn tls_files(path: &str, tls: &Tls, faults: &mut Faults<'_>) {
    let now = SystemClock::start().now().wall;
    for (nth, files) in tls.certificates.iter().enumerate() {
        let path = format!("{path}.certificates[{nth}]");
        let cert = look(&format!("{path}.cert"), "certificate", &files.cert, faults);
        let key = look(&format!("{path}.key"), "key", &files.key, faults);
        if !(cert && key) {
            continue;
        }
        match Certificates::open(std::slice::from_ref(files), tls.unknown_sni) {
            Ok(open) => {
                for told in open.table().all().iter().filter_map(|one| one.ending(now)) {
                    faults.warn(&format!("{path}.cert"), told, "renew it: the new files are taken up by themselves");
                }
            }
            Err(error) => {
                let help = "`cert` holds the chain as PEM, leaf first, and `key` the private key of that leaf";
                faults.error(&path, error.to_string(), help);
            }
        }
    }
    let clients = tls.client_certificates.as_ref().on().map(|clients| &clients.trust);
    for (nth, file) in clients.into_iter().flat_map(Trust::files).enumerate() {
        let path = format!("{path}.client_certificates.trust.ca[{nth}]");
        roots(&path, file, faults);
    }
}

fn issuers(config: &Config, faults: &mut Faults<'_>) {
    for (name, issuer) in &config.issuers {
        let path = join("issuers", name);
        if let KeySource::File(file) = &issuer.keys {
            key_set(&format!("{path}.keys.file"), file, issuer, faults);
        }
        if let Some(file) = &issuer.ca {
            roots(&format!("{path}.ca"), file, faults);
        }
    }
    for (name, source) in &config.revocation.sources {
        let path = join("revocation.sources", name);
        match source {
            SourceSettings::File(list) => {
                look(&format!("{path}.path"), "list", &list.path, faults);
            }
            SourceSettings::Poll(feed) => {
                if let Some(file) = &feed.ca {
                    roots(&format!("{path}.ca"), file, faults);
                }
                if let Some(auth) = &feed.auth {
                    secret_file(&format!("{path}.auth.value"), &auth.value, faults);
                }
            }
            SourceSettings::Ssf(signals) => {
                if let Some(file) = &signals.ca {
                    roots(&format!("{path}.ca"), file, faults);
                }
                if let Some(auth) = &signals.auth {
                    secret_file(&format!("{path}.auth.value"), &auth.value, faults);
                }
                if let Some(agreed) = signals.authorization() {
                    secret_file(&format!("{path}.delivery.push.authorization"), agreed, faults);
                }
            }
            // Those that are only told read nothing.
            _ => {}
        }
    }
}

/// What is read to reach a Redis.
fn redis(config: &Config, faults: &mut Faults<'_>) {
    let fleet = config.revocation.fleet.as_ref().map(|fleet| ("revocation.fleet", &fleet.redis));
    for (place, redis) in fleet.into_iter().chain(config.sessions.store().map(|redis| ("sessions", redis))) {
        for (field, file) in [("ca", &redis.ca), ("cert", &redis.cert), ("key", &redis.key)] {
            if let Some(file) = file {
                look(&format!("{place}.redis.{field}"), "file", file, faults);
            }
        }
        let secrets = [("password", &redis.password), ("sentinel_password", &redis.sentinel_password)];
        for (field, secret) in secrets {
            if let Some(secret) = secret {
                secret_file(&format!("{place}.redis.{field}"), secret, faults);
            }
        }
    }
}

fn upstreams(config: &Config, faults: &mut Faults<'_>) {
    for (name, upstream) in &config.upstreams {
        if let Some(file) = &upstream.tls.ca {
            roots(&format!("{}.tls.ca", join("upstreams", name)), file, faults);
        }
    }
    if let Some(file) = config.telemetry.otlp.as_ref().and_then(|otlp| otlp.ca.as_ref()) {
        roots("telemetry.otlp.ca", file, faults);
    }
}

/// Where secrets are; they are not read here.
fn secrets(config: &Config, faults: &mut Faults<'_>) {
    if let Some(secret) = &config.telemetry.hash_key {
        secret_file("telemetry.hash_key", secret, faults);
    }
    if let Some(secret) = config.admin.as_ref().on().and_then(|admin| admin.token.as_ref()) {
        secret_file("admin.token", secret, faults);
    }
    for (nth, secret) in config.gateway.nonce_keys.iter().enumerate() {
        secret_file(&format!("gateway.nonce_keys[{nth}]"), secret, faults);
    }
    let headers = config.telemetry.otlp.iter().flat_map(|otlp| &otlp.headers);
    for (name, text) in headers {
        if let HeaderText::Secret(secret) = text {
            secret_file(&join("telemetry.otlp.headers", name), secret, faults);
        }
    }
    for (name, issuer) in &config.issuers {
        if let Some(asked) = &issuer.introspection {
            let path = format!("{}.introspection.auth", join("issuers", name));
            if let Some((field, secret)) = asked.auth.secret() {
                secret_file(&format!("{path}.{field}"), secret, faults);
            }
            let all = asked.auth.files();
            let there =
                all.iter().filter(|(field, file)| look(&format!("{path}.{field}"), "file", file, faults)).count();
            if let Some(why) = asked.auth.fault().filter(|_| there == all.len()) {
                let help = "with these the gateway cannot say who it is, and does not start";
                faults.warn(&path, format!("the credentials cannot be used: {why}"), help);
            }
        }
        if let KeySource::Secret(secret) = &issuer.keys {
            let path = format!("{}.keys.secret", join("issuers", name));
            secret_file(&path, secret, faults);
        }
    }
}

fn secret_file(path: &str, secret: &Secret, faults: &mut Faults<'_>) {
    match secret {
        Secret::File(file) => {
            look(&format!("{path}.file"), "secret file", file, faults);
        }
        Secret::Env(name) if std::env::var_os(name).is_none() => {
            let message = format!("the environment variable `{name}` is not there");
            faults.warn(&format!("{path}.env"), message, "set it before the gateway starts");
        }
        Secret::Env(_) => {}
    }
}
