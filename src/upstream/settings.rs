//! The settings of one named upstream.

use crate::settings::{OrOff, Span};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// One upstream: several endpoints that do the same.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Upstream")]
pub struct Settings {
    /// Where it is: `http://host:port` or `https://host:port`, one or more.
    pub endpoints: Vec<Address>,
    /// How it is spoken to: `auto` (HTTP/1.1 in the clear, by ALPN over TLS; default), `http1`, `http2`.
    #[serde(default)]
    pub protocol: Protocol,
    /// How an endpoint is picked. Default `{kind: round_robin}`.
    #[serde(default)]
    pub balance: Balance,
    /// How `https` endpoints are trusted.
    #[serde(default)]
    pub tls: Tls,
    /// The `Host` that the upstream sees: `client` (what the client asked for; default) or `endpoint`.
    #[serde(default)]
    pub host: HostHeader,
    /// How long a connection may lie idle before it is closed. Default `60s`; keep it below the upstream's own.
    #[serde(default = "sixty_seconds")]
    pub idle_timeout: Span,
    /// How many idle connections each worker keeps for each endpoint. Default `512`.
    #[serde(default = "idle_connections")]
    pub max_idle: usize,
    /// How many connections each worker has to each endpoint, those in use and WebSockets among them. Default `4096`; beyond it a
    /// request goes to another endpoint, or is refused.
    #[serde(default = "connections")]
    pub max_connections: NonZeroUsize,
    /// How old a connection may become before it is not used again, so that load follows where names lead. Default
    /// `1h`; or `off`.
    #[serde(default = "one_hour")]
    pub max_age: OrOff<Span>,
    /// How often names are resolved again. Default `10s`.
    #[serde(default = "ten_seconds")]
    pub dns_refresh: Span,
    /// Probes; `off` by default.
    #[serde(default = "off")]
    pub health: OrOff<Health>,
    /// When an endpoint that fails is left out for a while. Default: 5 failures in a row, for `30s`.
    #[serde(default)]
    pub outlier: Outlier,
    /// When every endpoint is ill or left out, are all of them tried? Default `true`: probes may be wrong, and an
    /// answer from one that is ill is better than none. With `false` such requests are refused at once.
    #[serde(default = "yes")]
    pub fail_open_when_all_unhealthy: bool,
}

fn sixty_seconds() -> Span {
    Span::from(Duration::from_secs(60))
}

fn ten_seconds() -> Span {
    Span::from(Duration::from_secs(10))
}

const fn idle_connections() -> usize {
    512
}

const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

const fn connections() -> NonZeroUsize {
    CONNECTIONS
}

fn one_hour() -> OrOff<Span> {
    OrOff::On(Span::from(Duration::from_secs(60 * 60)))
}

const fn yes() -> bool {
    true
}

const fn off() -> OrOff<Health> {
    OrOff::Off
}

/// The address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub struct Address {
    /// `https`?
    pub secure: bool,
    /// Its name or its address; an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Address {
    /// The host as it stands in an authority.
    #[must_use]
    pub fn authority(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    /// Is it on this machine?
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        format!("{}://{}", if address.secure { "https" } else { "http" }, address.authority())
    }
}

impl std::str::FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no endpoint\nwrite http://host:port or https://host:port, without a path");
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains('@');
        let host = uri.host().filter(|host| bare && !host.is_empty()).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { secure, host, port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }) })
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Address {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Where an endpoint is: http://host:port or https://host:port.",
            "pattern": "^https?://[^/?#@]+/?$"
        })
    }
}

/// How an upstream is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "UpstreamProtocol")]
pub enum Protocol {
    /// HTTP/1.1 in the clear; over TLS what both sides know best.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; in the clear by prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// How an endpoint is picked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Balance {
    /// Each in its turn.
    #[default]
    RoundRobin,
    /// Of two drawn at random, the one with fewer requests in flight.
    LeastRequest,
    /// The same one for the same value of a cookie.
    StickyCookie {
        /// The name of the cookie.
        cookie: String,
    },
    /// The same one for the same value of a header field.
    StickyHeader {
        /// The name of the field.
        header: String,
    },
}

/// Whose name stands in `Host`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostHeader {
    /// What the client asked for.
    #[default]
    Client,
    /// The endpoint's own.
    Endpoint,
}

/// How `https` endpoints are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "UpstreamTls")]
pub struct Tls {
    /// A PEM file of the only roots that count. Default: the system's.
    pub ca: Option<PathBuf>,
    /// The name that the certificate must have, and that is asked for. Default: the endpoint's host.
    pub sni: Option<String>,
}

/// Probes of endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The path that is asked for.
    pub path: String,
    /// How often. Default `10s`.
    #[serde(default = "ten_seconds")]
    pub interval: Span,
    /// How long an answer may take. Default `2s`.
    #[serde(default = "two_seconds")]
    pub timeout: Span,
    /// The status of a good answer. Default: any from 200 to 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// After how many good answers an endpoint is healthy again. Default `2`.
    #[serde(default = "two")]
    pub healthy: u32,
    /// After how many bad answers it is unhealthy. Default `3`.
    #[serde(default = "three")]
    pub unhealthy: u32,
}

/// A status of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "u16", into = "u16")]
#[schemars(extend("minimum" = 200, "maximum" = 599))]
pub struct Status(#[schemars(with = "u16")] pub(super) StatusCode);

impl TryFrom<u16> for Status {
    type Error = String;

    fn try_from(number: u16) -> Result<Self, String> {
        let wrong = || format!("`{number}` is no status of an answer\nwrite one from 200 to 599");
        let status = StatusCode::from_u16(number).ok().filter(|_| (200..600).contains(&number));
        status.map(Self).ok_or_else(wrong)
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> Self {
        status.0.as_u16()
    }
}

/// A share of a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schemars(extend("maximum" = 100))]
pub struct Percent(u8);

impl TryFrom<u8> for Percent {
    type Error = String;

    fn try_from(share: u8) -> Result<Self, String> {
        if share <= 100 { Ok(Self(share)) } else { Err(format!("`{share}` is more than all\nwrite 0 to 100")) }
    }
}

impl From<Percent> for u8 {
    fn from(share: Percent) -> Self {
        share.0
    }
}

fn two_seconds() -> Span {
    Span::from(Duration::from_secs(2))
}

const fn two() -> u32 {
    2
}

const fn three() -> u32 {
    3
}

/// When an endpoint that fails is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Outlier {
    /// After how many failures in a row. Default `5`; `0` never.
    pub failures: u32,
    /// For how long. Default `30s`.
    pub eject_for: Span,
    /// How many of the endpoints may be left out at once for their failures, in percent. Default `100`: when all are,
    /// `fail_open_when_all_unhealthy` says what happens.
    pub max_ejected_percent: Percent,
}

impl Default for Outlier {
    fn default() -> Self {
        Self { failures: 5, eject_for: Span::from(Duration::from_secs(30)), max_ejected_percent: Percent(100) }
    }
}
