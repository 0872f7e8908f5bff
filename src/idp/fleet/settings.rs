//! What the config says of the fleet's channel: the block `revocation.fleet`.

use crate::idp::settings::Misfit;
use crate::settings::{OrOff, Secret, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The channel on which instances tell each other of revocations. All of them need the same `telemetry.hash_key`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FleetSettings {
    /// The Redis that passes them on. It may lose everything: the instances know, and tell it again.
    pub redis: RedisSettings,
    /// What the names of its keys begin with: one for each fleet. Default `curfew`.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// What this instance is called when it is told how far each has come: 1 to 100 letters, digits, `-`, `_`, `.` and
    /// `:`. Two may have the same. Default: the name of the machine.
    #[serde(default)]
    pub instance: Option<String>,
    /// Whose tokens are judged by the age of this channel too, by their names in `issuers`. Default: those with a
    /// source that is told by its provider, for then another instance may have been told.
    #[serde(default)]
    pub issuers: Option<Vec<String>>,
    /// The age from which on what the others were told is stale, and then the policy's `on_stale` holds; or `off`:
    /// without Redis each instance goes on with what it knows, and says nothing of it. Default `30s`.
    #[serde(default = "max_staleness")]
    pub max_staleness: OrOff<Span>,
    /// How many entries of other instances are held, of each issuer; beyond it they are incomplete, and so never
    /// fresh. Default 1,000,000.
    #[serde(default = "max_entries")]
    pub max_entries: usize,
    /// How many entries may wait for Redis, about 128 bytes each. Beyond it none is lost, but everything that is held
    /// is written anew. Default 65,536.
    #[serde(default = "queue")]
    pub queue: usize,
    /// How long the stream may get, in blocks of up to 256 entries, before one of the instances writes what is held
    /// anew and cuts off what came before. Default 100,000, at least 1,000.
    #[serde(default = "max_length")]
    pub max_length: u64,
}

/// The Redis, and how it is reached.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisSettings {
    /// Where it is: `rediss://host:6379` with TLS, `redis://host:6379` without, `unix:///path`. One address, or several
    /// of a cluster or of sentinels.
    pub urls: Vec<String>,
    /// What is at these addresses: `server` (default), `cluster`, or `sentinel`, which know where the server is.
    #[serde(default)]
    pub topology: Topology,
    /// The name that sentinels know the server by. Default: none; sentinels need one.
    #[serde(default)]
    pub service: Option<String>,
    /// The user of the access control list. Default: the one without a name.
    #[serde(default)]
    pub username: Option<String>,
    /// Its password; read again whenever a connection is made. Default: none.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The user that sentinels know. Default: the one without a name.
    #[serde(default)]
    pub sentinel_username: Option<String>,
    /// Its password. Default: none.
    #[serde(default)]
    pub sentinel_password: Option<Secret>,
    /// A PEM file of the roots by which it is known. Default: the system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// A PEM file of the certificate that is shown to it, with `key`. Default: none.
    #[serde(default)]
    pub cert: Option<PathBuf>,
    /// A PEM file of the key of `cert`. Default: none.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// How long one answer, or a connection, may take. `100ms` to `30s`; default `2s`.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

/// What is at the addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// A server.
    #[default]
    Server,
    /// Nodes of a cluster, who name the others. All keys are in one slot.
    Cluster,
    /// Sentinels, who name the server.
    Sentinel,
}

fn prefix() -> String {
    "curfew".into()
}
fn max_staleness() -> OrOff<Span> {
    OrOff::On(Span::secs(30))
}
const fn max_entries() -> usize {
    1_000_000
}
const fn queue() -> usize {
    65_536
}
const fn max_length() -> u64 {
    100_000
}
fn timeout() -> Span {
    Span::secs(2)
}

/// The ways an address can begin, and whether TLS is spoken there.
pub(super) const SCHEMES: [(&str, bool); 3] = [("rediss://", true), ("redis://", false), ("unix://", false)];

/// Whether it can be part of a key, and of a name that operators are shown.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=100).contains(&name.len()) && name.bytes().all(plain)
}

impl FleetSettings {
    /// What this instance is called.
    pub(super) fn name(&self) -> String {
        let machine = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let machine = || machine().map(|name| name.trim().to_owned()).filter(|name| is_plain(name));
        self.instance.clone().or_else(machine).unwrap_or_else(|| "instance".into())
    }

    /// What does not go together in these settings.
    #[must_use]
    pub fn misfits(&self) -> Vec<Misfit> {
        let mut told = self.redis.misfits();
        let mut tell = |wrong: bool, field, what: &str| {
            told.extend(wrong.then(|| Misfit { field, told: what.to_owned() }));
        };
        let prefix = !is_plain(&self.prefix);
        let instance = self.instance.as_deref().is_some_and(|name| !is_plain(name));
        tell(instance, "instance", "not letters, digits, `-`, `_`, `.` and `:`, 100 at most: write `gateway-1`");
        tell(prefix, "prefix", "not letters, digits, `-`, `_`, `.` and `:`, 100 at most: write `curfew`");
        let brief = self.max_staleness.on().is_some_and(|max| max < Span::secs(2));
        tell(brief, "max_staleness", "less than `2s`: a slow answer of Redis would be a refusal here");
        tell(self.queue == 0, "queue", "a queue of 0 holds nothing: write `65536`");
        tell(self.max_length < 1000, "max_length", "less than 1000 is rewritten too often: write `100000`");
        told
    }
}

impl RedisSettings {
    /// What does not go together in these settings.
    #[must_use]
    pub fn misfits(&self) -> Vec<Misfit> {
        let mut told = Vec::new();
        let mut tell = |wrong: bool, field, what: &str| {
            told.extend(wrong.then(|| Misfit { field, told: what.to_owned() }));
        };
        let parts = self.urls.iter().map(|url| super::server::address(url));
        let known = parts.clone().all(|address| address.is_some());
        tell(!known, "redis.urls", "not all are addresses: write `rediss://host:6379`, without user and path");
        let several = if self.topology == Topology::Server { self.urls.len() != 1 } else { self.urls.is_empty() };
        tell(several, "redis.urls", "a `server` has one address; a `cluster` and `sentinel` have one or more");
        let secure = self.urls.iter().filter(|url| url.starts_with("rediss://")).count();
        let mixed = secure != 0 && secure != self.urls.len();
        tell(mixed, "redis.urls", "some with TLS, some without: write all with `rediss://`");
        let sockets = self.urls.iter().any(|url| url.starts_with("unix://")) && self.topology != Topology::Server;
        tell(sockets, "redis.urls", "a cluster and sentinels are not reached by a socket of this machine");
        let service = (self.topology == Topology::Sentinel) != self.service.is_some();
        tell(service, "redis.service", "`topology: sentinel` needs the `service` they know, and only that has one");
        let unread = self.username.is_some() && self.password.is_none();
        tell(unread, "redis.password", "a user has a password: write `password: { env: REDIS_PASSWORD }`");
        let pair = self.cert.is_some() != self.key.is_some();
        tell(pair, "redis.cert", "`cert` and `key` go together");
        let useless = secure == 0 && (self.ca.is_some() || self.cert.is_some());
        tell(useless, "redis.ca", "without TLS no certificate is asked for: write `rediss://`");
        let time = self.timeout < Span::millis(100) || self.timeout > Span::secs(30);
        tell(time, "redis.timeout", "not between `100ms` and `30s`: write `2s`");
        told
    }

    /// Whether somebody on the way could read along: fingerprints only, but the password too.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.urls.iter().any(|url| {
            let host = url.strip_prefix("redis://").map(|rest| rest.rsplit_once(':').map_or(rest, |(host, _)| host));
            host.is_some_and(|host| !matches!(host, "localhost" | "127.0.0.1" | "[::1]"))
        })
    }
}
