//! From the settings of a policy to the policy itself: each limit with where it came from.

use super::doubts;
use super::sessions::Checks;
use super::settings::{Defaults, PolicySettings, TokenPolicy};
use super::when;
use crate::decide::checks::age::Age;
use crate::decide::checks::algorithm::AlgorithmAllowed;
use crate::decide::checks::audience::Audience;
use crate::decide::checks::binding::{Binding, DpopNonce, NONCE_AGE};
use crate::decide::checks::claims::Required;
use crate::decide::checks::expiry::Expiry;
use crate::decide::checks::form::Form;
use crate::decide::checks::issued::Issued;
use crate::decide::checks::issuer::IssuerTrusted;
use crate::decide::checks::key::Key;
use crate::decide::checks::lifetime::Lifetime;
use crate::decide::checks::not_before::NotBefore;
use crate::decide::checks::permission::{Permission, Rule};
use crate::decide::checks::presence::Presence;
use crate::decide::checks::revocation::Revocation;
use crate::decide::checks::scope::Scope;
use crate::decide::checks::signature::Signature;
use crate::decide::checks::token_type::AccessTokenType;
use crate::decide::finding::{Limit, Origin};
use crate::decide::policy::Policy;
use crate::decide::session::OnFull;
use crate::settings::{OrOff, Span};
use std::time::Duration;

/// The longest lifetime of a token where nothing is said about it (JWT-21).
pub const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Builds a policy, for where this is done with sessions that there is no room to remember.
#[must_use]
pub fn build(name: &str, settings: &PolicySettings, defaults: &Defaults, at_bound: OnFull) -> Policy {
    let token = &settings.token;
    let usual = (&defaults.session, &defaults.step_up);
    let sessions = Checks::of((&settings.session, &settings.step_up), settings.preset, usual);
    let longest = settings.preset.and_then(|preset| preset.most("token.max_lifetime"));
    let lifetime = resolve(token.max_lifetime, longest, defaults.token.max_lifetime, Some(LIFETIME));
    let mut policy = Policy {
        name: name.into(),
        when: None,
        presence: Presence,
        form: Form,
        algorithm: AlgorithmAllowed,
        issuer: IssuerTrusted { among: settings.issuers.iter().map(|name| name.as_str().into()).collect() },
        key: Key,
        signature: Signature,
        token_type: AccessTokenType,
        claims: Required { also: required(token, &defaults.token) },
        binding: binding(token, &defaults.token),
        audience: Audience { among: settings.audiences.as_deref().map(boxed) },
        not_before: NotBefore,
        expiry: Expiry,
        issued: Issued,
        lifetime: lifetime.map(|cap| Lifetime { cap }),
        age: resolve(token.max_age, None, defaults.token.max_age, None).map(|limit| Age { limit }),
        freshness: doubts::freshness(settings, defaults),
        revocation: Revocation,
        absolute: sessions.absolute,
        idle: sessions.idle,
        auth_age: sessions.auth_age,
        acr: sessions.acr,
        status: doubts::status(settings, defaults),
        scope: (!settings.scopes.is_empty()).then(|| Scope { all: boxed(&settings.scopes) }),
        permission: permission(settings),
        active: None,
    };
    policy.when = when::build(&policy, settings, defaults);
    policy.active = doubts::introspection(settings, defaults, doubts::when_full(&policy, at_bound));
    policy
}

fn boxed(texts: &[String]) -> Box<[Box<str>]> {
    texts.iter().map(|text| text.as_str().into()).collect()
}

/// A limit that the policy says; else the stricter one of its preset, and of the defaults or what is built in.
pub(super) fn resolve(
    policy: Option<OrOff<Span>>,
    preset: Option<Duration>,
    defaults: Option<OrOff<Span>>,
    built_in: Option<Duration>,
) -> Option<Limit<Duration>> {
    let limit = |span: OrOff<Span>, origin| span.on().map(|span| Limit::new(span.get(), origin));
    let below = match (policy, defaults) {
        (Some(span), _) => return limit(span, Origin::Policy),
        (None, Some(span)) => limit(span, Origin::Defaults),
        (None, None) => built_in.map(|span| Limit::new(span, Origin::BuiltIn)),
    };
    let preset = preset.filter(|span| below.is_none_or(|below| *span < below.value));
    preset.map(|span| Limit::new(span, Origin::Preset)).or(below)
}

fn binding(policy: &TokenPolicy, defaults: &TokenPolicy) -> Binding {
    let max_age = match (policy.dpop_max_age, defaults.dpop_max_age) {
        (Some(span), _) => Limit::new(span.get(), Origin::Policy),
        (None, Some(span)) => Limit::new(span.get(), Origin::Defaults),
        (None, None) => Binding::default().max_age,
    };
    let nonce_age = match (policy.dpop_nonce_max_age, defaults.dpop_nonce_max_age) {
        (Some(span), _) => Limit::new(span.get(), Origin::Policy),
        (None, Some(span)) => Limit::new(span.get(), Origin::Defaults),
        (None, None) => Limit::new(NONCE_AGE, Origin::BuiltIn),
    };
    let nonce = policy.dpop_nonce.or(defaults.dpop_nonce).unwrap_or_default();
    Binding {
        dpop: policy.dpop.or(defaults.dpop).unwrap_or_default(),
        max_age,
        nonce: (nonce == DpopNonce::Required).then_some(nonce_age),
        mtls: policy.mtls.or(defaults.mtls).unwrap_or_default(),
    }
}

fn required(policy: &TokenPolicy, defaults: &TokenPolicy) -> Box<[&'static str]> {
    policy.require.iter().chain(&defaults.require).filter_map(|name| Required::known(name)).collect()
}

fn permission(settings: &PolicySettings) -> Option<Permission> {
    let rule = |rule: &super::settings::ClaimRule| Rule {
        claim: rule.claim.as_str().into(),
        any_of: rule.any_of.clone().into_boxed_slice(),
    };
    (!settings.claims.is_empty()).then(|| Permission { rules: settings.claims.iter().map(rule).collect() })
}

/// Where a limit was written, in the words of the config.
#[must_use]
pub fn written(origin: Origin, name: &str, settings: &PolicySettings) -> String {
    match origin {
        Origin::Policy => format!("policies.{name}"),
        Origin::Preset => format!("preset {}", settings.preset.map_or("", |preset| preset.wants().name)),
        Origin::Rule(_) => format!("policies.{name}.{}", origin.name()),
        Origin::BuiltIn | Origin::Defaults | Origin::Issuer | Origin::Route => origin.name().to_owned(),
    }
}
