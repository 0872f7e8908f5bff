//! Which decision records are meant. A subject and a client are given as they are and hashed here, so that nobody needs the
//! key; they are in the body, so that no log of addresses has them. What names nothing is told, instead of finding nothing.

use super::body::{self, Kind};
use super::entry::When;
use super::misread;
use super::problem::Problem;
use crate::decide::time::Timestamp;
use crate::proxy::gate::Shared;
use crate::settings::Span;
use crate::state::fingerprint::Kind as Hashed;
use crate::telemetry::records::Filter;
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;

/// How many records one answer has, unless told otherwise, and at most.
const FEW: usize = 50;
pub(super) const MOST: usize = 1000;
/// No id and no name is longer.
const LONGEST: usize = 4096;

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    id: Option<String>,
    since: Option<Since>,
    until: Option<Since>,
    route: Option<String>,
    reason: Option<String>,
    issuer: Option<String>,
    tenant: Option<String>,
    subject: Option<String>,
    subject_hash: Option<String>,
    client: Option<String>,
    client_hash: Option<String>,
    address: Option<String>,
    admissions: bool,
    shadow: bool,
    pub limit: Option<usize>,
    pub cursor: Option<u64>,
    pub step: Option<Span>,
}

/// A time, or how long ago.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Since {
    Ago(Span),
    At(When),
}

impl Since {
    fn instant(&self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(span) => now.minus(span.get()),
            Self::At(when) => when.at(now),
        }
    }
}

/// Reads a question.
pub(super) async fn read(headers: &HeaderMap, body: Incoming) -> Result<Asked, Problem> {
    if body::kind(headers)? == Kind::Lines {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "ask one question at a time, as JSON"));
    }
    let bytes = body::whole(body).await?;
    let times = |place| format!("{place}; times are `15m` (ago), `now`, RFC 3339 or seconds since 1970");
    let told = |error: &serde_json::Error| misread::told(error).unwrap_or_else(times);
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::bad(format!("this is no question in JSON: {}", told(&error))))
}

impl Asked {
    /// How many records are asked for.
    pub fn limit(&self) -> Result<usize, Problem> {
        match self.limit {
            None => Ok(FEW),
            Some(limit @ 1..=MOST) => Ok(limit),
            Some(_) => Err(Problem::bad(format!("`limit` is from 1 to {MOST}: go on with `cursor`"))),
        }
    }

    /// The records that are meant.
    pub fn filter(&self, shared: &Shared) -> Result<Filter, Problem> {
        self.check(shared)?;
        let now = shared.state.clock.now().wall;
        let instant = |since: &Option<Since>| since.as_ref().map(|since| since.instant(now).millis());
        let hashes = |kind, id, hash| self.hashes(shared, kind, id, hash);
        Ok(Filter {
            id: self.id.clone(),
            since: instant(&self.since),
            until: instant(&self.until),
            route: self.route.clone(),
            reason: self.reason.clone(),
            issuer: self.issuer.clone(),
            tenant: self.tenant.clone(),
            subjects: hashes(Hashed::Subject, &self.subject, &self.subject_hash),
            clients: hashes(Hashed::Client, &self.client, &self.client_hash),
            network: self.address.as_deref().map(network).transpose()?,
            admissions: self.admissions,
            shadow: self.shadow,
            before: None,
            after: None,
        })
    }

    /// A name that nothing has would find nothing, and read as if nothing were refused. No value is repeated: one may be a
    /// token in a wrong place.
    fn check(&self, shared: &Shared) -> Result<(), Problem> {
        for (field, text) in self.texts() {
            if text.is_empty() || text.len() > LONGEST {
                let what =
                    if text.is_empty() { "it is empty".to_owned() } else { format!("more than {LONGEST} bytes") };
                return Err(Problem::bad(format!("`{field}` names nothing: {what}")));
            }
        }
        for (field, hash) in [("subject_hash", &self.subject_hash), ("client_hash", &self.client_hash)] {
            if hash.as_ref().is_some_and(|hash| !Filter::is_hash(hash)) {
                return Err(Problem::bad(format!("`{field}` is no hash: 16 hexadecimal digits, as records tell it")));
            }
        }
        if self.reason.as_ref().is_some_and(|code| crate::decide::reason::Reason::from_code(code).is_none()) {
            return Err(Problem::bad("no such `reason`: the runbook's page of reasons has their codes"));
        }
        self.check_names(shared)
    }

    fn texts(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let all = [
            ("id", &self.id),
            ("route", &self.route),
            ("reason", &self.reason),
            ("issuer", &self.issuer),
            ("tenant", &self.tenant),
            ("subject", &self.subject),
            ("subject_hash", &self.subject_hash),
            ("client", &self.client),
            ("client_hash", &self.client_hash),
            ("address", &self.address),
        ];
        all.into_iter().filter_map(|(field, text)| Some((field, text.as_ref()?)))
    }

    /// Names of the config that is in force, or of one before by which a record was made.
    fn check_names(&self, shared: &Shared) -> Result<(), Problem> {
        let (plan, telemetry) = (shared.plan.load(), &shared.telemetry);
        let is_route = |name: &str| plan.routes.iter().any(|route| &*route.meter.name == name);
        let is_issuer = |name: &str| plan.issuers.iter().any(|issuer| issuer.rules.name.as_str() == name);
        let unknown =
            |field: &str| Problem::bad(format!("no such `{field}`: it is in no config and in no record here"));
        let knows = |name: &str| telemetry.records().knows(name);
        if self.route.as_deref().is_some_and(|name| !is_route(name) && !knows(name)) {
            return Err(unknown("route"));
        }
        if self.issuer.as_deref().is_some_and(|name| !is_issuer(name) && !knows(name)) {
            return Err(unknown("issuer"));
        }
        match self.tenant.as_deref().filter(|name| !knows(name)).map(|name| telemetry.knows_tenant(name)) {
            Some(None) => Err(Problem::bad("no `tenant` is told here: `telemetry.tenants` says which claim names it")),
            Some(Some(false)) => {
                Err(Problem::bad("no such `tenant`: it is no name that metrics tell, and in no record"))
            }
            Some(Some(true)) | None => Ok(()),
        }
    }

    /// Subjects and clients are an issuer's: without one, they are looked for with all of them.
    fn hashes(&self, shared: &Shared, kind: Hashed, id: &Option<String>, hash: &Option<String>) -> Option<Vec<String>> {
        let mut hashes: Option<Vec<String>> = hash.clone().map(|hash| vec![hash]);
        if let Some(id) = id {
            let plan = shared.plan.load();
            let issuers = plan.issuers.iter().map(|issuer| &issuer.rules);
            let asked = issuers.filter(|rules| self.issuer.as_deref().is_none_or(|name| name == rules.name.as_str()));
            let prints = &shared.state.fingerprints;
            hashes
                .get_or_insert_default()
                .extend(asked.map(|rules| prints.of(kind, &rules.issuer, id.as_bytes()).to_string()));
        }
        hashes
    }
}

/// An address alone is a network of one.
fn network(text: &str) -> Result<IpNet, Problem> {
    let parsed = text.parse().or_else(|_| text.parse().map(|address: IpAddr| IpNet::from(address.to_canonical())));
    parsed.map_err(|_| {
        Problem::bad("`address` is no address: write 192.0.2.7 or 2001:db8::7, or a network, 192.0.2.0/24")
    })
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn an_address_is_a_network_of_one() {
        for (text, net) in [
            ("192.0.2.7", "192.0.2.7/32"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ] {
            assert_eq!(network(text).unwrap().to_string(), net);
        }
        for none in ["", "localhost", "192.0.2.7:80", "192.0.2.0/33", "192.0.2", "eyJhbGciOiJub25lIn0"] {
            assert!(!network(none).unwrap_err().detail.contains("eyJ"), "{none}");
        }
    }
}
