//! Policies: each can be kept by some token, and says what was meant.

use std::time::Duration;

use super::tell::Faults;
use crate::control::config::{Fault, Spans, advise, join};
use crate::control::settings::Config;
use crate::decide::checks::binding::{Dpop, DpopNonce, Mtls};
use crate::decide::checks::claims::Required;
use crate::proxy::listen::Security;
use crate::proxy::policies::LIFETIME;
use crate::proxy::settings::{PolicySettings, TokenPolicy};
use crate::settings::{OrOff, Span};

/// The oldest that a proof may be said to be.
const PROOF_CAP: Duration = Duration::from_secs(300);

/// The oldest that a nonce may be said to be.
const NONCE_CAP: Duration = Duration::from_secs(60 * 60);

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    token("defaults", &config.defaults.token, &config.defaults.token, &mut faults);
    unasked("defaults", &config.defaults.token, config, &mut faults);
    for (name, policy) in &config.policies {
        let path = join("policies", name);
        token(&path, &policy.token, &config.defaults.token, &mut faults);
        unasked(&path, &policy.token, config, &mut faults);
        audiences(&path, policy, &mut faults);
        scopes(&path, policy, &mut faults);
        claims(&path, policy, &mut faults);
    }
    faults.list()
}

fn token(path: &str, token: &TokenPolicy, defaults: &TokenPolicy, faults: &mut Faults<'_>) {
    let path = format!("{path}.token");
    for (at, claim) in token.require.iter().enumerate().filter(|(_, claim)| Required::known(claim).is_none()) {
        let known: Vec<&str> = Required::names().collect();
        let help = advise(claim, &known, "those that can be required are");
        faults.error(&format!("{path}.require[{at}]"), format!("the claim `{claim}` cannot be required"), help);
    }
    if token.dpop_max_age.is_some_and(|span| span.get() > PROOF_CAP || span.get().is_zero()) {
        let help = "RFC 9449 §11.1 speaks of seconds or minutes: write at least `1s` and at most `5m`";
        faults.error(&format!("{path}.dpop_max_age"), "a proof is for one request, made just before it", help);
    }
    nonces(&path, token, defaults, faults);
    both(&path, token, defaults, faults);
    if token.max_lifetime.is_some_and(|span| span.is_off()) {
        let help = "name the longest lifetime that your issuers give";
        faults.warn(&format!("{path}.max_lifetime"), "a token that lives for years is accepted (RFC 6750 §5.3)", help);
    }
    let age = token.max_age.or(defaults.max_age).and_then(OrOff::on);
    let longest = token.max_lifetime.or(defaults.max_lifetime).map_or(Some(LIFETIME), |span| span.on().map(Span::get));
    if let (Some(age), Some(longest)) = (age, longest)
        && (token.max_age.is_some() || token.max_lifetime.is_some())
    {
        pointless(&path, age, longest, faults);
    }
}

fn nonces(path: &str, token: &TokenPolicy, defaults: &TokenPolicy, faults: &mut Faults<'_>) {
    if token.dpop_nonce_max_age.is_some_and(|span| span.get() > NONCE_CAP || span.get() < Duration::from_secs(1)) {
        let help = "write at least `1s` and at most `1h`; clients renew what is half as old";
        faults.error(&format!("{path}.dpop_nonce_max_age"), "a nonce says that a proof is new", help);
    }
    let unspoken = token.dpop.or(defaults.dpop) == Some(Dpop::Off);
    if unspoken && token.dpop_nonce == Some(DpopNonce::Required) {
        let help = "say `dpop: optional` or `required`, or remove it";
        faults.warn(&format!("{path}.dpop_nonce"), "there are no proofs to carry a nonce: `dpop` is off", help);
    }
}

/// A token is bound in one way. What of it stands in `defaults` is told where a policy inherits it.
fn both(path: &str, token: &TokenPolicy, defaults: &TokenPolicy, faults: &mut Faults<'_>) {
    let required = (token.dpop.or(defaults.dpop), token.mtls.or(defaults.mtls));
    let said = token.dpop.is_some() || token.mtls.is_some();
    if said && required == (Some(Dpop::Required), Some(Mtls::Required)) {
        let field = if token.mtls.is_some() { "mtls" } else { "dpop" };
        let help = "require one of the two, and say `optional` for the other";
        faults.error(&format!("{path}.{field}"), "no token is bound to a key and to a certificate", help);
    }
}

/// A token that must be bound to a certificate can come only where one is asked for.
fn unasked(path: &str, token: &TokenPolicy, config: &Config, faults: &mut Faults<'_>) {
    let asks = |security: &Security| matches!(security, Security::Tls(tls) if !tls.client_certificates.is_off());
    if token.mtls == Some(Mtls::Required) && !config.listeners.iter().any(|listener| asks(&listener.security)) {
        let help = "say `client_certificates: { ask: optional, trust: any }` in the `tls` of a listener";
        let message = "every token is refused: no listener asks clients for a certificate";
        faults.warn(&format!("{path}.token.mtls"), message, help);
    }
}

fn pointless(path: &str, age: Span, longest: Duration, faults: &mut Faults<'_>) {
    if age.get() > longest {
        let message = format!("no token gets {age} old: {} is the longest lifetime", Span::from(longest));
        let help = "make `max_age` shorter than `max_lifetime`, or leave it out";
        faults.warn(&format!("{path}.max_age"), message, help);
    }
}

fn audiences(path: &str, policy: &PolicySettings, faults: &mut Faults<'_>) {
    let Some(audiences) = &policy.audiences else { return };
    if audiences.is_empty() || audiences.iter().any(String::is_empty) {
        let help = "name at least one audience, none of them empty; or remove the line to use those of the issuer";
        faults.error(&format!("{path}.audiences"), "no token can be meant for nobody", help);
    }
}

/// RFC 6749 §3.3: a scope is one word of printable ASCII.
fn scopes(path: &str, policy: &PolicySettings, faults: &mut Faults<'_>) {
    let fits = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let is_scope = |scope: &str| !scope.is_empty() && scope.bytes().all(fits);
    for (at, scope) in policy.scopes.iter().enumerate().filter(|(_, scope)| !is_scope(scope)) {
        let help = "write each scope as an item of its own, such as `[orders.read, orders.write]`";
        faults.error(&format!("{path}.scopes[{at}]"), format!("`{scope}` is not one scope (RFC 6749 §3.3)"), help);
    }
}

fn claims(path: &str, policy: &PolicySettings, faults: &mut Faults<'_>) {
    for (at, rule) in policy.claims.iter().enumerate() {
        let path = format!("{path}.claims[{at}]");
        if rule.claim.is_empty() || rule.claim.split('.').any(str::is_empty) {
            let help = "write a name, or names with dots between, such as `realm_access.roles`";
            faults.error(&format!("{path}.claim"), format!("`{}` names no claim", rule.claim), help);
        }
        if rule.any_of.is_empty() {
            let help = "name the values of which the claim must be one";
            faults.error(&format!("{path}.any_of"), "this rule can never hold", help);
        }
    }
}
