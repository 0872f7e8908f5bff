//! Patterns: each host, path and method of a route is one, and no request could take two routes alike.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use http::Method;

use super::tell::Faults;
use crate::control::config::{Fault, Spans};
use crate::control::settings::Config;
use crate::proxy::path::canonical;
use crate::proxy::router::{Pattern, Router};
use crate::proxy::settings::RouteSettings;

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    for (at, route) in config.routes.iter().enumerate() {
        for (nth, host) in route.hosts.iter().enumerate() {
            told(&format!("routes[{at}].hosts[{nth}]"), host_trouble(host), &mut faults);
        }
        told(&format!("routes[{at}].path"), path_trouble(&route.path), &mut faults);
        for (nth, method) in route.methods.iter().enumerate() {
            told(&format!("routes[{at}].methods[{nth}]"), method_trouble(method), &mut faults);
        }
        twice(at, "hosts", route.hosts.iter().map(|host| host.to_ascii_lowercase()), &mut faults);
        twice(at, "methods", route.methods.iter().cloned(), &mut faults);
    }
    ambiguous(config, spans, &mut faults);
    faults.list()
}

/// What is wrong, and what to do.
type Trouble = Option<(String, String)>;

fn told(path: &str, trouble: Trouble, faults: &mut Faults<'_>) {
    if let Some((message, help)) = trouble {
        faults.error(path, message, help);
    }
}

fn trouble(message: impl Into<String>, help: impl Into<String>) -> Trouble {
    Some((message.into(), help.into()))
}

fn host_trouble(host: &str) -> Trouble {
    if host == "*" {
        return trouble("`*` is every host", "leave `hosts` out for every host");
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    if is_address(name) && name.len() == host.len() {
        return None;
    }
    if name.contains("://") || name.contains('/') {
        return trouble(format!("`{host}` is a URL, not a host"), "write the host alone, such as `api.example.com`");
    }
    if name.contains('*') {
        return trouble(
            format!("`{host}` has a wildcard inside"),
            "a wildcard is the whole first label: `*.example.com`",
        );
    }
    if name.contains(':') {
        return trouble(format!("`{host}` has a port"), "leave the port out: routes are told apart by host name alone");
    }
    let help = "write a host name such as `api.example.com`, an IP address, or `*.example.com`; no dot at the end";
    (!is_host_name(name)).then(|| (format!("`{host}` is no host name"), help.to_owned()))
}

fn is_address(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    text.parse::<std::net::Ipv4Addr>().is_ok() || inner.is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_host_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(fits);
    name.len() <= 253 && name.split('.').all(label)
}

fn path_trouble(path: &str) -> Trouble {
    let Some(inner) = path.strip_prefix('/') else {
        return trouble(format!("`{path}` does not begin with a slash"), format!("write `/{path}`"));
    };
    if path.contains(['?', '#']) {
        return trouble("a route is found by its path alone", "leave the query and the fragment out");
    }
    let inner = if inner == "**" { "" } else { inner.strip_suffix("/**").unwrap_or(inner) };
    let mut names = HashSet::new();
    for segment in inner.split('/').filter(|segment| segment.contains(['{', '}', '*'])) {
        let Some(name) = parameter(segment) else {
            let help = "`{name}` stands for one whole segment, and `/**` at the end for all below";
            return trouble(format!("`{segment}` is no segment of a path pattern"), help);
        };
        if !names.insert(name) {
            return trouble(format!("`{{{name}}}` stands twice in this path"), "give each its own name");
        }
    }
    unlike_canonical(inner)
}

/// The name of a segment that stands for any: `{id}`.
fn parameter(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (!name.is_empty() && fits).then_some(name)
}

/// Requests are matched by their canonical path, so a pattern that is not canonical would match none.
fn unlike_canonical(inner: &str) -> Trouble {
    let plain = |segment: &str| if segment.starts_with('{') { "x".to_owned() } else { segment.to_owned() };
    let literal = format!("/{}", inner.split('/').map(plain).collect::<Vec<_>>().join("/"));
    match canonical(&literal) {
        Ok(path) if path == literal => None,
        Ok(path) => trouble(
            "no request has such a path: paths are matched in their canonical form",
            format!("write it as in `{path}`"),
        ),
        Err(why) => trouble(format!("no request has such a path: {why}"), "write the path as a client would send it"),
    }
}

fn method_trouble(method: &str) -> Trouble {
    let upper = method.to_ascii_uppercase();
    match Method::from_bytes(method.as_bytes()) {
        Err(_) => trouble(format!("`{method}` is no method"), "write one such as `GET` (RFC 9110 §9.1)"),
        Ok(_) if upper != method => trouble(
            format!("methods are told apart by case, and `{method}` is not `{upper}`"),
            format!("write `{upper}` (RFC 9110 §9.1)"),
        ),
        Ok(_) => None,
    }
}

fn twice(at: usize, field: &str, items: impl Iterator<Item = String>, faults: &mut Faults<'_>) {
    let mut seen = HashSet::new();
    for (nth, item) in items.enumerate() {
        let message = format!("`{item}` stands here twice");
        if !seen.insert(item) {
            faults.error(&format!("routes[{at}].{field}[{nth}]"), message, "remove one of them");
        }
    }
}

/// What a route matches, if all of it can be understood.
pub(super) fn pattern(route: &RouteSettings) -> Option<Pattern> {
    let hosts_fit = route.hosts.iter().all(|host| host_trouble(host).is_none());
    let fits = hosts_fit && path_trouble(&route.path).is_none();
    let methods: Option<Vec<Method>> = route.methods.iter().map(|method| method.parse().ok()).collect();
    // A host or method that stands there twice is told as such, and not as a clash of the route with itself.
    let hosts: BTreeSet<String> = route.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
    let pattern = Pattern { hosts: hosts.into_iter().collect(), path: route.path.clone(), methods: methods? };
    fits.then_some(pattern)
}

fn ambiguous(config: &Config, spans: &Spans, faults: &mut Faults<'_>) {
    // A host or a method that a fault took away would make a route wider than it is.
    let routes = config.routes.iter().enumerate().filter(|(at, _)| spans.is_sound(&format!("routes[{at}]")));
    let known: Vec<(usize, Pattern)> = routes.filter_map(|(at, route)| Some((at, pattern(route)?))).collect();
    let patterns: Vec<Pattern> = known.iter().map(|(_, pattern)| pattern.clone()).collect();
    let conflicts = Router::build(&patterns).err().unwrap_or_default();
    let route = |index: usize| known.get(index).map(|(at, _)| *at);
    let pairs = conflicts.iter().filter_map(|clash| Some((route(clash.first)?, route(clash.second)?)));
    let mut by_second: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (first, second) in pairs {
        by_second.entry(second).or_default().insert(first);
    }
    for (second, firsts) in by_second {
        for first in firsts {
            clash(config, spans, first, second, faults);
        }
    }
}

fn clash(config: &Config, spans: &Spans, first: usize, second: usize, faults: &mut Faults<'_>) {
    let name = |at: usize| config.routes.get(at).map_or("", |route| route.name.as_str());
    let line = spans.near(&format!("routes[{first}].path")).map_or(0, |location| location.line);
    let message = format!(
        "a request could take `{}` (line {line}) or `{}`: host, path and method are alike",
        name(first),
        name(second)
    );
    let help = format!("give one of them another host, path or method, here or in line {line}");
    faults.error(&format!("routes[{second}].path"), message, help);
}
