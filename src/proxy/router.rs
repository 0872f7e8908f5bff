//! Which route a request takes: the most specific host, then the most specific path, then the method. There is
//! never a choice to make: `build` refuses two routes that one request could take alike.

use http::Method;
use std::collections::HashMap;

/// What a route matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// Hosts: exact, or `*.` and a domain. None: every host.
    pub hosts: Vec<String>,
    /// The path: segments, `{name}` for any one segment, `/**` at the end for this path and all below it.
    pub path: String,
    /// Methods. None: every method.
    pub methods: Vec<Method>,
}

/// Two routes that one request could take alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The index of the earlier route.
    pub first: usize,
    /// The index of the later one.
    pub second: usize,
}

/// What became of a search.
#[derive(Debug, PartialEq, Eq)]
pub enum Match<'a> {
    /// This route.
    Route(usize),
    /// The path is there, with other methods: these.
    OtherMethods(Vec<&'a Method>),
    /// Nothing.
    Nothing,
}

/// All routes, ready to be searched.
#[derive(Debug, Default)]
pub struct Router {
    exact: HashMap<Box<str>, Node, foldhash::fast::RandomState>,
    /// `.example.com`, the longest first.
    wildcard: Vec<(Box<str>, Node)>,
    any: Node,
}

#[derive(Debug, Default)]
struct Node {
    literal: HashMap<Box<str>, Node, foldhash::fast::RandomState>,
    parameter: Option<Box<Node>>,
    here: Vec<Leaf>,
    below: Vec<Leaf>,
}

#[derive(Clone, Debug)]
struct Leaf {
    methods: Vec<Method>,
    route: usize,
}

impl Router {
    /// Builds the router; the routes are known by their index from here on.
    ///
    /// # Errors
    /// Every pair of routes that one request could take alike.
    pub fn build(patterns: &[Pattern]) -> Result<Self, Vec<Conflict>> {
        let (mut router, mut conflicts) = (Self::default(), Vec::new());
        for (route, pattern) in patterns.iter().enumerate() {
            if pattern.hosts.is_empty() {
                insert(&mut router.any, pattern, route, &mut conflicts);
            }
            for host in &pattern.hosts {
                insert(router.table(host), pattern, route, &mut conflicts);
            }
        }
        router.wildcard.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        if conflicts.is_empty() { Ok(router) } else { Err(conflicts) }
    }

    fn table(&mut self, host: &str) -> &mut Node {
        let host = host.to_ascii_lowercase();
        let Some(suffix) = host.strip_prefix('*') else { return self.exact.entry(host.into()).or_default() };
        let at = self.wildcard.iter().position(|(known, _)| **known == *suffix).unwrap_or(self.wildcard.len());
        if at == self.wildcard.len() {
            self.wildcard.push((suffix.into(), Node::default()));
        }
        // The index was just found or made.
        self.wildcard.get_mut(at).map_or(&mut self.any, |(_, node)| node)
    }

    /// Finds the route for a host in lower case and a canonical path.
    #[must_use]
    pub fn find(&self, host: &str, path: &str, method: &Method) -> Match<'_> {
        for node in self.tables(host) {
            if let Some(leaves) = node.find(path.strip_prefix('/').unwrap_or(path)) {
                return choose(leaves, method);
            }
        }
        Match::Nothing
    }

    /// Does any route name this host, by itself or by a wildcard?
    #[must_use]
    pub fn names(&self, host: &str) -> bool {
        self.exact.contains_key(host) || self.wildcard.iter().any(|(suffix, _)| covers(suffix, host))
    }

    /// Does any route name this host, or every host?
    #[must_use]
    pub fn serves(&self, host: &str) -> bool {
        self.tables(host).any(|node| !node.is_empty())
    }

    fn tables(&self, host: &str) -> impl Iterator<Item = &Node> {
        let wildcard = self.wildcard.iter().filter(move |(suffix, _)| covers(suffix, host)).map(|(_, node)| node);
        self.exact.get(host).into_iter().chain(wildcard).chain(std::iter::once(&self.any))
    }
}

/// A wildcard stands for one label or more.
fn covers(suffix: &str, host: &str) -> bool {
    host.len() > suffix.len() && host.ends_with(suffix)
}

impl Node {
    fn is_empty(&self) -> bool {
        self.literal.is_empty() && self.parameter.is_none() && self.here.is_empty() && self.below.is_empty()
    }

    /// The leaves of the most specific path: a literal segment before a parameter, before "all below".
    fn find(&self, path: &str) -> Option<&[Leaf]> {
        let (segment, rest) = path.split_once('/').map_or((path, None), |(segment, rest)| (segment, Some(rest)));
        self.literal
            .get(segment)
            .and_then(|node| node.end(rest))
            .or_else(|| self.parameter.as_deref().filter(|_| !segment.is_empty()).and_then(|node| node.end(rest)))
            .or_else(|| some(&self.below))
    }

    fn end(&self, rest: Option<&str>) -> Option<&[Leaf]> {
        match rest {
            None => some(&self.here).or_else(|| some(&self.below)),
            Some(rest) => self.find(rest),
        }
    }
}

fn some(leaves: &[Leaf]) -> Option<&[Leaf]> {
    (!leaves.is_empty()).then_some(leaves)
}

/// A route that names the method goes before one that takes every method.
fn choose<'a>(leaves: &'a [Leaf], method: &Method) -> Match<'a> {
    let named = leaves.iter().find(|leaf| leaf.methods.contains(method));
    match named.or_else(|| leaves.iter().find(|leaf| leaf.methods.is_empty())) {
        Some(leaf) => Match::Route(leaf.route),
        None => Match::OtherMethods(leaves.iter().flat_map(|leaf| &leaf.methods).collect()),
    }
}

fn insert(table: &mut Node, pattern: &Pattern, route: usize, conflicts: &mut Vec<Conflict>) {
    let path = pattern.path.strip_prefix('/').unwrap_or(&pattern.path);
    let (path, below) = match path.strip_suffix("**") {
        Some(path) => (path.strip_suffix('/').map_or((path.is_empty()).then_some(""), Some), true),
        None => (Some(path), false),
    };
    let mut node = table;
    // `/**` has no segments before it; `/` has one, the empty one.
    let segments = path.filter(|path| !(below && path.is_empty()));
    for segment in segments.into_iter().flat_map(|path| path.split('/')) {
        node = match segment.strip_prefix('{') {
            Some(_) => node.parameter.get_or_insert_default(),
            None => node.literal.entry(segment.into()).or_default(),
        };
    }
    let leaves = if below { &mut node.below } else { &mut node.here };
    conflicts.extend(
        leaves
            .iter()
            .filter(|leaf| alike(&leaf.methods, &pattern.methods))
            .map(|leaf| Conflict { first: leaf.route, second: route }),
    );
    leaves.push(Leaf { methods: pattern.methods.clone(), route });
}

/// Could one request take either? A named method goes before "every method", so those two do not conflict.
fn alike(one: &[Method], other: &[Method]) -> bool {
    (one.is_empty() && other.is_empty()) || one.iter().any(|method| other.contains(method))
}

#[cfg(test)]
mod tests {
    use super::{Conflict, Match, Method, Pattern, Router};

    fn pattern(hosts: &[&str], path: &str, methods: &[Method]) -> Pattern {
        Pattern { hosts: hosts.iter().map(ToString::to_string).collect(), path: path.into(), methods: methods.to_vec() }
    }

    #[test]
    fn the_most_specific_wins() {
        let routes = [
            pattern(&[], "/**", &[]),
            pattern(&[], "/orders", &[]),
            pattern(&[], "/orders/**", &[]),
            pattern(&[], "/orders/{id}", &[]),
            pattern(&[], "/orders/{id}/items/**", &[]),
            pattern(&[], "/orders/new", &[Method::POST]),
            pattern(&["api.example.com"], "/orders", &[]),
            pattern(&["*.example.com"], "/orders", &[]),
            pattern(&["*.eu.example.com"], "/orders", &[]),
            pattern(&[], "/only", &[Method::GET]),
            pattern(&[], "/only", &[Method::PUT]),
            pattern(&[], "/", &[]),
        ];
        let router = Router::build(&routes).expect("no conflict");
        for (host, path, expected) in [
            ("x", "/", 11),
            ("x", "/a", 0),
            ("x", "/orders", 1),
            ("x", "/orders/", 2),
            ("x", "/orders/7", 3),
            ("x", "/orders/7/", 2),
            ("x", "/orders/7/x", 2),
            ("x", "/orders/7/items", 4),
            ("x", "/orders/7/items/1/2", 4),
            ("x", "/ordersx", 0),
            ("x", "/Orders", 0),
            ("api.example.com", "/orders", 6),
            ("b.example.com", "/orders", 7),
            ("b.eu.example.com", "/orders", 8),
            ("example.com", "/orders", 1),
            ("api.example.com", "/orders/7", 3),
        ] {
            assert_eq!(router.find(host, path, &Method::GET), Match::Route(expected), "{host}{path}");
        }
        assert_eq!(router.find("x", "/orders/new", &Method::POST), Match::Route(5));
        assert_eq!(router.find("x", "/orders/new", &Method::GET), Match::OtherMethods(vec![&Method::POST]));
        assert_eq!(router.find("x", "/only", &Method::DELETE), Match::OtherMethods(vec![&Method::GET, &Method::PUT]));
    }

    #[test]
    fn ambiguity_is_refused() {
        let clash = |a: Pattern, b: Pattern| Router::build(&[a, b]).err();
        let expected = Some(vec![Conflict { first: 0, second: 1 }]);
        assert_eq!(clash(pattern(&[], "/a/{x}", &[]), pattern(&[], "/a/{y}", &[])), expected);
        assert_eq!(clash(pattern(&["A.b"], "/a", &[]), pattern(&["a.b", "c"], "/a", &[])), expected);
        assert_eq!(
            clash(pattern(&[], "/a", &[Method::GET, Method::PUT]), pattern(&[], "/a", &[Method::PUT])),
            expected
        );
        assert_eq!(clash(pattern(&[], "/a", &[Method::GET]), pattern(&[], "/a", &[])), None);
        assert_eq!(clash(pattern(&[], "/a/**", &[]), pattern(&[], "/a", &[])), None);
        assert_eq!(clash(pattern(&["a"], "/a", &[]), pattern(&[], "/a", &[])), None);
    }
}
