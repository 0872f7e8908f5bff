//! Conditions of rules: each can hold, and says something that no other rule has said already.

use std::collections::BTreeSet;

use super::tell::Faults;
use crate::control::settings::Config;
use crate::decide::limits::{Classes, Limits};
use crate::decide::when::{Condition, Rule, Test, When};
use crate::proxy::settings::PolicySettings;
use crate::proxy::when::{WhenClaim, WhenIf, WhenRule, condition};
use ipnet::IpNet;

/// Claims that are read by questions of their own, and that no rule sees.
const UNSEEN: &[&str] = &["iss", "aud", "exp", "nbf", "iat", "auth_time", "jti"];

/// What one rule asks can be so.
pub(super) fn check(path: &str, config: &Config, policy: &PolicySettings, rule: &WhenRule, faults: &mut Faults<'_>) {
    let (said, path) = (&rule.r#if, format!("{path}.if"));
    if *said == WhenIf::default() {
        let help = "ask for claims, issuers, clients, acr or networks; or set the limits of the policy itself";
        faults.error(&path, "this rule is for everybody", help);
    }
    for (at, one) in said.claims.iter().enumerate() {
        claim(&format!("{path}.claims[{at}]"), one, faults);
    }
    listed(&path, "clients", said.clients.as_deref(), faults);
    listed(&path, "acr", said.acr.as_deref(), faults);
    listed(&path, "issuers", said.issuers.as_deref(), faults);
    listed(&path, "networks", said.networks.as_deref(), faults);
    listed(&path, "outside", said.outside.as_deref(), faults);
    issuers(&path, said, config, policy, faults);
    networks(&path, "networks", said.networks.as_deref(), faults);
    networks(&path, "outside", said.outside.as_deref(), faults);
    if let Some(why) = contradiction(&condition(said)) {
        faults.error(&path, format!("this rule can never be for anybody: {why}"), "ask for less, or remove it");
    }
}

fn claim(path: &str, said: &WhenClaim, faults: &mut Faults<'_>) {
    if said.claim.is_empty() || said.claim.split('.').any(str::is_empty) {
        let help = "write a name, or names with dots between, such as `realm_access.roles`";
        faults.error(&format!("{path}.claim"), format!("`{}` names no claim", said.claim), help);
    }
    if UNSEEN.contains(&said.claim.as_str()) {
        let help = if said.claim == "iss" { "say `issuers`" } else { "the limits of the rule are about it" };
        faults.error(&format!("{path}.claim"), format!("rules do not see `{}`", said.claim), help);
    }
    let ways = [said.equals.is_some(), said.any_of.is_some(), said.present.is_some()];
    if ways.into_iter().filter(|said| *said).count() != 1 {
        faults.error(path, "it is not said what this claim must be", "say one of `equals`, `any_of` and `present`");
    }
    if said.any_of.as_ref().is_some_and(Vec::is_empty) {
        faults.error(
            &format!("{path}.any_of"),
            "this can never hold",
            "name the values of which the claim must be one",
        );
    }
}

fn listed<T: PartialEq + std::fmt::Display>(path: &str, field: &str, list: Option<&[T]>, faults: &mut Faults<'_>) {
    let Some(list) = list else { return };
    if list.is_empty() {
        faults.error(&format!("{path}.{field}"), "this can never hold", "name at least one, or remove the line");
    }
    for (at, one) in list.iter().enumerate() {
        if list.iter().take(at).any(|earlier| earlier == one) {
            faults.warn(&format!("{path}.{field}[{at}]"), format!("`{one}` is named twice"), "remove it");
        }
    }
}

fn issuers(path: &str, said: &WhenIf, config: &Config, policy: &PolicySettings, faults: &mut Faults<'_>) {
    for (at, name) in said.issuers.iter().flatten().enumerate() {
        let place = format!("{path}.issuers[{at}]");
        if !config.issuers.contains_key(name) {
            faults.unknown(&place, "issuer", name, config.issuers.keys(), "issuers");
        } else if !policy.issuers.is_empty() && !policy.issuers.contains(name) {
            let help = "remove it, or trust it in `issuers` of the policy";
            faults.error(&place, format!("this policy does not trust `{name}`: it refuses before"), help);
        }
    }
}

fn networks(path: &str, field: &str, list: Option<&[IpNet]>, faults: &mut Faults<'_>) {
    let list = list.unwrap_or_default();
    for (at, one) in list.iter().enumerate() {
        if let Some(wider) = list.iter().find(|other| *other != one && other.contains(one)) {
            let message = format!("`{one}` lies within `{wider}`");
            faults.warn(&format!("{path}.{field}[{at}]"), message, "remove the one or the other");
        }
    }
}

/// Why nobody can be so.
fn contradiction(asked: &Condition) -> Option<String> {
    let is_out = |net: &IpNet| asked.outside.iter().any(|out| out.contains(net));
    if !asked.within.is_empty() && asked.within.iter().all(is_out) {
        return Some("its `networks` lie in those of `outside`".to_owned());
    }
    let absent = asked.claims.iter().filter(|(_, test)| *test == Test::Present(false));
    let needed =
        |path: &str| asked.claims.iter().any(|(other, test)| **other == *path && *test != Test::Present(false));
    let both = absent.map(|(path, _)| path).find(|path| needed(path));
    both.map(|path| format!("`{path}` cannot be there and not be there"))
}

/// What the rules of a policy say together.
pub(super) fn compare(path: &str, settings: &PolicySettings, when: &When, faults: &mut Faults<'_>) {
    let mut told = BTreeSet::new();
    for (at, rule) in when.rules.iter().enumerate() {
        for (other_at, other) in when.rules.iter().enumerate().filter(|(other_at, _)| *other_at != at) {
            let (place, named) = (format!("{path}.when[{at}]"), format!("`when[{other_at}]`"));
            let (forth, back) =
                (implies(&rule.condition, &other.condition), implies(&other.condition, &rule.condition));
            if forth && back {
                if other_at < at && told.insert(at) {
                    faults.warn(
                        &place,
                        format!("this rule is for the same requests as {named}"),
                        "make one rule of both",
                    );
                }
            } else if forth && adds_nothing(rule, other) && told.insert(at) {
                let message = format!("this rule changes nothing: {named} is for all its requests, and as strict");
                faults.warn(&place, message, "make it tighter, or remove it");
            }
            if other_at < at && may_meet(&rule.condition, &other.condition) && clash(rule, other) {
                let message = format!("no class of sign-in is accepted by this rule and by {named}");
                let help = "leave a class in both, or make sure that no request is of both";
                faults.warn(&format!("{place}.step_up.acr"), message, help);
            }
        }
        unreached(&format!("{path}.when[{at}].if.acr"), settings, when, rule, faults);
    }
}

/// A rule for a class of sign-in that the policy refuses.
fn unreached(place: &str, settings: &PolicySettings, when: &When, rule: &Rule, faults: &mut Faults<'_>) {
    let Some(own) = when.own.acr.filter(|_| !rule.condition.acr.is_empty()) else { return };
    let relaxed = settings.when.iter().any(|rule| rule.relaxes("step_up.acr"));
    if !relaxed && Classes::of(&rule.condition.acr, &when.classes).and(own.value).is_empty() {
        let help = "name a class of `step_up.acr`, or remove the rule";
        faults.error(place, "this rule can never be for anybody: the policy refuses these classes", help);
    }
}

/// Is every request that is so also so?
fn implies(one: &Condition, other: &Condition) -> bool {
    fn fewer<T: PartialEq>(one: &[T], other: &[T]) -> bool {
        other.is_empty() || !one.is_empty() && one.iter().all(|item| other.contains(item))
    }
    let inside = |net: &IpNet| other.within.iter().any(|wider| wider.contains(net));
    let spared = |net: &IpNet| {
        let apart = |within: &IpNet| !within.contains(net) && !net.contains(within);
        one.outside.iter().any(|out| out.contains(net)) || !one.within.is_empty() && one.within.iter().all(apart)
    };
    fewer(&one.clients, &other.clients)
        && fewer(&one.acr, &other.acr)
        && fewer(&one.issuers, &other.issuers)
        && (other.within.is_empty() || !one.within.is_empty() && one.within.iter().all(inside))
        && other.outside.iter().all(spared)
        && other
            .claims
            .iter()
            .all(|(path, test)| one.claims.iter().any(|(claim, narrower)| claim == path && is_narrower(narrower, test)))
}

fn is_narrower(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::AnyOf(some), Test::AnyOf(more)) => some.iter().all(|value| more.contains(value)),
        (Test::AnyOf(_), Test::Present(there)) => *there,
        (one, other) => one == other,
    }
}

/// Sets the one nothing that the other does not set as strictly, where both hold?
fn adds_nothing(one: &Rule, other: &Rule) -> bool {
    let silent = |own: &Limits, others: &Limits| {
        let spans = own.spans().into_iter().zip(others.spans());
        let said = |limit: Option<crate::decide::finding::Limit<_>>| limit.map(|limit| limit.value);
        let strict = |own, other| own >= other;
        spans
            .map(|((_, own), (_, other))| (said(own), said(other)))
            .all(|(own, other)| own.is_none_or(|own| other.is_some_and(|other| strict(own, other))))
            && own.acr.is_none_or(|own| others.acr.is_some_and(|other| other.value.is_within(own.value)))
    };
    // Of a rule that sets nothing at all, that is told.
    let sets = one.tightens != Limits::default() || one.relaxes != Limits::default();
    sets && silent(&one.tightens, &other.tightens) && silent(&one.relaxes, &other.relaxes)
}

/// May one request be of both? Only what excludes itself surely is told apart.
fn may_meet(one: &Condition, other: &Condition) -> bool {
    fn common<T: PartialEq>(one: &[T], other: &[T]) -> bool {
        one.is_empty() || other.is_empty() || one.iter().any(|item| other.contains(item))
    }
    let nets = |one: &IpNet| other.within.iter().any(|other| one.contains(other) || other.contains(one));
    common(&one.clients, &other.clients)
        && common(&one.acr, &other.acr)
        && common(&one.issuers, &other.issuers)
        && (one.within.is_empty() || other.within.is_empty() || one.within.iter().any(nets))
}

fn clash(one: &Rule, other: &Rule) -> bool {
    match (one.tightens.acr, other.tightens.acr) {
        (Some(one), Some(other)) => one.value.and(other.value).is_empty(),
        _ => false,
    }
}
