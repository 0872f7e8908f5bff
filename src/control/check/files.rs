//! Files: whether those that the config names are there. Only warnings, for the check may run on another machine.

use std::path::Path;

use super::tell::Faults;
use crate::control::config::{Fault, Spans, join};
use crate::control::settings::Config;
use crate::idp::settings::KeySource;
use crate::idp::source::SourceSettings;
use crate::proxy::client_certificates::Trust;
use crate::proxy::listen::Security;
use crate::settings::Secret;
use crate::telemetry::HeaderText;

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    certificates(config, &mut faults);
    issuers(config, &mut faults);
    fleet(config, &mut faults);
    upstreams(config, &mut faults);
    secrets(config, &mut faults);
    faults.list()
}

fn look(path: &str, what: &str, file: &Path, faults: &mut Faults<'_>) {
    if !file.is_file() {
        let message = format!("the {what} `{}` is not there", file.display());
        let help = "make it before the gateway starts; a relative path begins in the working directory";
        faults.warn(path, message, help);
    }
}

fn certificates(config: &Config, faults: &mut Faults<'_>) {
    for (at, listener) in config.listeners.iter().enumerate() {
        let Security::Tls(tls) = &listener.security else { continue };
        for (nth, files) in tls.certificates.iter().enumerate() {
            let path = format!("listeners[{at}].tls.certificates[{nth}]");
            look(&format!("{path}.cert"), "certificate", &files.cert, faults);
            look(&format!("{path}.key"), "key", &files.key, faults);
        }
        let clients = tls.client_certificates.as_ref().on().map(|clients| &clients.trust);
        for (nth, file) in clients.into_iter().flat_map(Trust::files).enumerate() {
            let path = format!("listeners[{at}].tls.client_certificates.trust.ca[{nth}]");
            look(&path, "file of root certificates", file, faults);
        }
    }
}

fn issuers(config: &Config, faults: &mut Faults<'_>) {
    for (name, issuer) in &config.issuers {
        let path = join("issuers", name);
        if let KeySource::File(file) = &issuer.keys {
            look(&format!("{path}.keys.file"), "key set", file, faults);
        }
        if let Some(file) = &issuer.ca {
            look(&format!("{path}.ca"), "file of root certificates", file, faults);
        }
    }
    for (name, source) in &config.revocation.sources {
        let path = join("revocation.sources", name);
        match source {
            SourceSettings::File(list) => look(&format!("{path}.path"), "list", &list.path, faults),
            SourceSettings::Poll(feed) => {
                if let Some(file) = &feed.ca {
                    look(&format!("{path}.ca"), "file of root certificates", file, faults);
                }
                if let Some(auth) = &feed.auth {
                    secret_file(&format!("{path}.auth.value"), &auth.value, faults);
                }
            }
            // Those that are only told read nothing.
            _ => {}
        }
    }
}

/// What the channel between instances reads.
fn fleet(config: &Config, faults: &mut Faults<'_>) {
    let Some(fleet) = &config.revocation.fleet else { return };
    let files = [("ca", &fleet.redis.ca), ("cert", &fleet.redis.cert), ("key", &fleet.redis.key)];
    for (field, file) in files {
        if let Some(file) = file {
            look(&format!("revocation.fleet.redis.{field}"), "file", file, faults);
        }
    }
    let secrets = [("password", &fleet.redis.password), ("sentinel_password", &fleet.redis.sentinel_password)];
    for (field, secret) in secrets {
        if let Some(secret) = secret {
            secret_file(&format!("revocation.fleet.redis.{field}"), secret, faults);
        }
    }
}

fn upstreams(config: &Config, faults: &mut Faults<'_>) {
    for (name, upstream) in &config.upstreams {
        if let Some(file) = &upstream.tls.ca {
            look(&format!("{}.tls.ca", join("upstreams", name)), "file of root certificates", file, faults);
        }
    }
    if let Some(file) = config.telemetry.otlp.as_ref().and_then(|otlp| otlp.ca.as_ref()) {
        look("telemetry.otlp.ca", "file of root certificates", file, faults);
    }
}

/// The files of secrets; they are not read here.
fn secrets(config: &Config, faults: &mut Faults<'_>) {
    if let Some(secret) = &config.telemetry.hash_key {
        secret_file("telemetry.hash_key", secret, faults);
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
        if let KeySource::Secret(secret) = &issuer.keys {
            let path = format!("{}.keys.secret", join("issuers", name));
            secret_file(&path, secret, faults);
        }
    }
}

fn secret_file(path: &str, secret: &Secret, faults: &mut Faults<'_>) {
    if let Secret::File(file) = secret {
        look(&format!("{path}.file"), "secret file", file, faults);
    }
}
