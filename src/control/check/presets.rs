//! Presets: a policy that names one keeps it, its rules included.

use std::time::Duration;

use super::tell::Faults;
use crate::control::config::{Fault, Spans, join};
use crate::control::settings::Config;
use crate::decide::checks::binding::{Dpop, Mtls};
use crate::decide::checks::freshness::OnStale;
use crate::decide::finding::Limit;
use crate::decide::policy::Policy;
use crate::proxy::policies;
use crate::proxy::presets::{Preset, Wanted, Wants};
use crate::proxy::settings::{Access, PolicySettings, RouteSettings};
use crate::settings::Span;

/// Methods that change nothing (RFC 9110 §9.2.1).
const SAFE: &[&str] = &["GET", "HEAD", "OPTIONS", "TRACE"];

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    for (name, settings) in &config.policies {
        let Some(preset) = settings.preset else { continue };
        let policy = policies::build(name, settings, &config.defaults, config.sessions.at_bound());
        let claim =
            Claim { name, settings, policy: &policy, preset, wants: preset.wants(), path: join("policies", name) };
        claim.limits(&mut faults);
        claim.rules(&mut faults);
        claim.tokens(&mut faults);
        claim.leeways(config, &mut faults);
        claim.changes(config, &mut faults);
    }
    faults.list()
}

/// A policy that claims to keep a preset.
struct Claim<'a> {
    name: &'a str,
    settings: &'a PolicySettings,
    policy: &'a Policy,
    preset: Preset,
    wants: Wants,
    path: String,
}

impl Claim<'_> {
    /// What the preset says of itself in a sentence: its most, and where it is written.
    fn most(&self, most: Duration) -> String {
        format!("{} of `{}` ({})", Span::from(most), self.wants.name, self.wants.source)
    }

    fn origin(&self, limit: Limit<Duration>) -> String {
        format!("{} of {}", Span::from(limit.value), policies::written(limit.origin, self.name, self.settings))
    }

    fn limits(&self, faults: &mut Faults<'_>) {
        for (field, own) in self.policy.own_limits(&[]).spans() {
            let place = self.place(field, own.is_some());
            self.limit(&place, self.preset.wanted(field), own, field, faults);
        }
    }

    /// Where a limit stands that the policy sets; else where it names the preset.
    fn place(&self, field: &str, is_set: bool) -> String {
        let says = match field {
            "token.max_lifetime" => self.settings.token.max_lifetime.is_some(),
            "session.idle" => self.settings.session.idle.is_some(),
            "session.absolute" => self.settings.session.absolute.is_some(),
            "step_up.auth_age" => self.settings.step_up.auth_age.is_some(),
            _ => is_set,
        };
        if says { format!("{}.{field}", self.path) } else { format!("{}.preset", self.path) }
    }

    fn limit(&self, place: &str, wanted: Wanted, own: Option<Limit<Duration>>, field: &str, faults: &mut Faults<'_>) {
        match (wanted, own) {
            (Wanted::Most(most), Some(own)) if own.value > most => {
                let message = format!("`{field}` is {}, looser than the {}", self.origin(own), self.most(most));
                faults.error(place, message, KEEP);
            }
            (Wanted::Most(most), None) => {
                faults.error(place, format!("`{field}` is off, looser than the {}", self.most(most)), KEEP);
            }
            (Wanted::Some, None) => {
                let message =
                    format!("`{}` wants a `{field}` ({}), and there is none", self.wants.name, self.wants.source);
                faults.error(place, message, format!("say `{field}`, and why it is what it is"));
            }
            _ => {}
        }
    }

    /// A leave of a rule is a leave of the preset as well, which there is not.
    fn rules(&self, faults: &mut Faults<'_>) {
        for (at, rule) in self.settings.when.iter().enumerate() {
            for (field, said) in rule.spans() {
                let Some(said) = said.filter(|_| rule.relaxes(field)) else { continue };
                let origin = crate::decide::when::origin(at);
                let limit = said.on().map(|span| Limit::new(span.get(), origin));
                self.limit(
                    &format!("{}.when[{at}].{field}", self.path),
                    self.preset.wanted(field),
                    limit,
                    field,
                    faults,
                );
            }
        }
    }

    fn tokens(&self, faults: &mut Faults<'_>) {
        let (place, Wants { name, source, .. }) = (format!("{}.preset", self.path), self.wants);
        let binding = &self.policy.binding;
        if self.wants.bound && binding.dpop != Dpop::Required && binding.mtls != Mtls::Required {
            let help = "say `token: { dpop: required }` or `token: { mtls: required }`";
            let message =
                format!("`{name}` wants tokens that are bound to their sender ({source}); others are accepted");
            faults.error(&place, message, help);
        }
        let freshness = self.policy.freshness;
        let doubts = [("on_stale", freshness.on_stale), ("cold_start", freshness.cold_start)];
        let lax = doubts.into_iter().find(|(_, limit)| limit.value == OnStale::Allow);
        if let Some((field, limit)) = lax.filter(|_| self.wants.closed) {
            let origin = policies::written(limit.origin, self.name, self.settings);
            let message = format!("`revocation.{field}` of {origin} lets pass what `{name}` refuses ({source})");
            faults.error(&place, message, "say `revocation: { on_stale: deny, cold_start: deny }`, or claim no preset");
        }
    }

    fn leeways(&self, config: &Config, faults: &mut Faults<'_>) {
        let Some(most) = self.wants.leeway else { return };
        let trusted = |name: &String| self.settings.issuers.is_empty() || self.settings.issuers.contains(name);
        for (name, issuer) in config.issuers.iter().filter(|(name, _)| trusted(name)) {
            if issuer.leeway.get() > most {
                let message =
                    format!("the leeway of issuers.{name} is {}, looser than the {}", issuer.leeway, self.most(most));
                faults.error(&format!("{}.preset", self.path), message, "make it smaller, or claim no preset");
            }
        }
    }

    /// What changes something wants a recent sign-in.
    fn changes(&self, config: &Config, faults: &mut Faults<'_>) {
        let auth_age = self.policy.auth_age.map(|age| age.limit);
        let asks = |route: &&RouteSettings| {
            let policy = route.policy.as_ref().or(config.defaults.policy.as_ref());
            route.access == Access::Guarded && policy.is_some_and(|policy| policy == self.name)
        };
        let changes = |route: &&RouteSettings| {
            route.methods.is_empty() || route.methods.iter().any(|method| !SAFE.contains(&method.as_str()))
        };
        if let Some(route) = config.routes.iter().filter(asks).find(changes) {
            let place = self.place("step_up.auth_age", auth_age.is_some());
            let field = format!("step_up.auth_age` for the changes of the route `{}", route.name);
            self.limit(&place, self.wants.changes, auth_age, &field, faults);
            for (at, rule) in self.settings.when.iter().enumerate().filter(|(_, rule)| rule.relaxes("step_up.auth_age"))
            {
                let Some(said) = rule.step_up.auth_age else { continue };
                let limit = said.on().map(|span| Limit::new(span.get(), crate::decide::when::origin(at)));
                let place = format!("{}.when[{at}].step_up.auth_age", self.path);
                self.limit(&place, self.wants.changes, limit, &field, faults);
            }
        }
    }
}

const KEEP: &str = "make it tighter, or claim no preset: there is no leave from one";
