//! Tighten: what `defaults` says may only be made tighter below it, unless `relax` names the field and says why.
//! What `defaults` leaves out, and does not imply by what it says, is not guarded by this rule.

use std::fmt::Display;

use super::tell::{Faults, and};
use crate::control::config::{Fault, Spans, advise, join};
use crate::control::settings::Config;
use crate::decide::checks::binding::{Dpop, DpopNonce, Mtls};
use crate::decide::checks::freshness::OnStale;
use crate::decide::checks::idle::Unidentified;
use crate::decide::checks::introspection::IntrospectionRule;
use crate::decide::checks::status::StatusRule;
use crate::decide::session::OnStateLoss;
use crate::proxy::doubts::freshness;
use crate::proxy::settings::{Defaults, PolicySettings, Relax, RouteSettings};
use crate::settings::{OrOff, Span};

/// A field that may be looser, and if it is: what it says, and what the defaults say.
type Field = (&'static str, Option<(String, String)>);

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    for (name, policy) in &config.policies {
        let fields = of_policy(policy, &config.defaults);
        compare(&join("policies", name), &fields, policy.relax.as_ref(), &[], &mut faults);
    }
    for (at, route) in config.routes.iter().enumerate() {
        let fields = of_route(route, &config.defaults);
        compare(&format!("routes[{at}]"), &fields, route.relax.as_ref(), OF_POLICIES, &mut faults);
    }
    faults.list()
}

/// Fields that a policy relaxes, and not the route that asks it.
const OF_POLICIES: &[&str] = &[
    "token.max_age",
    "token.max_lifetime",
    "token.dpop",
    "token.dpop_max_age",
    "token.dpop_nonce",
    "token.dpop_nonce_max_age",
    "token.mtls",
    "revocation.on_stale",
    "revocation.cold_start",
    "revocation.introspection",
    "revocation.status",
    "session.idle",
    "session.absolute",
    "session.unidentified",
    "session.on_state_loss",
    "step_up.auth_age",
    "step_up.acr",
];

fn of_policy(policy: &PolicySettings, defaults: &Defaults) -> [Field; 17] {
    let (own, usual) = (&policy.revocation, &defaults.revocation);
    let (usual_stale, usual_cold) = usual_doubts(defaults);
    let dpop = match (policy.token.dpop, defaults.token.dpop) {
        (Some(Dpop::Off), Some(Dpop::Required)) => Some(("off".to_owned(), "required".to_owned())),
        (Some(Dpop::Optional), Some(Dpop::Required)) => Some(("optional".to_owned(), "required".to_owned())),
        _ => None,
    };
    let mtls = match (policy.token.mtls, defaults.token.mtls) {
        (Some(Mtls::Off), Some(Mtls::Required)) => Some(("off".to_owned(), "required".to_owned())),
        (Some(Mtls::Optional), Some(Mtls::Required)) => Some(("optional".to_owned(), "required".to_owned())),
        _ => None,
    };
    let nonce = match (policy.token.dpop_nonce, defaults.token.dpop_nonce) {
        (Some(DpopNonce::Off), Some(DpopNonce::Required)) => Some(("off".to_owned(), "required".to_owned())),
        _ => None,
    };
    let status = match (policy.revocation.status, defaults.revocation.status) {
        (Some(StatusRule::Off), Some(StatusRule::Required)) => Some(("off".to_owned(), "required".to_owned())),
        (Some(StatusRule::Honour), Some(StatusRule::Required)) => Some(("honour".to_owned(), "required".to_owned())),
        (Some(StatusRule::Off), Some(StatusRule::Honour)) => Some(("off".to_owned(), "honour".to_owned())),
        _ => None,
    };
    let unidentified = match (policy.session.unidentified, defaults.session.unidentified) {
        (Some(Unidentified::Token), Some(Unidentified::Deny)) => Some(("token".to_owned(), "deny".to_owned())),
        _ => None,
    };
    let on = |span: Option<Span>| span.map(OrOff::On);
    [
        ("token.max_age", looser(policy.token.max_age, defaults.token.max_age)),
        ("token.max_lifetime", looser(policy.token.max_lifetime, defaults.token.max_lifetime)),
        ("token.dpop", dpop),
        ("token.dpop_max_age", looser(on(policy.token.dpop_max_age), on(defaults.token.dpop_max_age))),
        ("token.dpop_nonce", nonce),
        (
            "token.dpop_nonce_max_age",
            looser(on(policy.token.dpop_nonce_max_age), on(defaults.token.dpop_nonce_max_age)),
        ),
        ("token.mtls", mtls),
        ("revocation.on_stale", ranked(own.on_stale, usual_stale, STALE)),
        ("revocation.cold_start", ranked(own.cold_start.map(Into::into), usual_cold, COLD)),
        ("revocation.introspection", ranked(own.introspection, usual.introspection, ASKED)),
        ("revocation.status", status),
        ("session.idle", looser(policy.session.idle, defaults.session.idle)),
        ("session.absolute", looser(policy.session.absolute, defaults.session.absolute)),
        ("session.unidentified", unidentified),
        ("session.on_state_loss", ranked(policy.session.on_state_loss, defaults.session.on_state_loss, LOST)),
        ("step_up.auth_age", looser(policy.step_up.auth_age, defaults.step_up.auth_age)),
        ("step_up.acr", more(policy.step_up.acr.as_deref(), defaults.step_up.acr.as_deref())),
    ]
}

/// What holds by `defaults` while knowledge is old, and while there is none: said, or implied by what is said.
fn usual_doubts(defaults: &Defaults) -> (Option<OnStale>, Option<OnStale>) {
    let (said, built) = (&defaults.revocation, freshness(&PolicySettings::default(), defaults));
    let stale = said.on_stale.is_some() || said.introspection == Some(IntrospectionRule::WhenStale);
    let cold = said.cold_start.is_some() || stale;
    (stale.then_some(built.on_stale.value), cold.then_some(built.cold_start.value))
}

/// The words of a setting, the strictest first.
type Ranks<T> = &'static [(T, &'static str)];

const STALE: Ranks<OnStale> =
    &[(OnStale::Deny, "deny"), (OnStale::Introspect, "introspect"), (OnStale::Allow, "allow")];
const LOST: Ranks<OnStateLoss> =
    &[(OnStateLoss::Deny, "deny"), (OnStateLoss::Local, "local"), (OnStateLoss::Allow, "allow")];
/// The same, as `cold_start` says it.
const COLD: Ranks<OnStale> =
    &[(OnStale::Deny, "deny"), (OnStale::Introspect, "introspect"), (OnStale::Allow, "accept")];
const ASKED: Ranks<IntrospectionRule> = &[
    (IntrospectionRule::Always, "always"),
    (IntrospectionRule::WhenStale, "when_stale"),
    (IntrospectionRule::Never, "never"),
];

fn ranked<T: PartialEq>(own: Option<T>, usual: Option<T>, ranks: Ranks<T>) -> Option<(String, String)> {
    let find = |said: Option<T>| ranks.iter().enumerate().find(|(_, (value, _))| Some(value) == said.as_ref());
    let ((own, (_, says)), (usual, (_, usually))) = (find(own)?, find(usual)?);
    (own > usual).then(|| ((*says).to_owned(), (*usually).to_owned()))
}

fn of_route(route: &RouteSettings, defaults: &Defaults) -> [Field; 5] {
    let (own, usual) = (&route.timeouts, &defaults.timeouts);
    let on = |span: Option<Span>| span.map(OrOff::On);
    [
        ("timeouts.connect", looser(on(own.connect), on(usual.connect))),
        ("timeouts.first_byte", looser(on(own.first_byte), on(usual.first_byte))),
        ("timeouts.between_bytes", looser(own.between_bytes, usual.between_bytes)),
        ("timeouts.request", looser(own.request, usual.request)),
        ("body_limit", looser(route.body_limit, defaults.body_limit)),
    ]
}

fn looser<T: PartialOrd + Display>(own: Option<OrOff<T>>, usual: Option<OrOff<T>>) -> Option<(String, String)> {
    match (own?, usual?) {
        (OrOff::Off, OrOff::On(usual)) => Some(("off".to_owned(), usual.to_string())),
        (OrOff::On(own), OrOff::On(usual)) if own > usual => Some((own.to_string(), usual.to_string())),
        _ => None,
    }
}

/// Accepts more.
fn more(own: Option<&[String]>, usual: Option<&[String]>) -> Option<(String, String)> {
    let (own, usual) = (own?, usual?);
    let list = |items: &[String]| format!("[{}]", items.join(", "));
    own.iter().any(|one| !usual.contains(one)).then(|| (list(own), list(usual)))
}

fn compare(path: &str, fields: &[Field], relax: Option<&Relax>, elsewhere: &[&str], faults: &mut Faults<'_>) {
    let named = |field: &str| relax.is_some_and(|relax| relax.fields.iter().any(|name| name == field));
    for (field, looser) in fields {
        if let Some((own, usual)) = looser.as_ref().filter(|_| !named(field)) {
            let message = format!("{own} is looser than the {usual} of `defaults`");
            let help = format!("make it tighter, or say `relax: {{ fields: [{field}], reason: \"…\" }}`");
            faults.error(&format!("{path}.{field}"), message, help);
        }
    }
    let Some(relax) = relax else { return };
    if relax.reason.trim().is_empty() {
        faults.error(&format!("{path}.relax.reason"), "no reason is given", "say why, for those who review the config");
    }
    let known: Vec<&str> = fields.iter().map(|(field, _)| *field).collect();
    for (nth, name) in relax.fields.iter().enumerate() {
        let place = format!("{path}.relax.fields[{nth}]");
        match fields.iter().find(|(field, _)| field == name) {
            Some((_, Some(_))) => {}
            Some((_, None)) => {
                let help = "remove it: a leave that is not needed hides one that is";
                faults.error(&place, format!("`{name}` is not looser than `defaults`"), help);
            }
            None if elsewhere.contains(&name.as_str()) => {
                let help = "move it to the policy that the route asks";
                faults.error(&place, format!("`{name}` is relaxed by a policy, not by a route"), help);
            }
            None => faults.error(
                &place,
                format!("`{name}` is no field that can be relaxed"),
                advise(name, &known, "those are"),
            ),
        }
    }
    if relax.fields.is_empty() {
        faults.error(
            &format!("{path}.relax.fields"),
            "nothing is relaxed",
            format!("name fields ({}), or remove it", and(&known)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::of_policy;
    use crate::proxy::settings::{Defaults, PolicySettings};

    fn looser(policy: &str, defaults: &str) -> Vec<(&'static str, String, String)> {
        let block = |text: &str| format!(r#"{{"revocation":{{{text}}}}}"#);
        let policy: PolicySettings = serde_json::from_str(&block(policy)).unwrap();
        let defaults: Defaults = serde_json::from_str(&block(defaults)).unwrap();
        let fields = of_policy(&policy, &defaults).into_iter();
        fields.filter_map(|(field, looser)| looser.map(|(own, usual)| (field, own, usual))).collect()
    }

    /// What the defaults imply is guarded as what they say; what neither says nor follows from them is not.
    #[test]
    fn what_defaults_imply_is_guarded_too() {
        let (stale, cold) = ("revocation.on_stale", "revocation.cold_start");
        for (policy, defaults, told) in [
            (r#""cold_start":"accept""#, r#""on_stale":"deny""#, Some((cold, "accept", "deny"))),
            (r#""cold_start":"introspect""#, r#""on_stale":"deny""#, Some((cold, "introspect", "deny"))),
            (r#""cold_start":"accept""#, r#""on_stale":"introspect""#, Some((cold, "accept", "introspect"))),
            (r#""cold_start":"accept""#, r#""on_stale":"allow""#, None),
            (r#""cold_start":"accept""#, r#""on_stale":"allow","cold_start":"deny""#, Some((cold, "accept", "deny"))),
            (r#""cold_start":"deny""#, r#""on_stale":"allow""#, None),
            (r#""on_stale":"allow""#, r#""introspection":"when_stale""#, Some((stale, "allow", "introspect"))),
            (r#""on_stale":"introspect""#, r#""introspection":"when_stale""#, None),
            (r#""on_stale":"deny""#, r#""introspection":"when_stale""#, None),
            (r#""cold_start":"accept""#, r#""introspection":"when_stale""#, Some((cold, "accept", "introspect"))),
            (r#""on_stale":"allow""#, r#""on_stale":"deny""#, Some((stale, "allow", "deny"))),
            (r#""on_stale":"allow""#, "", None),
            (r#""cold_start":"accept""#, "", None),
            (r#""on_stale":"allow""#, r#""cold_start":"deny""#, None),
        ] {
            let told: Vec<_> = told.into_iter().map(|(field, own, usual)| (field, own.into(), usual.into())).collect();
            assert_eq!(looser(policy, defaults), told, "{policy} under {defaults}");
        }
    }
}
