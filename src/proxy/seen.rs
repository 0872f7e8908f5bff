//! A request as it came, as far as it is told.

use super::authority;
use super::framing::Glimpse;
use crate::telemetry::Asked;
use http::header::{HOST, HeaderName, USER_AGENT};
use http::request::Parts;
use http::{HeaderValue, Method, Uri, Version};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The request as it came.
#[derive(Clone)]
pub struct Seen {
    method: Method,
    uri: Uri,
    version: Version,
    host: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
    secure: bool,
    peer: SocketAddr,
    client: Option<IpAddr>,
    /// What the head said that was refused, where this stands for one.
    instead: Option<Arc<Glimpse>>,
}

impl Seen {
    /// What is kept of a request that nobody will look at, unless its upstream fails.
    #[must_use]
    pub fn briefly(parts: &Parts, secure: bool, peer: SocketAddr) -> Self {
        let (method, uri, version) = (parts.method.clone(), parts.uri.clone(), parts.version);
        let (host, user_agent, request_id) = (None, None, None);
        Self { method, uri, version, host, user_agent, request_id, secure, peer, client: None, instead: None }
    }

    /// What is kept of a request's head.
    #[must_use]
    pub fn of(parts: &Parts, secure: bool, peer: SocketAddr, client: Option<IpAddr>) -> Self {
        Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            version: parts.version,
            host: parts.headers.get(HOST).cloned(),
            user_agent: parts.headers.get(USER_AGENT).cloned(),
            request_id: parts.headers.get(REQUEST_ID).cloned(),
            secure,
            peer,
            client,
            instead: None,
        }
    }

    /// The same, of a request that stands for a refused head: what that head said.
    #[must_use]
    pub(super) fn instead(self, glimpse: Option<&Arc<Glimpse>>) -> Self {
        let Some(said) = glimpse else { return self };
        let (user_agent, request_id) = (said.user_agent.clone(), said.request_id.clone());
        Self { method: said.method.clone(), user_agent, request_id, instead: Some(Arc::clone(said)), ..self }
    }

    /// The version of HTTP that the client speaks.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whether its answer has no body (RFC 9110 §9.3.2).
    pub(super) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Who asked.
    pub(super) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn asked(&self) -> Asked<'_> {
        let named = self.uri.authority().map(http::uri::Authority::as_str);
        let (path, query, named) = match &self.instead {
            Some(said) => (&*said.path, said.query.as_deref(), Some(&*said.host)),
            None => (self.uri.path(), self.uri.query(), named.or_else(|| text(self.host.as_ref()))),
        };
        Asked {
            method: &self.method,
            scheme: if self.secure { "https" } else { "http" },
            path,
            query,
            authority: named.map(authority::told).unwrap_or_default(),
            version: self.version,
            peer: Some(self.peer),
            client: self.client,
            user_agent: self.user_agent.as_ref().map(HeaderValue::as_bytes),
            request_id: self.request_id.as_ref().map(HeaderValue::as_bytes),
        }
    }
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.and_then(|value| value.to_str().ok())
}

/// By which a client may ask for the record of its request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
