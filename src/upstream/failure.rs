//! What can go wrong on the way to an upstream, in the words of RFC 9209 §2.3.

use std::sync::Arc;
use tokio::time::Instant;

/// A delivery that failed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .kind.proxy_error())]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The endpoint, if one was picked.
    pub endpoint: Option<Arc<str>>,
    /// What broke, for the log.
    pub source: Box<dyn std::error::Error + Send + Sync>,
    /// When this attempt began.
    pub began: Instant,
    /// When it was given up.
    pub ended: Instant,
    /// The attempts that failed before it, in order.
    pub earlier: Vec<Failure>,
}

impl Failure {
    /// One of no endpoint's.
    pub(super) fn without_endpoint(kind: FailureKind, why: &'static str, now: Instant) -> Self {
        Self { kind, endpoint: None, source: why.into(), began: now, ended: now, earlier: Vec::new() }
    }

    /// Nobody is left to try: what failed last is the cause, if anything was tried.
    pub(super) fn exhausted(mut earlier: Vec<Self>, now: Instant) -> Self {
        match earlier.pop() {
            Some(last) => Self { earlier, ..last },
            None => Self::without_endpoint(FailureKind::NoEndpoint, "no endpoint may be used", now),
        }
    }
}

/// The kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// There is no endpoint to be had.
    NoEndpoint,
    /// Its name has no address.
    Dns,
    /// It refuses connections.
    ConnectRefused,
    /// It does not take a connection in time.
    ConnectTimeout,
    /// The handshake of TLS failed.
    Tls,
    /// Its certificate is not trusted.
    Certificate,
    /// It broke the handshake off, and said why.
    Alert,
    /// This worker has as many connections to it as it may have.
    ConnectionLimit,
    /// It closed the connection instead of answering.
    Reset,
    /// It reset the stream instead of answering, on a connection that lives (RFC 9113 §6.4).
    StreamReset,
    /// It does not answer in time.
    FirstByteTimeout,
    /// What it answers is not HTTP.
    Protocol,
    /// It broke its response off.
    Incomplete,
    /// The head of its response is larger than is read.
    HeadersTooLarge,
    /// The request asks to switch protocols, which this upstream's protocol cannot.
    Upgrade,
    /// The body of the request broke off: not the endpoint's fault, and nothing it said.
    Request,
}

/// What a failure means for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The upstream was not reached.
    Unreachable,
    /// It did not answer in time.
    Timeout,
    /// It answered with something else than a response.
    Protocol,
}

impl FailureKind {
    /// The error type of `Proxy-Status` (RFC 9209 §2.3).
    #[must_use]
    pub const fn proxy_error(self) -> &'static str {
        match self {
            Self::NoEndpoint => "destination_unavailable",
            Self::Dns => "dns_error",
            Self::ConnectRefused => "connection_refused",
            Self::ConnectTimeout => "connection_timeout",
            Self::Tls => "tls_protocol_error",
            Self::Certificate => "tls_certificate_error",
            Self::Alert => "tls_alert_received",
            Self::ConnectionLimit => "connection_limit_reached",
            Self::Reset | Self::StreamReset => "connection_terminated",
            Self::FirstByteTimeout => "http_response_timeout",
            Self::Protocol => "http_protocol_error",
            Self::Incomplete => "http_response_incomplete",
            Self::HeadersTooLarge => "http_response_header_section_size",
            Self::Upgrade => "http_upgrade_failed",
            Self::Request => "http_request_error",
        }
    }

    /// Does it speak against the endpoint? What the client or this gateway brought about does not.
    #[must_use]
    pub const fn is_of_endpoint(self) -> bool {
        !matches!(self, Self::NoEndpoint | Self::ConnectionLimit | Self::Upgrade | Self::Request)
    }

    /// What it means for the answer.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::NoEndpoint
            | Self::Dns
            | Self::ConnectRefused
            | Self::ConnectionLimit
            | Self::Tls
            | Self::Certificate
            | Self::Alert => Class::Unreachable,
            Self::ConnectTimeout | Self::FirstByteTimeout => Class::Timeout,
            Self::Reset
            | Self::StreamReset
            | Self::Protocol
            | Self::Incomplete
            | Self::HeadersTooLarge
            | Self::Upgrade
            | Self::Request => Class::Protocol,
        }
    }
}
