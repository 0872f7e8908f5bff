//! Whom a request is for, as each version of HTTP writes it.

use super::endpoint::Endpoint;
use super::headers;
use super::pool::Pool;
use super::settings::HostHeader;
use http::header::{HOST, TE};
use http::{HeaderValue, Request, Uri, Version};

/// Origin form and `Host` (RFC 9112 §3.2.1).
pub(super) fn http1<B>(request: &mut Request<B>, pool: &Pool, endpoint: &Endpoint) {
    *request.version_mut() = Version::HTTP_11;
    headers::join_cookies(request.headers_mut());
    // Whoever sends `TE` names it in `Connection` too (RFC 9110 §10.1.4); a chunked body may have trailers anyway.
    request.headers_mut().remove(TE);
    if let Some(authority) = request.uri().authority() {
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            request.headers_mut().insert(HOST, host);
        }
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.map(Uri::from).unwrap_or_default();
    }
    if pool.settings.host == HostHeader::Endpoint
        && let Ok(host) = HeaderValue::try_from(endpoint.address.authority())
    {
        request.headers_mut().insert(HOST, host);
    }
}

/// Scheme and authority (RFC 9113 §8.3.1).
pub(super) fn http2<B>(request: &mut Request<B>, pool: &Pool, endpoint: &Endpoint) {
    *request.version_mut() = Version::HTTP_2;
    let named = request.headers_mut().remove(HOST).and_then(|host| host.to_str().ok().map(str::to_owned));
    let asked = request.uri().authority().map(|authority| authority.as_str().to_owned()).or(named);
    let authority = match pool.settings.host {
        HostHeader::Client => asked.unwrap_or_else(|| endpoint.address.authority()),
        HostHeader::Endpoint => endpoint.address.authority(),
    };
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let scheme = if endpoint.address.secure { "https" } else { "http" };
    if let Ok(uri) = Uri::builder().scheme(scheme).authority(authority).path_and_query(target).build() {
        *request.uri_mut() = uri;
    }
}
