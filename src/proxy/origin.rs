//! From which page a request comes (RFC 6454 §7, Fetch §3.2), and whether that page may read the answer and act.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, HOST, ORIGIN, VARY,
};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

/// Origins whose pages may ask, as browsers write them.
pub type Origins = Box<[Box<str>]>;

/// A field that a page of another site cannot send without being asked about first.
pub const EXTEND: HeaderName = HeaderName::from_static("curfew-extend");

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where a request comes from.
pub(super) enum Origin {
    /// It is not told: no page, or a page that only reads of its own host.
    Untold,
    /// A page of the same host.
    Same,
    /// A page that is named in the settings.
    Named(HeaderValue),
    /// Any other.
    Other,
}

/// Tells it.
pub(super) fn of(parts: &Parts, secure: bool, named: &Origins) -> Origin {
    let mut lines = parts.headers.get_all(ORIGIN).iter();
    let (first, second) = (lines.next(), lines.next());
    let Some(value) = first else { return Origin::Untold };
    let Some(text) = value.to_str().ok().filter(|_| second.is_none()) else { return Origin::Other };
    if named.iter().any(|one| **one == *text) {
        return Origin::Named(value.clone());
    }
    let field = || parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = parts.uri.authority().map(Authority::as_str).or_else(field);
    // A gateway that speaks no TLS itself may stand behind somebody who does.
    let there = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://").filter(|_| !secure));
    match (there, host) {
        (Some(there), Some(host)) if there.eq_ignore_ascii_case(host) => Origin::Same,
        _ => Origin::Other,
    }
}

impl Origin {
    pub(super) const fn is_named(&self) -> bool {
        matches!(self, Self::Named(_))
    }

    /// May it act for the user? A browser names the origin of every POST; who is none says so by a field that no form
    /// can send.
    pub(super) fn is_ours(&self, parts: &Parts) -> bool {
        match self {
            Self::Same | Self::Named(_) => true,
            Self::Untold => {
                let elsewhere = |site: &HeaderValue| !matches!(site.as_bytes(), b"same-origin" | b"none");
                parts.headers.contains_key(EXTEND) && !parts.headers.get(SITE).is_some_and(elsewhere)
            }
            Self::Other => false,
        }
    }

    /// Lets the page read the answer, if it is one of those that are named.
    pub(super) fn permit(self, headers: &mut HeaderMap) {
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if let Self::Named(origin) = self {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

/// The answer to a browser that asks beforehand.
pub(super) fn preflight(methods: &[Method]) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, names);
    }
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, curfew-extend, dpop"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
