//! Issuers: a token of each can be told from everybody else's, and its keys come over a way that can be trusted.
//! What one issuer's settings say against each other its own room knows; here it is given its place.

use std::collections::HashMap;

use super::tell::{Faults, and};
use crate::control::config::{Fault, Spans, join};
use crate::control::settings::Config;
use crate::idp::settings::{Audiences, IssuerSettings, KeySource};
use crate::proxy::settings::PolicySettings;

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    for (name, issuer) in &config.issuers {
        let path = join("issuers", name);
        for misfit in issuer.misfits() {
            faults.misfit(&format!("{path}.{}", misfit.field), &misfit.told, advice(misfit.field));
        }
        audiences(config, name, &path, issuer, &mut faults);
        unwise(&path, issuer, &mut faults);
    }
    once(config, &mut faults);
    faults.list()
}

/// What to do where the room says only what is wrong.
pub(super) fn advice(field: &str) -> &'static str {
    match field {
        "issuer" | "keys" | "url" => "write an `https` URL of a public host, or the setting that allows this one",
        "interval" => "write `1s`",
        "leeway" => "write at most `5m`; `60s` covers clocks that are kept, and others need mending",
        "algorithms" => {
            "make it two issuers, or remove those that do not belong: a public key must never verify an HMAC (RFC 8725 §3.1)"
        }
        "revocable_claims" => "keep those that some feed names: each costs a look-up with every request",
        "under" => "write it with a `/` at its end and without a query",
        "accept" => "leave out values that the draft reserves (Token Status List, §7.1)",
        "introspection" => "write `endpoint: https://…` in it",
        "introspection.endpoint" => {
            "write an `https` URL of a public host, or the issuer's setting that allows this one"
        }
        "max_staleness" => "`30s` is usual: several times as long as it may take from one answer to the next; or `off`",
        "refresh" => "write `1s` or more; `10m` is usual",
        _ => "see `config/curfew.yaml` for what is usual",
    }
}

/// Every policy that trusts an issuer without audiences has to name its own.
fn audiences(config: &Config, name: &String, path: &str, issuer: &IssuerSettings, faults: &mut Faults<'_>) {
    let path = format!("{path}.audiences");
    let silent = |policy: &PolicySettings| {
        policy.audiences.is_none() && (policy.issuers.is_empty() || policy.issuers.contains(name))
    };
    match &issuer.audiences {
        Audiences::Any(_) => {
            let help =
                "name who its tokens are meant for: with `any`, one stolen from another service of this issuer passes";
            faults.warn(&path, "tokens that are meant for anybody are accepted (RFC 9068 §4)", help);
        }
        Audiences::Of(names) if names.iter().any(String::is_empty) => {
            faults.error(&path, "an audience cannot be empty", "write it as the issuer does in `aud`");
        }
        Audiences::Of(names) if names.is_empty() => {
            let policies: Vec<&str> =
                config.policies.iter().filter(|(_, policy)| silent(policy)).map(|(name, _)| name.as_str()).collect();
            if !policies.is_empty() {
                let message = format!(
                    "no audience is named, neither here nor in {}: every token would be refused",
                    and(&policies)
                );
                let help = "write `audiences: [https://api.example.com]`; `any` is spelled if every audience is meant";
                faults.error(&path, message, help);
            }
        }
        Audiences::Of(_) => {}
    }
}

fn unwise(path: &str, issuer: &IssuerSettings, faults: &mut Faults<'_>) {
    if matches!(issuer.keys, KeySource::Secret(_)) {
        let help = "prefer public keys: whoever can verify with a shared secret can also sign";
        faults.warn(&format!("{path}.keys.secret"), "tokens are signed with a shared secret", help);
    }
    if issuer.max_stale < issuer.refresh {
        let help = "make it several times `refresh`, so that one missed fetch refuses nobody";
        faults.warn(
            &format!("{path}.max_stale"),
            format!("keys are too old before the next fetch, after {}", issuer.refresh),
            help,
        );
    }
}

fn once(config: &Config, faults: &mut Faults<'_>) {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (name, issuer) in &config.issuers {
        if let Some(first) = seen.insert(&issuer.issuer, name) {
            let message = format!("`{name}` and `{first}` have the same `issuer`: a token could be either's");
            faults.error(&format!("{}.issuer", join("issuers", name)), message, "keep one of them");
        }
    }
}
