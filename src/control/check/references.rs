//! References: every name that is used is there, every name that is there is used, and none is there twice.

use std::collections::{HashMap, HashSet};

use super::tell::{Faults, is_name};
use crate::control::config::{Fault, Spans, join};
use crate::control::settings::Config;
use crate::proxy::settings::{Access, RouteSettings};

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    unused(config, &mut faults);
    let mut list = known(config, spans);
    list.extend(faults.list());
    list
}

/// What is no name, or no name of anything, is so whatever else is wrong.
pub(super) fn known(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    of_routes(config, &mut faults);
    of_policies(config, &mut faults);
    names(config, &mut faults);
    faults.list()
}

fn of_routes(config: &Config, faults: &mut Faults<'_>) {
    for (at, route) in config.routes.iter().enumerate() {
        if !config.upstreams.contains_key(&route.upstream) {
            let path = format!("routes[{at}].upstream");
            faults.unknown(&path, "upstream", &route.upstream, config.upstreams.keys(), "upstreams");
        }
        shadow(config, at, route, faults);
        policy(config, &format!("routes[{at}].policy"), route.policy.as_ref(), faults);
    }
    policy(config, "defaults.policy", config.defaults.policy.as_ref(), faults);
}

fn policy(config: &Config, path: &str, name: Option<&String>, faults: &mut Faults<'_>) {
    if let Some(name) = name.filter(|name| !config.policies.contains_key(*name)) {
        faults.unknown(path, "policy", name, config.policies.keys(), "policies");
    }
}

/// What is judged beside a policy is another one.
fn shadow(config: &Config, at: usize, route: &RouteSettings, faults: &mut Faults<'_>) {
    let Some(name) = &route.shadow else { return };
    let path = format!("routes[{at}].shadow");
    policy(config, &path, Some(name), faults);
    if route.access == Access::Open {
        let help = "remove it, or guard the route by a policy that is easy to keep";
        faults.error(&path, "on an open route no token is looked at, so there is nothing to judge", help);
    } else if route.policy.as_ref().or(config.defaults.policy.as_ref()) == Some(name) {
        faults.warn(&path, "this policy is in force here already", "name the policy that is to be tried");
    }
}

fn of_policies(config: &Config, faults: &mut Faults<'_>) {
    for (name, policy) in &config.policies {
        for (at, issuer) in policy.issuers.iter().enumerate().filter(|(_, name)| !config.issuers.contains_key(*name)) {
            let path = format!("{}.issuers[{at}]", join("policies", name));
            faults.unknown(&path, "issuer", issuer, config.issuers.keys(), "issuers");
        }
    }
}

fn names(config: &Config, faults: &mut Faults<'_>) {
    let routes = config.routes.iter().map(|route| route.name.as_str());
    once("route", "routes", routes, faults);
    let listeners = config.listeners.iter().map(|listener| listener.name.as_str());
    once("listener", "listeners", listeners, faults);
    let maps = [
        ("issuers", config.issuers.keys().collect::<Vec<_>>()),
        ("upstreams", config.upstreams.keys().collect()),
        ("policies", config.policies.keys().collect()),
        ("revocation.sources", config.revocation.sources.keys().collect()),
    ];
    for (block, keys) in maps {
        for name in keys.into_iter().filter(|name| !is_name(name)) {
            odd(&join(block, name), name, faults);
        }
    }
}

fn once<'n>(what: &str, block: &str, names: impl Iterator<Item = &'n str>, faults: &mut Faults<'_>) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (at, name) in names.enumerate() {
        let path = format!("{block}[{at}].name");
        if !faults.is_sound(&path) {
            continue;
        }
        if !is_name(name) {
            odd(&path, name, faults);
        }
        if let Some(first) = seen.get(name) {
            let message = format!("there are two {what}s `{name}`, this one and `{block}[{first}]`");
            faults.error(&path, message, "give this one a name of its own: traces and metrics tell them apart by it");
        }
        seen.entry(name).or_insert(at);
    }
}

fn odd(path: &str, name: &str, faults: &mut Faults<'_>) {
    let help = "use 1 to 64 ASCII letters, digits, `-`, `_` and `.`: it becomes a label of metrics";
    faults.error(path, format!("`{name}` cannot be a name"), help);
}

/// Nothing is told of what a misspelt name would have used.
fn unused(config: &Config, faults: &mut Faults<'_>) {
    let upstreams: HashSet<&String> = config.routes.iter().map(|route| &route.upstream).collect();
    if upstreams.iter().all(|name| config.upstreams.contains_key(*name)) {
        spare(
            "upstreams",
            config.upstreams.keys(),
            |name| upstreams.contains(name),
            "no route leads to the upstream",
            faults,
        );
    }
    let guarded = config.routes.iter().filter(|route| route.access == Access::Guarded);
    let policies: HashSet<&String> = guarded
        .flat_map(|route| [route.policy.as_ref().or(config.defaults.policy.as_ref()), route.shadow.as_ref()])
        .flatten()
        .collect();
    if policies.is_empty() || policies.iter().any(|name| !config.policies.contains_key(*name)) {
        return;
    }
    spare("policies", config.policies.keys(), |name| policies.contains(name), "no route asks the policy", faults);
    let used: Vec<_> =
        config.policies.iter().filter(|(name, _)| policies.contains(name)).map(|(_, policy)| policy).collect();
    if used.iter().flat_map(|policy| &policy.issuers).all(|name| config.issuers.contains_key(name)) {
        let trusted =
            |name: &String| used.iter().any(|policy| policy.issuers.is_empty() || policy.issuers.contains(name));
        spare("issuers", config.issuers.keys(), trusted, "no policy in use trusts the issuer", faults);
    }
}

fn spare<'n>(
    block: &str,
    names: impl Iterator<Item = &'n String>,
    used: impl Fn(&String) -> bool,
    message: &str,
    faults: &mut Faults<'_>,
) {
    for name in names.filter(|name| !used(name)) {
        faults.warn(&join(block, name), format!("{message} `{name}`"), "remove it, or use it");
    }
}
