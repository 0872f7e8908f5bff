//! The root of the settings: every room's block, named. What a block says is declared in its own room;
//! that the blocks fit together is asked by `check`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::admin::{AuditIds, AuditLog};
use super::sessions::SessionsSettings;
use crate::idp::settings::{IssuerSettings, RevocationSettings};
use crate::proxy::listen;
use crate::proxy::settings::{Defaults, GatewaySettings, PolicySettings, RouteSettings};
use crate::settings::{Bytes, OrOff, Secret, Span, host_and_port};
use crate::{telemetry, upstream};

/// A Curfew config.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Curfew")]
pub struct Config {
    /// The version of this format: `1`.
    pub version: Version1,
    /// The gateway as a whole.
    #[serde(default)]
    pub gateway: GatewaySettings,
    /// Where it listens.
    pub listeners: Vec<listen::Settings>,
    /// What clients may use up.
    #[serde(default)]
    pub limits: LimitsSettings,
    /// Whose tokens are accepted, by a name that policies, metrics and traces use.
    #[serde(default)]
    pub issuers: BTreeMap<String, IssuerSettings>,
    /// Where it is learnt that a token was revoked.
    #[serde(default)]
    pub revocation: RevocationSettings,
    /// Where requests are delivered, by a name that routes use.
    #[serde(default)]
    pub upstreams: BTreeMap<String, upstream::Settings>,
    /// What routes ask of a token, by a name that routes use.
    #[serde(default)]
    pub policies: BTreeMap<String, PolicySettings>,
    /// What flows down to policies and routes that do not say otherwise.
    #[serde(default)]
    pub defaults: Defaults,
    /// Which requests there are, and where they go. A request that no route matches is refused.
    pub routes: Vec<RouteSettings>,
    /// How sessions are remembered, where policies say how long one may be left alone or last.
    #[serde(default)]
    pub sessions: SessionsSettings,
    /// What is told, and to whom.
    #[serde(default)]
    pub telemetry: telemetry::Settings,
    /// Where operators ask for health, metrics and the config in effect; `off` for nowhere.
    #[serde(default = "on_loopback")]
    pub admin: OrOff<AdminSettings>,
}

fn on_loopback() -> OrOff<AdminSettings> {
    OrOff::On(AdminSettings::default())
}

/// The number 1: the only version of the format there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version1;

impl<'de> Deserialize<'de> for Version1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(Version1Visitor)
    }
}

struct Version1Visitor;

impl Visitor<'_> for Version1Visitor {
    type Value = Version1;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the number `1`")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Version1, E> {
        let unknown = || E::custom(format_args!("there is no version {number} of this format\nwrite `version: 1`"));
        (number == 1).then_some(Version1).ok_or_else(unknown)
    }
}

impl Serialize for Version1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(1)
    }
}

impl JsonSchema for Version1 {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": 1 })
    }
}

/// What clients may use up, all listeners together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsSettings {
    /// Connections open at once, all listeners and workers together; more are closed at once. Default `10000`.
    pub connections: usize,
    /// Requests in flight at once, each until its response has ended: a stream or a WebSocket counts for as long as it
    /// lasts. More are answered 503 without a look at their token. Default `20000`.
    pub requests: usize,
    /// The largest header section, request line included; beyond it 431. Default `32KiB`.
    pub header_bytes: Bytes,
    /// The most header fields; beyond it 431. Default `100`.
    pub header_count: usize,
    /// The largest single header field; beyond it 431. Default `16KiB`.
    pub header_field: Bytes,
    /// The longest request target; beyond it 414. Default `8KiB` (RFC 9112 §3 asks for 8000 at least).
    pub uri_bytes: Bytes,
    /// From the first byte of a head to its last; beyond it 408. Default `10s`.
    pub header_read_timeout: Span,
    /// How long a connection may be quiet between requests before it is closed. Default `75s`.
    pub idle_timeout: Span,
    /// How long a client may send nothing in the middle of a body, or take nothing of an answer. Default `60s`.
    pub body_idle_timeout: Span,
    /// Requests at once on one HTTP/2 connection. Default `100`.
    pub streams_per_connection: u32,
    /// The longest token; beyond it the token is malformed. At most `16KiB`. Default `8KiB`.
    pub token_bytes: Bytes,
    /// The memory in which verified tokens are remembered, so that their second sight is cheap. Default `32MiB`.
    pub token_cache: Bytes,
}

impl Default for LimitsSettings {
    fn default() -> Self {
        let listen = listen::Limits::default();
        Self {
            connections: listen.connections,
            requests: 20_000,
            header_bytes: listen.header_bytes,
            header_count: listen.header_count,
            header_field: listen.header_field,
            uri_bytes: listen.uri_bytes,
            header_read_timeout: listen.header_read_timeout,
            idle_timeout: listen.idle_timeout,
            body_idle_timeout: listen.body_idle_timeout,
            streams_per_connection: listen.streams_per_connection,
            token_bytes: Bytes::kib(8),
            token_cache: Bytes::mib(32),
        }
    }
}

impl From<&LimitsSettings> for listen::Limits {
    fn from(limits: &LimitsSettings) -> Self {
        Self {
            connections: limits.connections,
            header_bytes: limits.header_bytes,
            header_count: limits.header_count,
            header_field: limits.header_field,
            uri_bytes: limits.uri_bytes,
            header_read_timeout: limits.header_read_timeout,
            idle_timeout: limits.idle_timeout,
            body_idle_timeout: limits.body_idle_timeout,
            streams_per_connection: limits.streams_per_connection,
        }
    }
}

/// The admin listener: health, metrics, the config in effect, and what operators do about revocations.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminSettings {
    /// IP address and port. Without `token` and without client certificates, what operators do is answered on loopback
    /// only; health and metrics always are, to everybody who reaches it. Default `127.0.0.1:9901`.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "String")]
    pub address: SocketAddr,
    /// The names by which operators ask, besides IP addresses, `localhost` and the names of its certificates. By any other
    /// only health, metrics and the OpenAPI document are answered, so that a page in an operator's browser cannot have
    /// its own name point here. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The token that is asked of operators, of 16 characters at least; read once, at the start. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// TLS, as a listener's. With `client_certificates: { ask: required, trust: { ca: … } }` an operator's certificate
    /// is enough. Default: plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<listen::Tls>,
    /// Where it is written who revoked what, and why: `stderr`, `stdout` or `{ file: … }`. What cannot be written is not
    /// done. Default `stderr`.
    pub audit: AuditLog,
    /// How names stand there: `hashed`, as in traces, or `plain` besides. Default `hashed`.
    pub audit_ids: AuditIds,
}

/// An address that says what it should be like.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let named =
        |_| de::Error::custom(format_args!("`{text}` is no IP address and port\nwrite for example `127.0.0.1:9901`"));
    // A name may have several addresses, and none is an address: that is told first.
    let host = text.split(':').next().unwrap_or_default();
    if text.contains("://") || !host.contains(|c: char| c.is_ascii_alphabetic()) {
        host_and_port(&text).map_err(de::Error::custom)?;
    }
    text.parse().map_err(named)
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 9901)),
            hosts: Vec::new(),
            token: None,
            tls: None,
            audit: AuditLog::default(),
            audit_ids: AuditIds::default(),
        }
    }
}
