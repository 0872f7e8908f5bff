//! How it stands: the keys of each issuer with their age, and what holds on each route.

use crate::control::resolved::{Asker, Resolved, resolve};
use crate::control::settings::Config;
use crate::decide::time::Moment;
use crate::proxy::settings::Access;
use crate::telemetry::records::escape::escaped;
use crate::token::issuers::Issuer;
use serde::Serialize;
use std::time::Duration;

/// All issuers with their keys.
#[derive(Serialize)]
pub struct Keys {
    issuers: Vec<OfIssuer>,
}

#[derive(Serialize)]
struct OfIssuer {
    issuer: String,
    iss: String,
    /// `None` if there is no set.
    age_seconds: Option<f64>,
    max_age_seconds: Option<f64>,
    usable: bool,
    skew_ms: Option<i64>,
    fetches: u64,
    failures: u64,
    last_error: Option<String>,
    keys: Vec<Used>,
    ignored: Vec<Unused>,
}

#[derive(Serialize)]
struct Used {
    key: String,
    algorithm: &'static str,
    known_seconds: f64,
}

#[derive(Serialize)]
struct Unused {
    key: Option<String>,
    why: String,
}

/// The keys of these issuers. What a provider named is escaped, as in records.
#[must_use]
pub fn keys<'a>(issuers: impl Iterator<Item = &'a Issuer>, now: Moment) -> Keys {
    Keys { issuers: issuers.map(|issuer| OfIssuer::of(issuer, now)).collect() }
}

impl OfIssuer {
    fn of(issuer: &Issuer, now: Moment) -> Self {
        let (keys, standing) = (&issuer.keys, issuer.keys.standing(now));
        let seconds = |span: Duration| span.as_secs_f64();
        let used = keys.published(now).into_iter().map(|key| Used {
            key: escaped(key.id.as_str().as_bytes()),
            algorithm: key.algorithm.name(),
            known_seconds: seconds(key.known_for),
        });
        let unused = keys.ignored().into_iter().map(|ignored| Unused {
            key: ignored.kid.map(|kid| escaped(kid.as_bytes())),
            why: ignored.fault.to_string(),
        });
        Self {
            issuer: issuer.rules.name.as_str().to_owned(),
            iss: issuer.rules.issuer.to_string(),
            age_seconds: standing.age.map(seconds),
            max_age_seconds: keys.max_stale().map(seconds),
            usable: keys.is_ready(now),
            skew_ms: standing.skew_ms,
            fetches: standing.fetches.good,
            failures: standing.fetches.failed,
            last_error: standing.last_error.map(|why| escaped(why.as_bytes())),
            keys: used.collect(),
            ignored: unused.collect(),
        }
    }
}

/// All routes with what holds on them.
#[derive(Serialize)]
pub struct Routes {
    gateway: String,
    revision: String,
    routes: Vec<OfRoute>,
}

#[derive(Serialize)]
struct OfRoute {
    #[serde(flatten)]
    resolved: Resolved,
    hosts: Vec<String>,
    methods: Vec<String>,
    upstream: String,
    open: bool,
}

/// The routes of a config, for a token of which nothing is known.
#[must_use]
pub fn routes(config: &Config, revision: &str) -> Routes {
    let one = |route: &crate::proxy::settings::RouteSettings| {
        let resolved = resolve(config, &route.name, &Asker::default())?;
        let (hosts, methods, upstream) = (route.hosts.clone(), route.methods.clone(), route.upstream.clone());
        Some(OfRoute { resolved, hosts, methods, upstream, open: route.access == Access::Open })
    };
    let routes = config.routes.iter().filter_map(one).collect();
    Routes { gateway: config.gateway.name.clone(), revision: revision.to_owned(), routes }
}
