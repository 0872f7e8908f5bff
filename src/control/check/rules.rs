//! Rules: what each sets is tighter than what holds without it, unless it has leave; and nothing is set in vain.

use std::time::Duration;

use super::conditions;
use super::sessions::{IDLE_CAP, LEAST};
use super::tell::{Faults, and};
use crate::control::config::{Fault, Spans, advise, join};
use crate::control::settings::Config;
use crate::decide::finding::Limit;
use crate::decide::limits::{Classes, SPANS};
use crate::decide::when::{self, When};
use crate::proxy::policies;
use crate::proxy::settings::{PolicySettings, Relax};
use crate::proxy::when::WhenRule;
use crate::settings::{OrOff, Span};

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    for (name, settings) in &config.policies {
        let policy = policies::build(name, settings, &config.defaults, config.sessions.at_bound());
        let Some(when) = &policy.when else { continue };
        let path = join("policies", name);
        many(&path, settings, when, &mut faults);
        let about = About { name, settings, when };
        for (at, rule) in settings.when.iter().enumerate() {
            let path = format!("{path}.when[{at}]");
            sets(&path, rule, &mut faults);
            about.spans(&path, rule, &mut faults);
            about.classes(&path, rule, &mut faults);
            leave(&path, rule, rule.relax.as_ref(), &mut faults);
            conditions::check(&path, config, settings, rule, &mut faults);
        }
        conditions::compare(&path, settings, when, &mut faults);
    }
    faults.list()
}

fn many(path: &str, settings: &PolicySettings, when: &When, faults: &mut Faults<'_>) {
    if settings.when.len() > when::MOST {
        let message = format!("there are {} rules, and at most {} may be", settings.when.len(), when::MOST);
        faults.error(&format!("{path}.when"), message, "give such routes a policy of their own");
    }
    if when.classes.len() > Classes::MOST {
        let message =
            format!("{} classes of sign-in are named, and at most {} may be", when.classes.len(), Classes::MOST);
        faults.error(&format!("{path}.when"), message, "name fewer");
    }
}

fn sets(path: &str, rule: &WhenRule, faults: &mut Faults<'_>) {
    if rule.spans().iter().all(|(_, span)| span.is_none()) && rule.step_up.acr.is_none() {
        let help = format!("set at least one of {} and `step_up.acr`, or remove it", and(SPANS));
        faults.error(path, "this rule sets nothing", help);
    }
}

/// A policy as it is without rules.
struct About<'a> {
    name: &'a str,
    settings: &'a PolicySettings,
    when: &'a When,
}

impl About<'_> {
    fn spans(&self, path: &str, rule: &WhenRule, faults: &mut Faults<'_>) {
        for ((field, said), (_, own)) in rule.spans().into_iter().zip(self.when.own.spans()) {
            let Some(said) = said else { continue };
            let at = format!("{path}.{field}");
            keepable(&at, field, said, faults);
            self.span(path, rule, field, (said, own), faults);
        }
    }

    fn span(
        &self,
        path: &str,
        rule: &WhenRule,
        field: &str,
        (said, own): (OrOff<Span>, Option<Limit<Duration>>),
        faults: &mut Faults<'_>,
    ) {
        let at = format!("{path}.{field}");
        let theirs = own.map_or("`off`".to_owned(), |own| self.told(own));
        let (said_span, own_span) = (said.on().map(Span::get), own.map(|own| own.value));
        let is_looser = own_span.is_some_and(|own| said_span.is_none_or(|said| said > own));
        match (is_looser, rule.relaxes(field)) {
            (true, false) => faults.error(&at, format!("{} is looser than the {theirs}", span(said)), leave_to(field)),
            (false, true) => faults.error(&at, format!("{} is not looser than the {theirs}", span(said)), UNNEEDED),
            (false, false) if said_span == own_span => {
                let help = "make it tighter, or remove it";
                faults.warn(&at, format!("this changes nothing: it is the {theirs}"), help);
            }
            _ => {}
        }
    }

    fn classes(&self, path: &str, rule: &WhenRule, faults: &mut Faults<'_>) {
        let Some(said) = &rule.step_up.acr else { return };
        let (at, field) = (format!("{path}.step_up.acr"), "step_up.acr");
        super::sessions::classes(path, said, faults);
        let Some(own) = self.when.own.acr.filter(|_| !said.is_empty()) else { return unneeded(&at, rule, faults) };
        let theirs = policies::written(own.origin, self.name, self.settings);
        let said = Classes::of(said, &self.when.classes);
        match (said.is_within(own.value), rule.relaxes(field)) {
            (false, false) => {
                let message = format!("some of these classes are not accepted by {theirs}: that is looser");
                faults.error(&at, message, leave_to(field));
            }
            (true, true) => faults.error(&at, format!("no class here is looser than those of {theirs}"), UNNEEDED),
            (true, false) if own.value.is_within(said) => {
                faults.warn(
                    &at,
                    format!("this changes nothing: they are those of {theirs}"),
                    "make it tighter, or remove it",
                );
            }
            _ => {}
        }
    }

    /// `15m of policies.api`.
    fn told(&self, own: Limit<Duration>) -> String {
        let origin = policies::written(own.origin, self.name, self.settings);
        format!("{} of {origin}", Span::from(own.value))
    }
}

const UNNEEDED: &str = "remove it from `relax`: a leave that is not needed hides one that is";

fn leave_to(field: &str) -> String {
    format!("make it tighter, or say `relax: {{ fields: [{field}], reason: \"…\" }}` in this rule")
}

fn span(said: OrOff<Span>) -> String {
    said.on().map_or("off".to_owned(), |span| span.to_string())
}

fn unneeded(at: &str, rule: &WhenRule, faults: &mut Faults<'_>) {
    if rule.relaxes("step_up.acr") {
        faults.error(at, "no class here is looser: the policy accepts any", UNNEEDED);
    }
}

fn keepable(at: &str, field: &str, said: OrOff<Span>, faults: &mut Faults<'_>) {
    let Some(span) = said.on().map(Span::get) else { return };
    if span < LEAST {
        faults.error(at, "nobody could keep this", "write at least `1s`");
    }
    if field == "session.idle" && span > IDLE_CAP {
        faults.error(at, "silences are not remembered for so long", "write at most `30d`");
    }
}

/// Leave is for what the rule sets, and says why.
fn leave(path: &str, rule: &WhenRule, relax: Option<&Relax>, faults: &mut Faults<'_>) {
    let Some(relax) = relax else { return };
    if relax.reason.trim().is_empty() {
        faults.error(&format!("{path}.relax.reason"), "no reason is given", "say why, for those who review the config");
    }
    let known: Vec<&str> = SPANS.iter().copied().chain(["step_up.acr"]).collect();
    if relax.fields.is_empty() {
        let help = format!("name fields ({}), or remove it", and(&known));
        faults.error(&format!("{path}.relax.fields"), "nothing is relaxed", help);
    }
    let spans = rule.spans();
    let is_set = |name: &str| {
        spans.iter().any(|(field, span)| *field == name && span.is_some())
            || name == "step_up.acr" && rule.step_up.acr.is_some()
    };
    for (nth, name) in relax.fields.iter().enumerate().filter(|(_, name)| !is_set(name)) {
        let at = format!("{path}.relax.fields[{nth}]");
        if known.contains(&name.as_str()) {
            faults.error(&at, format!("this rule does not set `{name}`"), "set it, or remove it here");
        } else {
            faults.error(&at, format!("`{name}` is no limit of a rule"), advise(name, &known, "those are"));
        }
    }
}
