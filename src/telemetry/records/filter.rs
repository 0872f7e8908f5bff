//! Which records are asked for.

use std::hash::RandomState;

use ipnet::IpNet;

use super::line::{self, Line};
use super::names::{Names, Number};
use super::parts::field;

/// What a record must be, to be told. What is not said is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Its trace id, that of the caller's own trace, or its request id.
    pub id: Option<String>,
    /// Not before this, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Before this.
    pub until: Option<i64>,
    /// The route's name.
    pub route: Option<String>,
    /// The reason's code.
    pub reason: Option<String>,
    /// The issuer's name.
    pub issuer: Option<String>,
    /// One of these hashes of the subject, as records tell them.
    pub subjects: Option<Vec<String>>,
    /// The tenant, as metrics tell it.
    pub tenant: Option<String>,
    /// One of these hashes of the client's id, as records tell them.
    pub clients: Option<Vec<String>>,
    /// Where it came from: the client's address, or the peer's where no proxy told it.
    pub network: Option<IpNet>,
    /// Of admissions, those that a shadow policy would have refused; the reason is then its reason.
    pub shadow: bool,
    /// Whether admissions are wanted too. By a trace id or a request id they are found all the same.
    pub admissions: bool,
    /// Older than the record of this number.
    pub before: Option<u64>,
    /// Newer than the record of this number.
    pub after: Option<u64>,
}

/// The same in numbers, against one index.
pub(super) struct Sieve {
    trace: Option<u128>,
    request: Option<[u64; 2]>,
    since: i64,
    until: i64,
    route: Option<Number>,
    reason: Option<Number>,
    issuer: Option<Number>,
    tenant: Option<Number>,
    subjects: Option<Vec<u64>>,
    clients: Option<Vec<u64>>,
    network: Option<IpNet>,
    admissions: bool,
    shadow: bool,
    before: u64,
    after: Option<u64>,
}

impl Filter {
    /// Is this a hash, as records tell it?
    #[must_use]
    pub fn is_hash(text: &str) -> bool {
        line::parse(text).is_some()
    }

    /// `None` if nothing can be what is asked for.
    pub(super) fn sieve(&self, names: &Names, hasher: &RandomState) -> Option<Sieve> {
        let known = |name: &Option<String>| match name {
            None => Some(None),
            Some(name) => names.known(name).map(Some),
        };
        let parsed = |hashes: &Option<Vec<String>>| {
            hashes.as_ref().map(|hashes| hashes.iter().filter_map(|hash| line::parse(hash)).collect())
        };
        let shown = |id: &String| [line::request(hasher, id), line::request(hasher, &field(id.as_bytes()))];
        Some(Sieve {
            trace: self.id.as_deref().and_then(line::trace),
            request: self.id.as_ref().map(shown),
            since: self.since.unwrap_or(i64::MIN),
            until: self.until.unwrap_or(i64::MAX),
            route: known(&self.route)?,
            reason: known(&self.reason)?,
            issuer: known(&self.issuer)?,
            tenant: known(&self.tenant)?,
            subjects: parsed(&self.subjects),
            clients: parsed(&self.clients),
            network: self.network,
            admissions: self.admissions || self.id.is_some(),
            shadow: self.shadow,
            before: self.before.unwrap_or(u64::MAX),
            after: self.after,
        })
    }
}

/// Nobody's hash is none of those that are asked for.
fn among(wanted: Option<&Vec<u64>>, hash: u64) -> bool {
    wanted.is_none_or(|all| hash != 0 && all.contains(&hash))
}

impl Sieve {
    pub fn keeps(&self, line: &Line) -> bool {
        let is = |wanted: Option<Number>, found: Number| wanted.is_none_or(|wanted| wanted == found);
        let (wanted, reason) = match self.shadow {
            true => (line.shadow != 0, line.shadow),
            false => (line.reason != 0 || self.admissions, line.reason),
        };
        wanted
            && line.at >= self.since
            && line.at < self.until
            && line.seq < self.before
            && self.after.is_none_or(|after| line.seq > after)
            && is(self.reason, reason)
            && is(self.route, line.route)
            && is(self.issuer, line.issuer)
            && is(self.tenant, line.tenant)
            && among(self.subjects.as_ref(), line.subject)
            && among(self.clients.as_ref(), line.client)
            && self
                .network
                .is_none_or(|network| line.address.is_some_and(|from| network.contains(&from.to_canonical())))
            && self.is_called(line)
    }

    fn is_called(&self, line: &Line) -> bool {
        let Some(request) = &self.request else { return true };
        self.trace.is_some_and(|trace| trace == line.trace || trace == line.caller)
            || (line.request != 0 && request.contains(&line.request))
    }
}
