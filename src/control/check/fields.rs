//! Fields: which header fields and cookies a route may set, remove, and read its token from.

use std::collections::{BTreeMap, HashSet};

use http::{HeaderName, HeaderValue};

use super::tell::{Faults, is_cookie_name};
use crate::control::config::{Fault, Spans, join};
use crate::control::settings::Config;
use crate::proxy::settings::HeaderRules;

/// Fields that frame a message or belong to one connection (RFC 9110 §7.6.1, RFC 9112 §6): Curfew's alone.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that Curfew writes itself.
const OURS: &[&str] = &[
    "cookie",
    "forwarded",
    "traceparent",
    "tracestate",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    for (at, route) in config.routes.iter().enumerate() {
        let path = format!("routes[{at}]");
        if !faults.is_sound(&path) {
            continue;
        }
        rules(&format!("{path}.headers.request"), &route.headers.request, true, &mut faults);
        rules(&format!("{path}.headers.response"), &route.headers.response, false, &mut faults);
        let injected = route.identity.as_ref();
        identity(&format!("{path}.identity"), injected, &route.headers.request, &mut faults);
        cookie(&format!("{path}.token.cookie"), route.token.cookie.as_deref(), &mut faults);
    }
    faults.list()
}

fn rules(path: &str, rules: &HeaderRules, request: bool, faults: &mut Faults<'_>) {
    for (name, value) in &rules.set {
        let place = join(&format!("{path}.set"), name);
        if HeaderValue::try_from(value.as_str()).is_err() {
            faults.error_unshown(
                &place,
                "a header field cannot have this value",
                "use printable ASCII without line breaks (RFC 9110 §5.5)",
            );
        }
        if request && name.eq_ignore_ascii_case("authorization") {
            let help = "leave it out: a credential in a config is a secret in a config; `forward_token` passes the caller's own on";
            faults.error_unshown(&place, "`Authorization` is not set by a rule", help);
        }
    }
    names(&format!("{path}.set"), rules.set.keys(), true, faults);
    names(&format!("{path}.remove"), rules.remove.iter(), false, faults);
    for (nth, name) in rules.remove.iter().enumerate() {
        if rules.set.keys().any(|set| set.eq_ignore_ascii_case(name)) {
            let message = format!("`{name}` is removed here and set above");
            faults.error(
                &format!("{path}.remove[{nth}]"),
                message,
                "keep one of the two: setting replaces what was there",
            );
        }
    }
}

/// Each is a name, may be touched, and stands there once.
fn names<'n>(path: &str, names: impl Iterator<Item = &'n String>, by_key: bool, faults: &mut Faults<'_>) {
    let mut seen = HashSet::new();
    for (nth, name) in names.enumerate() {
        let place = if by_key { join(path, name) } else { format!("{path}[{nth}]") };
        let lower = name.to_ascii_lowercase();
        if HeaderName::try_from(name.as_str()).is_err() {
            faults.error(
                &place,
                format!("`{name}` is no header field name"),
                "use letters, digits and `-` (RFC 9110 §5.1)",
            );
        } else if FRAMING.contains(&lower.as_str()) {
            let help = "leave it out: it frames the message or belongs to one connection, and Curfew sees to it";
            faults.error(&place, format!("`{name}` is not for rules to touch (RFC 9110 §7.6.1)"), help);
        }
        if !seen.insert(lower) {
            faults.error(&place, format!("`{name}` stands here twice: case makes no difference"), "remove one of them");
        }
    }
}

fn identity(path: &str, fields: Option<&BTreeMap<String, String>>, request: &HeaderRules, faults: &mut Faults<'_>) {
    for (name, claim) in fields.into_iter().flatten() {
        let place = join(path, name);
        if claim.is_empty() || claim.split('.').any(str::is_empty) {
            faults.error(
                &place,
                format!("`{claim}` names no claim"),
                "write one such as `sub` or `realm_access.roles`",
            );
        }
        let lower = name.to_ascii_lowercase();
        if OURS.contains(&lower.as_str()) || lower == "authorization" {
            let help = "use a field of your own, such as `X-User`";
            faults.error(&place, format!("`{name}` has its own meaning and cannot carry an identity"), help);
        }
    }
    names(path, fields.into_iter().flatten().map(|(name, _)| name), true, faults);
    let usual = ["curfew-subject", "curfew-issuer", "curfew-client", "curfew-scope"];
    let injected = |name: &str| match fields {
        Some(fields) => fields.keys().any(|field| field.eq_ignore_ascii_case(name)),
        None => usual.iter().any(|field| field.eq_ignore_ascii_case(name)),
    };
    let place = format!("{}.headers.request.set", path.trim_end_matches(".identity"));
    for name in request.set.keys().filter(|name| injected(name)) {
        let message = format!("`{name}` tells the upstream who the caller is, and a rule would forge it");
        faults.error(&join(&place, name), message, "use another name, or remove it from `identity`");
    }
}

fn cookie(path: &str, name: Option<&str>, faults: &mut Faults<'_>) {
    if let Some(name) = name.filter(|name| !is_cookie_name(name)) {
        let help = "use letters, digits, `-` and `_` (RFC 6265 §4.1.1)";
        faults.error(path, format!("`{name}` is no name of a cookie"), help);
    }
}
