//! Reach: whether a request can reach each route at all, and whether an open subtree lies in a guarded one.
//! The proof is by witnesses: a request in which everything the pattern leaves open is a word that no route names.
//! If another route takes it, that route takes every request of the same shape.

use http::Method;

use super::patterns::pattern;
use super::tell::Faults;
use crate::control::config::{Fault, Spans};
use crate::control::settings::Config;
use crate::proxy::router::{Match, Pattern, Router};
use crate::proxy::settings::Access;

/// A label and a segment that no config names; if one does, a warning is missed and nothing else.
const FRESH: &str = "curfew-witness-7f3a";

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    let patterns: Option<Vec<Pattern>> = config.routes.iter().map(pattern).collect();
    // Routes that clash or cannot be understood are told elsewhere, and must be mended first.
    let Some((patterns, router)) = patterns.and_then(|all| Router::build(&all).ok().map(|router| (all, router))) else {
        return faults.list();
    };
    let depth = patterns.iter().map(|pattern| pattern.path.matches('/').count()).max().unwrap_or(0) + 1;
    for (at, pattern) in patterns.iter().enumerate() {
        let mut witnesses = witnesses(pattern, depth);
        if !witnesses.any(|witness| witness.takes(&router) == Match::Route(at)) {
            unreachable(config, at, pattern, depth, &router, &mut faults);
        }
    }
    open_in_guarded(config, &patterns, &mut faults);
    faults.list()
}

struct Witness {
    host: String,
    path: String,
    method: Method,
}

impl Witness {
    fn takes<'r>(&self, router: &'r Router) -> Match<'r> {
        router.find(&self.host, &self.path, &self.method)
    }
}

/// One request of every shape that a pattern matches; below the deepest pattern all shapes are alike.
fn witnesses(pattern: &Pattern, depth: usize) -> impl Iterator<Item = Witness> {
    let paths = paths(&pattern.path, depth);
    let methods = methods(pattern);
    hosts(pattern).into_iter().flat_map(move |host| {
        let methods = methods.clone();
        paths.clone().into_iter().flat_map(move |path| {
            let host = host.clone();
            methods.clone().into_iter().map(move |method| Witness { host: host.clone(), path: path.clone(), method })
        })
    })
}

fn hosts(pattern: &Pattern) -> Vec<String> {
    if pattern.hosts.is_empty() {
        return vec![FRESH.to_owned()];
    }
    pattern.hosts.iter().map(|host| host.replacen('*', FRESH, 1)).collect()
}

fn paths(path: &str, depth: usize) -> Vec<String> {
    let (base, below) = path.strip_suffix("/**").map_or((path, false), |base| (base, true));
    let fill = |segment: &str| if segment.starts_with('{') { FRESH.to_owned() } else { segment.to_owned() };
    let base = base.split('/').map(fill).collect::<Vec<_>>().join("/");
    if !below {
        return vec![base];
    }
    let deeper = (0..=depth).map(|more| format!("{base}{}", format!("/{FRESH}").repeat(more)));
    deeper.flat_map(|path| [format!("{path}/"), path]).filter(|path| !path.is_empty()).collect()
}

fn methods(pattern: &Pattern) -> Vec<Method> {
    use Method as M;
    let usual = || vec![M::GET, M::HEAD, M::POST, M::PUT, M::PATCH, M::DELETE, M::OPTIONS, M::TRACE];
    if pattern.methods.is_empty() { usual() } else { pattern.methods.clone() }
}

fn unreachable(config: &Config, at: usize, pattern: &Pattern, depth: usize, router: &Router, faults: &mut Faults<'_>) {
    let name = |at: usize| config.routes.get(at).map_or("", |route| route.name.as_str());
    let mut takers: Vec<&str> = witnesses(pattern, depth)
        .filter_map(|witness| match witness.takes(router) {
            Match::Route(other) => Some(name(other)),
            _ => None,
        })
        .collect();
    takers.sort_unstable();
    takers.dedup();
    let message = format!("no request can reach the route `{}`", name(at));
    let help = if takers.is_empty() {
        "more specific paths match first, and have other methods; add its methods there, or remove it".to_owned()
    } else {
        format!("{} take all of its requests first; remove it, or make it more specific", super::tell::and(&takers))
    };
    faults.warn(&format!("routes[{at}].path"), message, help);
}

/// An open subtree inside a guarded one is easily forgotten when something is added below it.
fn open_in_guarded(config: &Config, patterns: &[Pattern], faults: &mut Faults<'_>) {
    let is = |access: Access| move |at: &usize| config.routes.get(*at).is_some_and(|route| route.access == access);
    let guarded: Vec<usize> = (0..patterns.len()).filter(is(Access::Guarded)).collect();
    let of_guarded: Vec<Pattern> = guarded.iter().filter_map(|at| patterns.get(*at).cloned()).collect();
    let Ok(router) = Router::build(&of_guarded) else { return };
    for (at, pattern) in patterns.iter().enumerate().filter(|(at, _)| is(Access::Open)(at)) {
        if !pattern.path.ends_with("/**") {
            continue;
        }
        let taker = witnesses(pattern, 0).find_map(|witness| match witness.takes(&router) {
            Match::Route(index) => guarded.get(index).and_then(|at| config.routes.get(*at)),
            _ => None,
        });
        if let Some(taker) = taker {
            let message = format!(
                "everything below `{}` is open, though it lies in the guarded route `{}`",
                pattern.path, taker.name
            );
            faults.warn(
                &format!("routes[{at}].access"),
                message,
                "name the open paths one by one, if that was not meant",
            );
        }
    }
}
