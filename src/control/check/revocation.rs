//! Revocation: every source feeds an issuer that is there, and comes over a way that can be trusted.

use super::issuers::advice;
use super::tell::Faults;
use crate::control::config::{Fault, Spans, join};
use crate::control::doors::paths;
use crate::control::settings::Config;
use crate::decide::checks::freshness::OnStale;
use crate::decide::checks::status::StatusRule;
use crate::idp::source::SourceSettings;
use crate::proxy::policies::LIFETIME;
use crate::proxy::sessions::SessionPolicy;
use crate::proxy::settings::TokenPolicy;
use crate::settings::{OrOff, Span};
use std::collections::BTreeMap;

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    for (name, source) in &config.revocation.sources {
        let path = join("revocation.sources", name);
        let issuer = source.kind().issuer();
        if !config.issuers.contains_key(issuer) {
            faults.unknown(&format!("{path}.issuer"), "issuer", issuer, config.issuers.keys(), "issuers");
        }
        for misfit in source.kind().misfits() {
            faults.misfit(&format!("{path}.{}", misfit.field), &misfit.told, advice(misfit.field));
        }
    }
    doors(config, &mut faults);
    fleet(config, &mut faults);
    lasting(config, &mut faults);
    brief(config, &mut faults);
    stale(config, &mut faults);
    unasked(config, &mut faults);
    signals(config, &mut faults);
    faults.list()
}

/// A path of ours belongs to one source, and no route gets what is sent there.
fn doors(config: &Config, faults: &mut Faults<'_>) {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for (path, source, _) in paths(config) {
        let place = join("revocation.sources", source);
        if let Some(route) = config.routes.iter().find(|route| route.path == path) {
            let message =
                format!("`{path}` is the path of route `{}` too, which is not asked there any more", route.name);
            faults.warn(&place, message, "give the source another `door: { path: … }`");
        }
        match taken.get(&path) {
            Some(other) => {
                let message = format!("`{path}` is the path of the source `{other}` already");
                faults.error(&place, message, "give one of them another `door: { path: … }`");
            }
            None => drop(taken.insert(path, source)),
        }
    }
}

/// Instances name tokens alike only if they have the same key.
fn fleet(config: &Config, faults: &mut Faults<'_>) {
    let Some(fleet) = &config.revocation.fleet else { return };
    for misfit in fleet.misfits() {
        faults.misfit(&format!("revocation.fleet.{}", misfit.field), &misfit.told, advice(misfit.field));
    }
    if config.telemetry.hash_key.is_none() {
        let message =
            "without `telemetry.hash_key` each instance has names of its own, which say nothing to the others";
        let help = "give all instances the same: `telemetry: { hash_key: { file: /run/secrets/hash-key } }`";
        faults.error("revocation.fleet", message, help);
    }
    for (nth, name) in fleet.issuers.iter().flatten().enumerate() {
        if !config.issuers.contains_key(name) {
            let place = format!("revocation.fleet.issuers[{nth}]");
            faults.unknown(&place, "issuer", name, config.issuers.keys(), "issuers");
        }
    }
    if config.revocation.sources.contains_key("fleet") {
        let help = "give the source another name";
        faults.error("revocation.sources.fleet", "`fleet` is the name of the channel between instances", help);
    }
    if fleet.redis.is_exposed() {
        let message = "whoever is on the way reads its password, and can hold back what is told";
        faults.warn("revocation.fleet.redis.urls", message, "write `rediss://`, if the server speaks TLS");
    }
}

/// What is only told once must outlive the process.
fn lasting(config: &Config, faults: &mut Faults<'_>) {
    if config.gateway.state_dir.is_some() {
        return;
    }
    let told = config.revocation.sources.iter().find(|(_, source)| source.kind().door().is_some());
    if let Some((name, _)) = told {
        let message = "what this source is told is forgotten when the gateway is started again";
        let help = "write `state_dir: /var/lib/curfew` under `gateway`, a directory for this process alone";
        faults.warn(&join("revocation.sources", name), message, help);
    }
}

/// An entry that leaves while a token that it hits could still pass, or be renewed. A sign-in is renewed at the provider for
/// as long as that likes: what is known of it here is how long a token, and a session, may last.
fn brief(config: &Config, faults: &mut Faults<'_>) {
    let on = |span: Option<OrOff<Span>>| span.and_then(OrOff::on);
    let lasts = |token: &TokenPolicy, session: &SessionPolicy| on(token.max_lifetime).max(on(session.absolute));
    let policies = config.policies.values().map(|policy| lasts(&policy.token, &policy.session));
    let least = [lasts(&config.defaults.token, &config.defaults.session), Some(Span::new(LIFETIME))];
    let Some(longest) = policies.chain(least).flatten().max() else { return };
    for (name, source) in &config.revocation.sources {
        if let Some(retain) = source.kind().retain().filter(|retain| *retain < longest.get()) {
            let message =
                format!("an entry leaves after {}, and what it ends could go on for {longest}", Span::from(retain));
            let help = format!("write more than `{longest}`: longer than a sign-in can be renewed at the provider");
            faults.warn(&format!("{}.retain", join("revocation.sources", name)), message, &help);
        }
    }
}

fn stale(config: &Config, faults: &mut Faults<'_>) {
    let policies = config.policies.iter().map(|(name, policy)| (join("policies", name), policy.revocation.on_stale));
    let defaults = ("defaults".to_owned(), config.defaults.revocation.on_stale);
    for (path, _) in policies.chain([defaults]).filter(|(_, said)| *said == Some(OnStale::Allow)) {
        let help = "use `deny`, or keep an eye on the age of the revocation sources";
        let message = "while revocations cannot be had, a revoked token passes";
        faults.warn(&format!("{path}.revocation.on_stale"), message, help);
    }
}

/// Lists that are fetched, and policies that do not look at them.
fn unasked(config: &Config, faults: &mut Faults<'_>) {
    let fetched = config.revocation.sources.values().any(|source| matches!(source, SourceSettings::StatusList(_)));
    let policies = config.policies.iter().map(|(name, policy)| (join("policies", name), policy.revocation.status));
    let defaults = ("defaults".to_owned(), config.defaults.revocation.status);
    let off = policies.chain([defaults]).filter(|(_, said)| fetched && *said == Some(StatusRule::Off));
    for (path, _) in off {
        let message = "status lists are fetched, and not looked at here: a token that its issuer revoked there passes";
        faults.warn(&format!("{path}.revocation.status"), message, "use `honour`");
    }
}

/// Names of subjects stand in claims that are looked at, and events are pushed to the door that there is.
fn signals(config: &Config, faults: &mut Faults<'_>) {
    for (name, source) in &config.revocation.sources {
        let SourceSettings::Ssf(signals) = source else { continue };
        let path = join("revocation.sources", name);
        let Some(issuer) = config.issuers.get(&signals.issuer) else { continue };
        let unseen = |claim: &&str| !issuer.revocable_claims.iter().any(|one| one == claim);
        for claim in signals.subjects.claims.named().filter(unseen) {
            let message = format!("events about whoever has this `{claim}` hit nothing: no token is asked for it");
            let help = format!("add `{claim}` to `revocable_claims` of issuer `{}`", signals.issuer);
            faults.warn(&format!("{path}.subjects.claims"), message, &help);
        }
        let there = paths(config).any(|(path, source, _)| source == name && Some(&*path) == signals.pushed_to());
        if signals.pushed_to().is_some() && !there {
            let message = "events are pushed to a path that is not the source's own, and would go to a route";
            faults.warn(
                &format!("{path}.delivery"),
                message,
                "let `url` end with `door.path`, unless a proxy rewrites it",
            );
        }
    }
}
