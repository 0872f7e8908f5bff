//! Introspection: whoever is to be asked can be asked, and what a policy says of it can come about.

use super::tell::Faults;
use crate::control::config::{Fault, Spans, join};
use crate::control::sessions::SharedState;
use crate::control::settings::Config;
use crate::decide::checks::freshness::{ColdStart, OnStale};
use crate::decide::checks::introspection::IntrospectionRule;
use crate::decide::session::OnFull;
use crate::proxy::policies;
use crate::proxy::settings::{PolicySettings, RevocationPolicy};

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    for (name, policy) in &config.policies {
        askable(config, &join("policies", name), policy, &mut faults);
        contrary(config, &join("policies", name), &policy.revocation, &mut faults);
        cold(&join("policies", name), &policy.revocation, &mut faults);
    }
    cold("defaults", &config.defaults.revocation, &mut faults);
    full(config, &mut faults);
    idle(config, &mut faults);
    faults.list()
}

/// What a policy goes by, what `defaults` says included.
fn resolved(policy: &RevocationPolicy, defaults: &RevocationPolicy) -> RevocationPolicy {
    RevocationPolicy {
        on_stale: policy.on_stale.or(defaults.on_stale),
        cold_start: policy.cold_start.or(defaults.cold_start),
        introspection: policy.introspection.or(defaults.introspection),
        status: policy.status.or(defaults.status),
    }
}

/// The setting by which a policy asks issuers, if it does.
fn asking(resolved: &RevocationPolicy) -> Option<&'static str> {
    if resolved.introspection.is_some_and(|rule| rule != IntrospectionRule::Never) {
        return Some("introspection");
    }
    if resolved.on_stale == Some(OnStale::Introspect) {
        return Some("on_stale");
    }
    (resolved.cold_start == Some(ColdStart::Introspect)).then_some("cold_start")
}

/// A token of an issuer that cannot be asked would be answered 503.
fn askable(config: &Config, path: &str, policy: &PolicySettings, faults: &mut Faults<'_>) {
    let Some(field) = asking(&resolved(&policy.revocation, &config.defaults.revocation)) else { return };
    let trusted = |name: &String| policy.issuers.is_empty() || policy.issuers.contains(name);
    for (name, _) in config.issuers.iter().filter(|(name, one)| trusted(name) && one.introspection.is_none()) {
        let message =
            format!("issuer `{name}`, which is trusted here, cannot be asked: its tokens would be answered 503");
        let help = format!("give issuer `{name}` an `introspection` block, or name the `issuers` of this policy");
        faults.error(&format!("{path}.revocation.{field}"), message, &help);
    }
}

/// What is refused without a question is not asked about.
fn contrary(config: &Config, path: &str, own: &RevocationPolicy, faults: &mut Faults<'_>) {
    let resolved = resolved(own, &config.defaults.revocation);
    let denied =
        resolved.on_stale == Some(OnStale::Deny) && resolved.cold_start.is_none_or(|cold| cold == ColdStart::Deny);
    if resolved.introspection == Some(IntrospectionRule::WhenStale) && denied {
        let message = "nobody is ever asked: while knowledge is stale, `on_stale: deny` refuses before that";
        let help = "say `on_stale: introspect`, here or in `defaults`";
        faults.warn(&format!("{path}.revocation.introspection"), message, help);
    }
}

fn cold(path: &str, own: &RevocationPolicy, faults: &mut Faults<'_>) {
    if own.cold_start == Some(ColdStart::Accept) {
        let message = "after a start, and as long as a revocation source cannot be had, a revoked token passes";
        faults.warn(&format!("{path}.revocation.cold_start"), message, "use `introspect` or `deny`");
    }
}

/// The policies whose sessions are admitted on their issuer's word where there is no room for them.
fn vouched(config: &Config) -> Vec<(&String, &PolicySettings)> {
    let asks = config.sessions.at_bound() == OnFull::Introspect;
    let limits = |(name, settings): &(&String, &PolicySettings)| {
        policies::build(name, settings, &config.defaults, config.sessions.at_bound()).asks_of_sessions()
    };
    config.policies.iter().filter(|_| asks).filter(limits).collect()
}

/// A session of an issuer that cannot be asked is answered 503, as if it were not said.
fn full(config: &Config, faults: &mut Faults<'_>) {
    if config.sessions.on_full != OnFull::Introspect {
        return;
    }
    let path = "sessions.on_full";
    if config.sessions.state == SharedState::Redis {
        let message = "what other instances know of a session has to be remembered: no issuer can tell it";
        return faults.error(path, message, "say `deny`, and make `sessions.max` larger");
    }
    let policies = vouched(config);
    if policies.is_empty() {
        faults.warn(
            path,
            "no policy has a limit of sessions",
            "remove it, or say `session: { idle: 15m, absolute: 8h }`",
        );
    }
    for (policy, settings) in policies {
        let trusted = |name: &String| settings.issuers.is_empty() || settings.issuers.contains(name);
        for (name, _) in config.issuers.iter().filter(|(name, one)| trusted(name) && one.introspection.is_none()) {
            let message = format!(
                "issuer `{name}`, which policy `{policy}` trusts, cannot be asked: its sessions without room are answered 503"
            );
            faults.warn(path, message, format!("give issuer `{name}` an `introspection` block"));
        }
    }
}

/// An issuer that could be asked, and by no policy is.
fn idle(config: &Config, faults: &mut Faults<'_>) {
    let when_full = vouched(config);
    let asks = |policy: &PolicySettings| {
        asking(&resolved(&policy.revocation, &config.defaults.revocation)).is_some()
            || when_full.iter().any(|(_, one)| std::ptr::eq(*one, policy))
    };
    for (name, _) in config.issuers.iter().filter(|(_, one)| one.introspection.is_some()) {
        let trusts = |policy: &PolicySettings| policy.issuers.is_empty() || policy.issuers.contains(name);
        if !config.policies.values().any(|policy| asks(policy) && trusts(policy)) {
            let help = "say `revocation: { introspection: when_stale }` in a policy, or remove the block";
            faults.warn(&format!("{}.introspection", join("issuers", name)), "no policy asks this issuer", help);
        }
    }
}
