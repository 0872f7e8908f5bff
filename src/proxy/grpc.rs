//! What clients of gRPC are told in its own words when a call of theirs is cut short. One that is refused at once is answered
//! as any request is (`answer`).

use super::answer::Exposure;
use super::body::Download;
use crate::decide::reason::Reason;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header};

/// Are these the fields of a message of gRPC? Not of gRPC-Web, which has no trailers.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let rest = kind.strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| rest.first().is_none_or(|next| b"+; ".contains(next)))
}

/// Does this request call a method of gRPC?
pub(super) fn is_call(parts: &Parts) -> bool {
    parts.version == Version::HTTP_2 && parts.method == Method::POST && is_grpc(&parts.headers)
}

/// The trailers by which a gRPC stream ends whose token did: UNAUTHENTICATED.
///
/// A client that does not read never sees them. Trailers need no room in its window (RFC 9113 §5.2.1), but they come after
/// the data that waits for that room, in h2's queue and, as a piece that hyper holds and does not give back, before it; as
/// long as it waits, hyper does not ask the body for more. Only a reset goes past it, and takes it away (§5.1): `CANCEL`,
/// which gRPC reads as CANCELLED. A client that has read what there was, however small its window, gets the trailers.
pub(super) fn unauthenticated(reason: Reason, exposure: Exposure) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static("16"));
    let told = exposure.told(reason).map(HeaderValue::from_static);
    trailers.extend(told.map(|told| (HeaderName::from_static("grpc-message"), told)));
    trailers
}

/// The answer to a call whose token ended before there was any: nothing but trailers (gRPC over HTTP/2, "Trailers-Only"). The
/// fields of the refusal go with them.
///
/// A call that is refused at once is answered as any request is (RFC 6750 §3.1), of which clients make the same status by
/// themselves; this one was admitted, and ends as it would have after its first message.
pub(super) fn only_trailers(refusal: &mut Response<Download>, reason: Reason, exposure: Exposure) {
    *refusal.status_mut() = StatusCode::OK;
    *refusal.body_mut() = Download::Own(None);
    let headers = refusal.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.extend(unauthenticated(reason, exposure));
}

#[cfg(test)]
mod tests {
    use super::is_grpc;
    use http::{HeaderMap, HeaderValue, header};

    #[test]
    fn what_speaks_grpc() {
        let speaks = |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            is_grpc(&headers)
        };
        assert!(speaks("application/grpc") && speaks("application/grpc+proto") && speaks("application/grpc;a=b"));
        assert!(!speaks("application/grpc-web") && !speaks("application/json") && !is_grpc(&HeaderMap::new()));
    }
}
