//! The end of a body before its end: as an error that hyper turns into a reset stream, or into a connection that ends.

use crate::decide::reason::Reason;
use http::StatusCode;
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

#[cfg(test)]
mod tests {
    use super::Cut;
    use crate::decide::reason::Reason;
    use std::error::Error as _;

    #[test]
    fn only_the_end_of_a_token_cancels() {
        assert!(Cut(Reason::SessionRevoked).source().is_some_and(|source| source.is::<h2::Error>()));
        assert!(Cut(Reason::UpstreamProtocolError).source().is_none());
    }
}
