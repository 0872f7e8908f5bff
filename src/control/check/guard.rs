//! Guard: every guarded route has a policy, issuers to trust, and an upstream to which its token may be sent on.

use super::tell::Faults;
use crate::control::config::{Fault, Spans};
use crate::control::settings::Config;
use crate::proxy::settings::{Access, RouteSettings};

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    if config.routes.is_empty() {
        let help = "add one: a request that no route matches is refused";
        faults.error("routes", "there is no route: every request would be refused", help);
    }
    for (at, route) in config.routes.iter().enumerate() {
        let path = format!("routes[{at}]");
        match route.access {
            Access::Guarded => guarded(config, &path, route, &mut faults),
            Access::Open => open(&path, route, &mut faults),
        }
        forwarded(config, &path, route, &mut faults);
    }
    faults.list()
}

fn guarded(config: &Config, path: &str, route: &RouteSettings, faults: &mut Faults<'_>) {
    if route.policy.is_none() && config.defaults.policy.is_none() {
        let help = "say `policy: NAME` here or in `defaults`; or `access: open` if everybody may pass";
        faults.error(path, format!("the route `{}` is guarded, but no policy says how", route.name), help);
    }
    if config.issuers.is_empty() {
        let help = "add an issuer under `issuers`; or say `access: open` if everybody may pass";
        faults.error(path, format!("the route `{}` is guarded, but there is no issuer to trust", route.name), help);
    }
}

fn open(path: &str, route: &RouteSettings, faults: &mut Faults<'_>) {
    let unasked = [
        ("policy", route.policy.is_some()),
        ("token", route.token.cookie.is_some()),
        ("identity", route.identity.is_some()),
    ];
    for (field, _) in unasked.iter().filter(|(_, is_set)| *is_set) {
        let message = format!("`{field}` has no effect: the route `{}` is open, and no token is asked for", route.name);
        faults.warn(&format!("{path}.{field}"), message, "remove it, or remove `access: open`");
    }
}

/// A token stays confidential all the way (RFC 6750 §5.2).
fn forwarded(config: &Config, path: &str, route: &RouteSettings, faults: &mut Faults<'_>) {
    let upstream = config.upstreams.get(&route.upstream).filter(|_| route.forward_token);
    let endpoints = upstream.iter().flat_map(|upstream| &upstream.endpoints);
    for endpoint in endpoints.filter(|endpoint| !endpoint.secure && !endpoint.is_loopback()) {
        let address = endpoint.authority();
        let message = format!("the token would be sent on in the clear, to `{address}` (RFC 6750 §5.2)");
        let help = "use an `https` endpoint; or leave `forward_token` out: the upstream gets identity headers";
        faults.error(&format!("{path}.forward_token"), message, help);
    }
}
