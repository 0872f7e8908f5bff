//! What can go wrong on the way to an upstream, in the words of RFC 9209 §2.3.

use std::sync::Arc;

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
    /// The handshake failed, or its certificate is not trusted.
    Tls,
    /// It closed the connection instead of answering.
    Reset,
    /// It does not answer in time.
    FirstByteTimeout,
    /// What it answers is not HTTP.
    Protocol,
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
            Self::Reset => "connection_terminated",
            Self::FirstByteTimeout => "http_response_timeout",
            Self::Protocol => "http_protocol_error",
        }
    }

    /// What it means for the answer.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::NoEndpoint | Self::Dns | Self::ConnectRefused | Self::Tls => Class::Unreachable,
            Self::ConnectTimeout | Self::FirstByteTimeout => Class::Timeout,
            Self::Reset | Self::Protocol => Class::Protocol,
        }
    }
}
