//! What settings say in the rules of a policy, and what the plan makes of it. How rules are judged is told by
//! `decide/when`.

use super::sessions::StepUpPolicy;
use super::settings::{Defaults, PolicySettings, Relax};
use crate::decide::finding::Limit;
use crate::decide::limits::{Classes, Limits, OFF, SPANS};
use crate::decide::policy::Policy;
use crate::decide::when::{self, Condition, Rule, Test, When};
use crate::settings::{OrOff, Span};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What must be true of one claim: exactly one of `equals`, `any_of` and `present`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhenClaim {
    /// The claim: a name, or names with dots between, such as `realm_access.roles`.
    pub claim: String,
    /// The value it is, or, if it is an array, holds.
    #[serde(default)]
    pub equals: Option<Value>,
    /// The values of which it is one, or, if it is an array, holds one.
    #[serde(default)]
    pub any_of: Option<Vec<Value>>,
    /// `true`: it is there, whatever it says; `false`: it is not.
    #[serde(default)]
    pub present: Option<bool>,
}

/// Which requests a rule is for: those of which all that is said here is true.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WhenIf {
    /// Claims of the verified token, all of which must be so: tenants, roles, and what else the issuer tells.
    pub claims: Vec<WhenClaim>,
    /// The issuers of which the token's is one, by their names in `issuers`. Default: any.
    pub issuers: Option<Vec<String>>,
    /// The clients (`client_id`, else `azp`) of which the token's is one. Default: any.
    pub clients: Option<Vec<String>>,
    /// The classes of sign-in of which the token's `acr` is one. Default: any, or none.
    pub acr: Option<Vec<String>>,
    /// The networks of which one holds the client's address, as the connection, or the PROXY protocol, tells it.
    /// Default: any.
    #[schemars(with = "Option<Vec<String>>")]
    pub networks: Option<Vec<IpNet>>,
    /// The networks of which none holds the client's address. Default: none.
    #[schemars(with = "Option<Vec<String>>")]
    pub outside: Option<Vec<IpNet>>,
}

/// Limits of the token that a rule sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WhenToken {
    /// The greatest age, `now - iat`; `off`, with leave, for none. Default: as if this rule were not there.
    pub max_age: Option<OrOff<Span>>,
    /// The longest lifetime, `exp - iat`; `off`, with leave, for none. Default: as if this rule were not there.
    pub max_lifetime: Option<OrOff<Span>>,
}

/// Limits of the session that a rule sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WhenSession {
    /// The longest time it may be left alone; `off`, with leave, for none. Default: as if this rule were not there.
    pub idle: Option<OrOff<Span>>,
    /// Its greatest length; `off`, with leave, for none. Default: as if this rule were not there.
    pub absolute: Option<OrOff<Span>>,
}

/// A rule: other limits for some of the requests.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhenRule {
    /// Which requests it is for.
    pub r#if: WhenIf,
    /// Limits of the token.
    #[serde(default)]
    pub token: WhenToken,
    /// Limits of the session.
    #[serde(default)]
    pub session: WhenSession,
    /// Limits of the sign-in; `off`, with leave, for none. Default: as if this rule were not there.
    #[serde(default)]
    pub step_up: StepUpPolicy,
    /// Leave to be looser than the policy is without rules.
    #[serde(default)]
    pub relax: Option<Relax>,
}

impl WhenRule {
    /// The spans it sets, by their names, in the order of [`SPANS`].
    #[must_use]
    pub fn spans(&self) -> [(&'static str, Option<OrOff<Span>>); SPANS.len()] {
        [
            ("token.max_age", self.token.max_age),
            ("token.max_lifetime", self.token.max_lifetime),
            ("session.idle", self.session.idle),
            ("session.absolute", self.session.absolute),
            ("step_up.auth_age", self.step_up.auth_age),
        ]
    }

    /// Has it leave to be looser here?
    #[must_use]
    pub fn relaxes(&self, field: &str) -> bool {
        self.relax.iter().flat_map(|relax| &relax.fields).any(|name| name == field)
    }
}

/// Builds the rules of a policy that is built but for them.
#[must_use]
pub fn build(policy: &Policy, settings: &PolicySettings, defaults: &Defaults) -> Option<Box<When>> {
    let classes = classes(policy, &settings.when);
    let rule = |(place, said): (usize, &WhenRule)| rule(place, said, &classes);
    let when = When {
        own: policy.own_limits(&classes),
        sessions: settings.session.over(&defaults.session),
        rules: settings.when.iter().enumerate().map(rule).collect(),
        classes,
    };
    (!settings.when.is_empty()).then(|| Box::new(when))
}

/// All classes of sign-in that the policy and its rules name: its own first, as it prefers them.
#[must_use]
pub fn classes(policy: &Policy, rules: &[WhenRule]) -> Box<[Box<str>]> {
    let own = policy.acr.iter().flat_map(|acr| acr.among.iter()).map(|class| &**class);
    let named = rules.iter().filter_map(|rule| rule.step_up.acr.as_ref()).flatten().map(String::as_str);
    let mut all: Vec<Box<str>> = Vec::new();
    for class in own.chain(named) {
        if !all.iter().any(|one| **one == *class) {
            all.push(class.into());
        }
    }
    all.into_boxed_slice()
}

fn rule(place: usize, said: &WhenRule, classes: &[Box<str>]) -> Rule {
    let (mut tightens, mut relaxes) = (Limits::default(), Limits::default());
    let origin = when::origin(place);
    for (field, span) in said.spans() {
        let limit = span.map(|span| Limit::new(span.on().map_or(OFF, Span::get), origin));
        let side = if said.relaxes(field) { &mut relaxes } else { &mut tightens };
        side.set(field, limit);
    }
    let acr = said.step_up.acr.as_ref().map(|acr| Limit::new(Classes::of(acr, classes), origin));
    let side = if said.relaxes("step_up.acr") { &mut relaxes } else { &mut tightens };
    side.acr = acr;
    Rule { condition: condition(&said.r#if), tightens, relaxes }
}

/// What is asked of a request.
#[must_use]
pub fn condition(said: &WhenIf) -> Condition {
    let words = |words: &Option<Vec<String>>| words.iter().flatten().map(|word| word.as_str().into()).collect();
    let networks = |networks: &Option<Vec<IpNet>>| networks.iter().flatten().copied().collect();
    Condition {
        claims: said.claims.iter().map(|claim| (claim.claim.as_str().into(), test(claim))).collect(),
        issuers: said.issuers.iter().flatten().map(|name| name.as_str().into()).collect(),
        clients: words(&said.clients),
        acr: words(&said.acr),
        within: networks(&said.networks),
        outside: networks(&said.outside),
    }
}

fn test(said: &WhenClaim) -> Test {
    match (&said.equals, &said.any_of, said.present) {
        (Some(value), ..) => Test::AnyOf([value.clone()].into()),
        (None, Some(values), _) => Test::AnyOf(values.as_slice().into()),
        (None, None, there) => Test::Present(there.unwrap_or(true)),
    }
}
