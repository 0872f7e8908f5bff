//! Reach: whether a request can reach each route at all, and whether an open subtree lies in a guarded one.
//! The proof is by witnesses: a request in which everything the pattern leaves open is a word that no route names.
//! If another route takes it, that route takes every request of the same shape.

use http::Method;

use super::patterns::pattern;
use super::tell::{Faults, and};
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
    let depth = depth(&patterns);
    for (at, pattern) in patterns.iter().enumerate() {
        if !is_reachable(at, pattern, depth, &router) {
            unreachable(config, at, pattern, depth, &router, &mut faults);
        }
    }
    open_in_guarded(config, &patterns, &mut faults);
    faults.list()
}

/// One segment more than any pattern names.
fn depth(patterns: &[Pattern]) -> usize {
    patterns.iter().map(|pattern| pattern.path.matches('/').count()).max().unwrap_or(0) + 1
}

fn is_reachable(at: usize, pattern: &Pattern, depth: usize, router: &Router) -> bool {
    witnesses(pattern, depth).any(|witness| witness.takes(router) == Match::Route(at))
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
        format!("all of its requests are taken first by {}; remove it, or make it more specific", and(&takers))
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
        // Preflights carry no credentials (Fetch §4.8), and ask for nothing but leave.
        let is_preflight = pattern.methods == [Method::OPTIONS];
        if is_preflight || !pattern.path.ends_with("/**") {
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &[&[&str]] = &[&[], &["a.x"], &["*.x"], &["*.a.x", "a.x"]];
    const PATHS: &[&str] = &["/", "/**", "/a", "/a/", "/a/**", "/{p}", "/{p}/**", "/a/{p}", "/a/{p}/**", "/{p}/a"];

    fn patterns() -> Vec<Pattern> {
        let methods = [vec![], vec![Method::GET]];
        let all = HOSTS.iter().flat_map(|hosts| PATHS.iter().map(move |path| (hosts, path)));
        all.flat_map(|(hosts, path)| {
            let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            methods.clone().map(|methods| Pattern { hosts: hosts.clone(), path: (*path).to_owned(), methods })
        })
        .collect()
    }

    /// Every request over a few words, two levels deeper than any pattern.
    fn requests() -> Vec<(&'static str, String, Method)> {
        let mut paths = vec![String::new()];
        let mut layer = paths.clone();
        for _ in 0..4 {
            layer = layer.iter().flat_map(|path| ["a", "z"].map(|word| format!("{path}/{word}"))).collect();
            paths.extend(layer.clone());
        }
        let paths: Vec<String> =
            paths.iter().flat_map(|path| [format!("{path}/"), path.clone()]).filter(|path| !path.is_empty()).collect();
        let hosts = ["a.x", "z.x", "z.a.x", "z"];
        let methods = [Method::GET, Method::POST];
        let each = |host| paths.iter().flat_map(move |path| [(host, path.clone()), (host, path.clone())]);
        hosts
            .into_iter()
            .flat_map(each)
            .zip(methods.into_iter().cycle())
            .map(|((host, path), method)| (host, path, method))
            .collect()
    }

    /// The proof agrees with trying every request, for every choice of four patterns that a seeded walk makes.
    #[test]
    fn the_proof_agrees_with_trial() {
        let (all, requests) = (patterns(), requests());
        let mut seed: usize = 7;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % all.len()
        };
        let mut unreachable = 0;
        for _ in 0..3_000 {
            let chosen: Vec<Pattern> = (0..5).map(|_| all[next()].clone()).collect();
            let Ok(router) = Router::build(&chosen) else { continue };
            for (at, pattern) in chosen.iter().enumerate() {
                let tried =
                    requests.iter().any(|(host, path, method)| router.find(host, path, method) == Match::Route(at));
                assert_eq!(is_reachable(at, pattern, depth(&chosen), &router), tried, "{at} of {chosen:#?}");
                unreachable += usize::from(!tried);
            }
        }
        assert!(unreachable > 10, "{unreachable}");
    }
}
