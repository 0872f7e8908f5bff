//! Before any token is looked at: one host, one path, one route, and only such header fields as may be believed.

use super::plan::{Plan, Route};
use super::router::Match;
use super::{authority, path};
use crate::decide::reason::Reason;
use crate::upstream::headers;
use http::header::EXPECT;
use http::request::Parts;
use http::{HeaderValue, Method, Uri, Version};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// Why a request goes no further.
#[derive(Debug)]
pub struct Refusal {
    /// The one reason.
    pub reason: Reason,
    /// The methods that would be allowed, where it is about the method.
    pub allow: Vec<Method>,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, allow: Vec::new() }
    }
}

/// Finds the route. The path that is matched is written back, so that it is the path that is forwarded.
///
/// A host that the connection's certificate does not cover is refused (RFC 9110 §7.4), unless no route names it and
/// some route takes every host: whoever writes such a route does not bind it to names.
///
/// # Errors
/// Why there is none.
pub fn find(
    parts: &mut Parts,
    plan: &Plan,
    secure: bool,
    covers: impl Fn(&str) -> bool,
) -> Result<Arc<Route>, Refusal> {
    let tunnels = parts.extensions.get::<hyper::ext::Protocol>().is_some();
    if parts.method == Method::TRACE || (parts.method == Method::CONNECT && !tunnels) {
        return Err(Reason::MethodNotAllowed.into());
    }
    let host = authority::host(parts, secure)?;
    if !covers(&host) && (plan.router.names(&host) || !plan.router.serves(&host)) {
        return Err(Reason::MisdirectedRequest.into());
    }
    let canonical = path::canonical(parts.uri.path()).map_err(|_| Reason::PathAmbiguous)?;
    // A WebSocket over HTTP/2 begins with CONNECT and stands for a GET (RFC 8441 §5).
    let method = if tunnels { &Method::GET } else { &parts.method };
    let found = match plan.router.find(&host, &canonical, method) {
        Match::Route(index) => plan.routes.get(index).cloned().ok_or(Reason::InternalError)?,
        Match::OtherMethods(allow) => {
            return Err(Refusal { reason: Reason::MethodNotAllowed, allow: allow.into_iter().cloned().collect() });
        }
        Match::Nothing => return Err(Reason::RouteNotFound.into()),
    };
    if let Cow::Owned(path) = canonical {
        parts.uri = with_path(&parts.uri, &path).ok_or(Reason::PathAmbiguous)?;
    }
    Ok(found)
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let target = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// HTTP/2 has no blanks around a value (RFC 9113 §8.2.1); in HTTP/1.1 they were no part of it.
fn has_blank_edge(value: &HeaderValue) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    blank(value.as_bytes().first()) || blank(value.as_bytes().last())
}

/// Hop-by-hop fields go first, then those that only the gateway may set: the order matters (RFC 9110 §7.6.1).
/// Gives whether there is a `DPoP` field.
///
/// # Errors
/// If the request carries what it may not.
pub fn clean(parts: &mut Parts, plan: &Plan, peer: IpAddr) -> Result<bool, Reason> {
    if parts.version == Version::HTTP_2 && parts.headers.values().any(has_blank_edge) {
        return Err(Reason::MalformedRequest);
    }
    if parts.headers.get(EXPECT).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Reason::ExpectationFailed);
    }
    headers::strip_hop_by_hop_request(&mut parts.headers).map_err(|_| Reason::ForbiddenHeader)?;
    let found = plan.hygiene.clean(&mut parts.headers, plan.trusts(peer));
    if found.forbidden && plan.strict_headers {
        return Err(Reason::ForbiddenHeader);
    }
    if headers::loops(&parts.headers, &plan.stationery.name, plan.max_loops) {
        return Err(Reason::LoopDetected);
    }
    Ok(found.proof)
}
