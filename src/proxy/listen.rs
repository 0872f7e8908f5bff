//! Where Curfew listens, what a connection may use up, and the listening sockets themselves.
//! Accepting is `accept`, certificates are `certificates`.

use std::borrow::Cow;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, Socket, Type};

use super::client_certificates::ClientCertificates;
use super::framing::{Clocks, Guard, HeadLimits};
use crate::settings::{Bytes, OrOff, Span};

/// One address to listen on.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Settings {
    /// What traces, metrics and routes call this listener.
    pub name: String,
    /// Host and port; port 0 lets the system choose.
    pub address: String,
    /// TLS, or plaintext where the file says so.
    pub security: Security,
    /// The PROXY protocol, for listeners behind a load balancer.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// Whether HTTP/2 without TLS is understood.
    pub h2c: bool,
}

/// How a listener's connections are protected.
#[derive(Clone, Debug)]
pub enum Security {
    /// TLS with these settings.
    Tls(Tls),
    /// None; the file said so.
    Plaintext,
}

/// A listener, as written in the file.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Listener")]
struct Written {
    /// What traces and metrics call this listener.
    name: String,
    /// Host and port to listen on, `0.0.0.0:8443` or `[::]:8443`; port 0 lets the system choose.
    #[serde(deserialize_with = "host_and_port")]
    #[schemars(with = "String")]
    address: String,
    /// TLS for this listener. Exactly one of `tls` and `plaintext` is given.
    tls: Option<Tls>,
    /// `true` for a listener without TLS, which has to be said in so many words: tokens cross it in the clear.
    #[serde(default)]
    plaintext: bool,
    /// The PROXY protocol (version 2 only), for listeners behind a load balancer. Off when left out.
    proxy_protocol: Option<ProxyProtocol>,
    /// Whether HTTP/2 is offered. Default true.
    #[serde(default = "yes")]
    http2: bool,
    /// Whether a plaintext listener understands HTTP/2 with prior knowledge. Default false: only for inner networks.
    #[serde(default)]
    h2c: bool,
}

impl JsonSchema for Settings {
    fn schema_name() -> Cow<'static, str> {
        Written::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}

/// Read where it stands, so that a fault is told of it and not of the whole listener.
fn host_and_port<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    crate::settings::host_and_port(&text).map_err(serde::de::Error::custom)?;
    Ok(text)
}

fn yes() -> bool {
    true
}

impl TryFrom<Written> for Settings {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let security = match (written.tls, written.plaintext) {
            (Some(_), true) => return Err("a listener has either `tls` or `plaintext: true`, not both"),
            (None, false) => return Err("a listener needs `tls`, or `plaintext: true` in so many words"),
            (Some(tls), false) => Security::Tls(tls),
            (None, true) => Security::Plaintext,
        };
        if written.h2c && matches!(security, Security::Tls(_)) {
            return Err("`h2c` is HTTP/2 without TLS; over TLS it is `http2`");
        }
        let Written { name, address, proxy_protocol, http2, h2c, .. } = written;
        Ok(Self { name, address, security, proxy_protocol, http2, h2c })
    }
}

impl From<Settings> for Written {
    fn from(settings: Settings) -> Self {
        let Settings { name, address, security, proxy_protocol, http2, h2c } = settings;
        let (tls, plaintext) = match security {
            Security::Tls(tls) => (Some(tls), false),
            Security::Plaintext => (None, true),
        };
        Self { name, address, tls, plaintext, proxy_protocol, http2, h2c }
    }
}

/// TLS of a listener.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ListenerTls")]
pub struct Tls {
    /// Certificate chains and their keys. The first also serves clients that name no host.
    #[serde(deserialize_with = "at_least_one")]
    #[schemars(length(min = 1))]
    pub certificates: Vec<CertificateFiles>,
    /// The oldest version spoken. Default `1.2`.
    #[serde(default)]
    pub min_version: TlsVersion,
    /// What a client gets that names a host of no certificate. Default `reject`.
    #[serde(default)]
    pub unknown_sni: UnknownSni,
    /// Whether a client may resume an earlier session without a full handshake. Default true.
    #[serde(default = "yes")]
    pub session_tickets: bool,
    /// How long a handshake may take. Default `10s`.
    #[serde(default = "ten_seconds")]
    pub handshake_timeout: Span,
    /// Ask clients for a certificate, to which their tokens may be bound (RFC 8705 §3). Never an identity by itself.
    /// Default `off`: none is asked for, and tokens that are bound to one are refused.
    #[serde(default)]
    pub client_certificates: OrOff<ClientCertificates>,
}

fn ten_seconds() -> Span {
    Span::secs(10)
}

fn at_least_one<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<CertificateFiles>, D::Error> {
    let files = Vec::deserialize(deserializer)?;
    if files.is_empty() {
        return Err(serde::de::Error::custom("`certificates` names at least one certificate"));
    }
    Ok(files)
}

/// The files of one certificate.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// The chain, PEM, the server's own certificate first.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// The oldest TLS version a listener speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    V1_3,
}

/// What a client gets that names a host of no certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownSni {
    /// The handshake fails.
    #[default]
    Reject,
    /// It gets the first certificate.
    Default,
}

/// The PROXY protocol of a listener.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyProtocol {
    /// The networks that the load balancers are in. Connections from elsewhere are dropped.
    #[schemars(with = "Vec<String>")]
    pub trusted: Vec<IpNet>,
    /// How long the whole header may take. Default `2s`.
    #[serde(default = "two_seconds")]
    pub timeout: Span,
}

fn two_seconds() -> Span {
    Span::secs(2)
}

/// What connections may use up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections open at once, all listeners and workers together; more are closed at once. Default 10000.
    pub connections: usize,
    /// The largest header section, request line included; beyond it 431. Default `32KiB`.
    pub header_bytes: Bytes,
    /// The most header fields; beyond it 431. Default 100.
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
    /// Requests at once on one HTTP/2 connection. Default 100.
    pub streams_per_connection: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header_bytes: Bytes::kib(32),
            header_count: 100,
            header_field: Bytes::kib(16),
            uri_bytes: Bytes::kib(8),
            header_read_timeout: Span::secs(10),
            idle_timeout: Span::secs(75),
            body_idle_timeout: Span::secs(60),
            streams_per_connection: 100,
        }
    }
}

impl Limits {
    /// What the framing guard of every connection goes by.
    pub fn guard(&self) -> Guard {
        Guard {
            limits: HeadLimits {
                header_bytes: self.header_bytes.len(),
                header_count: self.header_count,
                header_field: self.header_field.len(),
                uri_bytes: self.uri_bytes.len(),
            },
            clocks: Clocks {
                header: self.header_read_timeout.get().min(LONGEST),
                idle: self.idle_timeout.get().min(LONGEST),
                body: self.body_idle_timeout.get().min(LONGEST),
                linger: Duration::from_secs(2),
            },
        }
    }
}

/// No clock runs longer, so that no deadline can be beyond what the system can count.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How many connections the system may hold for us before they are accepted.
const BACKLOG: i32 = 4096;

/// Opens the listening socket at `address`. Its clones, one for each worker, share one queue.
pub fn bind(address: &str) -> io::Result<std::net::TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the address names no host");
    for candidate in address.to_socket_addrs()? {
        match bind_one(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_one(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
