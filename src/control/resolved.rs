//! What holds on a route for somebody: every limit, its value, where it was written, and by which leave it is looser.

use super::settings::Config;
use crate::decide::claims::Claims;
use crate::decide::finding::{Limit, Origin};
use crate::decide::id::IssuerName;
use crate::decide::limits::{Limits, OFF};
use crate::decide::policy::Policy;
use crate::decide::when::{Subject, When};
use crate::proxy::policies::{self, written};
use crate::proxy::settings::{Access, PolicySettings, RouteSettings};
use crate::settings::{OrOff, Span};
use serde::Serialize;
use std::net::IpAddr;
use std::time::Duration;

/// Who asks.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    /// The claims of the token.
    pub claims: Claims,
    /// The address of the client.
    pub peer: Option<IpAddr>,
}

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name in config.
    pub limit: String,
    /// What it is.
    pub value: String,
    /// Where it was written.
    pub origin: String,
    /// Why it is looser than it would be, if it has leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relaxed: Option<String>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Its place.
    pub rule: String,
    /// Is it for this request?
    pub holds: bool,
    /// For which it is, as the config says.
    pub r#if: serde_json::Value,
}

/// What holds on a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// The route.
    pub route: String,
    /// The path it is for.
    pub path: String,
    /// Its policy; none on an open route.
    pub policy: Option<String>,
    /// The preset that the policy keeps.
    pub preset: Option<&'static str>,
    /// The limits.
    pub limits: Vec<Row>,
    /// The rules of the policy.
    pub rules: Vec<Asked>,
}

/// Resolves what holds on a route; none if there is no such route, or it has no policy that is there.
#[must_use]
pub fn resolve(config: &Config, route: &str, asker: &Asker) -> Option<Resolved> {
    let route = config.routes.iter().find(|one| one.name == route)?;
    let open = Resolved {
        route: route.name.clone(),
        path: route.path.clone(),
        policy: None,
        preset: None,
        limits: Vec::new(),
        rules: Vec::new(),
    };
    if route.access == Access::Open {
        return Some(open);
    }
    let about = About::of(config, route)?;
    let issuer = about.issuer(asker);
    let subject = Subject { claims: &asker.claims, issuer: issuer.as_ref(), peer: asker.peer };
    let preset = about.settings.preset.map(|preset| preset.wants().name);
    Some(Resolved {
        policy: Some(about.name.to_owned()),
        preset,
        limits: about.rows(&subject),
        rules: about.rules(&subject),
        ..open
    })
}

/// A policy, and what stands around it.
struct About<'a> {
    config: &'a Config,
    name: &'a str,
    settings: &'a PolicySettings,
    policy: Policy,
}

impl<'a> About<'a> {
    fn of(config: &'a Config, route: &'a RouteSettings) -> Option<Self> {
        let name = route.policy.as_ref().or(config.defaults.policy.as_ref())?;
        let settings = config.policies.get(name)?;
        let policy = policies::build(name, settings, &config.defaults, config.sessions.at_bound());
        Some(Self { config, name, settings, policy })
    }

    fn trusted(&self) -> Vec<&'a String> {
        let all = self.config.issuers.keys();
        all.filter(|name| self.settings.issuers.is_empty() || self.settings.issuers.contains(name)).collect()
    }

    /// The issuer that the claims name, else the only one that is trusted.
    fn issuer(&self, asker: &Asker) -> Option<IssuerName> {
        let named = |name: &&&String| {
            self.config.issuers.get(**name).is_some_and(|issuer| *issuer.issuer == *asker.claims.issuer)
        };
        let trusted = self.trusted();
        let only = if let [only] = *trusted
            && asker.claims.issuer.is_empty()
        {
            Some(only)
        } else {
            None
        };
        trusted.iter().find(named).copied().or(only).map(|name| name.as_str().into())
    }

    fn rows(&self, subject: &Subject<'_>) -> Vec<Row> {
        let when = self.policy.when.as_deref();
        let ruled = when.and_then(|when| when.limits(subject));
        let classes = crate::proxy::when::classes(&self.policy, &self.settings.when);
        let limits = ruled.unwrap_or_else(|| self.policy.own_limits(&classes));
        let spans = limits.spans().into_iter().map(|(field, limit)| self.span(field, limit, subject));
        let mut rows: Vec<Row> = spans.collect();
        rows.push(self.acr(ruled.as_ref(), &limits));
        rows.extend(self.others());
        rows.extend(self.trusted().into_iter().filter_map(|name| self.leeway(name)));
        rows
    }

    fn row(&self, limit: &str, value: String, origin: Origin) -> Row {
        let relax = match origin {
            Origin::Policy => self.settings.relax.as_ref(),
            Origin::Rule(place) => self.settings.when.get(usize::from(place)).and_then(|rule| rule.relax.as_ref()),
            _ => None,
        };
        let relax = relax.filter(|relax| relax.fields.iter().any(|field| field == limit));
        let (limit, origin) = (limit.to_owned(), written(origin, self.name, self.settings));
        Row { limit, value, origin, relaxed: relax.map(|relax| relax.reason.clone()) }
    }

    fn span(&self, field: &str, limit: Option<Limit<Duration>>, subject: &Subject<'_>) -> Row {
        match limit {
            Some(limit) => self.row(field, Span::from(limit.value).to_string(), limit.origin),
            None => self.row(field, "off".to_owned(), self.off(field, subject)),
        }
    }

    /// Who turned it off.
    fn off(&self, field: &str, subject: &Subject<'_>) -> Origin {
        let by_rule = |when: &When| {
            let is_off = |limits: &Limits| {
                limits
                    .spans()
                    .into_iter()
                    .any(|(name, limit)| name == field && limit.is_some_and(|limit| limit.value == OFF))
            };
            let at = when.rules.iter().position(|rule| is_off(&rule.relaxes) && rule.condition.holds(subject));
            at.map(crate::decide::when::origin)
        };
        let of = |session: &crate::proxy::sessions::SessionPolicy,
                  step_up: &crate::proxy::sessions::StepUpPolicy,
                  token: &crate::proxy::settings::TokenPolicy| match field {
            "token.max_age" => token.max_age,
            "token.max_lifetime" => token.max_lifetime,
            "session.idle" => session.idle,
            "session.absolute" => session.absolute,
            _ => step_up.auth_age,
        };
        let (own, usual) = (self.settings, &self.config.defaults);
        let said = |span: Option<OrOff<Span>>, origin| span.map(|_| origin);
        self.policy
            .when
            .as_deref()
            .and_then(by_rule)
            .or(said(of(&own.session, &own.step_up, &own.token), Origin::Policy))
            .or(said(of(&usual.session, &usual.step_up, &usual.token), Origin::Defaults))
            .unwrap_or_default()
    }

    fn acr(&self, ruled: Option<&Limits>, limits: &Limits) -> Row {
        match limits.acr {
            Some(acr) => self.row("step_up.acr", self.policy.classes_under(ruled).join(", "), acr.origin),
            None => self.row("step_up.acr", "any".to_owned(), Origin::BuiltIn),
        }
    }

    /// What no rule changes.
    fn others(&self) -> [Row; 13] {
        let (own, usual, policy) = (self.settings, &self.config.defaults, &self.policy);
        let span = |span: Option<Duration>| span.map_or("-".to_owned(), |span| Span::from(span).to_string());
        let row = |limit, value: String, own: bool, usual: bool| {
            let below = if usual { Origin::Defaults } else { Origin::BuiltIn };
            self.row(limit, value, if own { Origin::Policy } else { below })
        };
        let (token, default) = (&own.token, &usual.token);
        let sessions = own.session.over(&usual.session);
        let nonce = token.dpop_nonce.or(default.dpop_nonce).unwrap_or_default();
        let status = own.revocation.status.or(usual.revocation.status).unwrap_or_default();
        let asked = own.revocation.introspection.or(usual.revocation.introspection).unwrap_or_default();
        let stale = policy.freshness.on_stale;
        // Where nothing is said of the start, it is as at any other time.
        let cold = own.revocation.cold_start.or(usual.revocation.cold_start);
        let cold = cold.map_or_else(|| word(&stale.value), |said| word(&said));
        [
            row(
                "session.jitter",
                span(Some(sessions.jitter)),
                own.session.jitter.is_some(),
                usual.session.jitter.is_some(),
            ),
            row(
                "session.idle_jitter",
                span(Some(sessions.idle_jitter)),
                own.session.idle_jitter.is_some(),
                usual.session.idle_jitter.is_some(),
            ),
            row(
                "session.unidentified",
                word(&sessions.unidentified),
                own.session.unidentified.is_some(),
                usual.session.unidentified.is_some(),
            ),
            row(
                "session.on_state_loss",
                word(&sessions.on_state_loss),
                own.session.on_state_loss.is_some(),
                usual.session.on_state_loss.is_some(),
            ),
            row("token.dpop", word(&policy.binding.dpop), token.dpop.is_some(), default.dpop.is_some()),
            self.row("token.dpop_max_age", span(Some(policy.binding.max_age.value)), policy.binding.max_age.origin),
            row("token.dpop_nonce", word(&nonce), token.dpop_nonce.is_some(), default.dpop_nonce.is_some()),
            row(
                "token.dpop_nonce_max_age",
                span(policy.binding.nonce.map(|limit| limit.value)),
                token.dpop_nonce_max_age.is_some(),
                default.dpop_nonce_max_age.is_some(),
            ),
            row("token.mtls", word(&policy.binding.mtls), token.mtls.is_some(), default.mtls.is_some()),
            self.row("revocation.on_stale", word(&stale.value), stale.origin),
            self.row("revocation.cold_start", cold, policy.freshness.cold_start.origin),
            row(
                "revocation.introspection",
                word(&asked),
                own.revocation.introspection.is_some(),
                usual.revocation.introspection.is_some(),
            ),
            row("revocation.status", word(&status), own.revocation.status.is_some(), usual.revocation.status.is_some()),
        ]
    }

    fn leeway(&self, name: &str) -> Option<Row> {
        let settings = self.config.issuers.get(name)?;
        let origin = match settings.rules(name).leeway.origin {
            Origin::Issuer => format!("issuers.{name}"),
            other => other.name().to_owned(),
        };
        Some(Row { limit: format!("leeway of {name}"), value: settings.leeway.to_string(), origin, relaxed: None })
    }

    fn rules(&self, subject: &Subject<'_>) -> Vec<Asked> {
        let rules = self.policy.when.iter().flat_map(|when| when.rules.iter()).zip(&self.settings.when);
        let asked = |(at, (rule, said)): (usize, (&crate::decide::when::Rule, &crate::proxy::when::WhenRule))| Asked {
            rule: crate::decide::when::origin(at).name().to_owned(),
            holds: rule.condition.holds(subject),
            r#if: spoken(serde_json::to_value(&said.r#if).unwrap_or_default()),
        };
        rules.enumerate().map(asked).collect()
    }
}

/// The word that config has for it.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Without what is not said.
fn spoken(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    let is_said = |value: &Value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
    match value {
        Value::Object(members) => {
            members.into_iter().filter(|(_, value)| is_said(value)).map(|(name, value)| (name, spoken(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(spoken).collect(),
        other => other,
    }
}
