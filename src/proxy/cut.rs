//! The end of a body before its end: as an error that hyper turns into a reset stream, or into a connection that ends.

use crate::decide::reason::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::error::Error;
use std::fmt;
use std::sync::LazyLock;

/// Why a body ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut(pub Reason);

/// hyper looks for this among the sources of a body's error; without it the code is INTERNAL_ERROR.
static CANCEL: LazyLock<h2::Error> = LazyLock::new(|| h2::Error::from(h2::Reason::CANCEL));

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body was cut: {}", self.0.code())
    }
}

impl Error for Cut {
    /// Nothing broke where a token has ended: the stream is not wanted any more (RFC 9113 §7).
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        is_of_the_token(self.0).then_some(&*CANCEL)
    }
}

/// Is it the token that ended, and not something that failed?
pub(super) fn is_of_the_token(reason: Reason) -> bool {
    reason.status() == StatusCode::UNAUTHORIZED
}

/// Is this an answer of gRPC, whose end is told in trailers? Not that of gRPC-Web, which has none.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let rest = kind.strip_prefix(b"application/grpc");
    rest.is_some_and(|rest| rest.first().is_none_or(|next| b"+; ".contains(next)))
}

/// The trailers by which a gRPC stream ends whose token did: UNAUTHENTICATED.
///
/// A client that does not read never sees them. Trailers need no room in its window (RFC 9113 §5.2.1), but they come after
/// the data that waits for that room, in h2's queue and, as a piece that hyper holds and does not give back, before it; as
/// long as it waits, hyper does not ask the body for more. Only a reset goes past it, and takes it away (§5.1): `CANCEL`,
/// which gRPC reads as CANCELLED. A client that has read what there was, however small its window, gets the trailers.
pub(super) fn unauthenticated(reason: Reason) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static("16"));
    trailers.insert(HeaderName::from_static("grpc-message"), HeaderValue::from_static(reason.code()));
    trailers
}

#[cfg(test)]
mod tests {
    use super::{Cut, is_grpc};
    use crate::decide::reason::Reason;
    use http::{HeaderMap, HeaderValue, header};
    use std::error::Error as _;

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

    #[test]
    fn only_the_end_of_a_token_cancels() {
        assert!(Cut(Reason::SessionRevoked).source().is_some_and(|source| source.is::<h2::Error>()));
        assert!(Cut(Reason::UpstreamProtocolError).source().is_none());
    }
}
