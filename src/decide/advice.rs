//! What the caller can do about a refusal. It follows from how the answer is challenged, so that a new row of the table
//! has it at once; where a row knows better, it is said here.

use super::reason::{Challenge, Reason};

impl Reason {
    /// What the caller can do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::TokenMissing => "Obtain an access token, and send it as 'Authorization: Bearer'.",
            Self::TokenTypeInvalid => "Send the access token, not the ID token.",
            Self::SubjectRevoked | Self::SessionRevoked => {
                "Sign in again: a token that is merely renewed is refused too."
            }
            Self::TokenNotYetValid | Self::TokenIssuedInFuture => {
                "Wait a moment and repeat the request; if it lasts, look at the provider's clock."
            }
            Self::KeyUnknown | Self::SignatureInvalid | Self::IssuerUntrusted | Self::AudienceMismatch => {
                "Obtain a token from the right provider, for this very API. Renewing the same kind of token does not help."
            }
            Self::StreamExpired => "Open the stream again with a new token.",
            Self::InternalError => "Repeat the request later; if it is refused again, send the operator the trace id.",
            _ => self.by_challenge(),
        }
    }

    fn by_challenge(self) -> &'static str {
        match self.challenge() {
            Challenge::Bare => "Obtain an access token, and send it as the challenge says.",
            Challenge::Error(error) => by_error(error.as_bytes()),
            Challenge::None => self.by_status(),
        }
    }

    fn by_status(self) -> &'static str {
        match self.status().as_u16() {
            403 => "Nothing by itself: this is not permitted to this caller. Ask the operator, with the trace id.",
            429 | 503 | 504 => "Wait as 'Retry-After' says, and repeat the request.",
            500..=599 => "Repeat the request later; if it lasts, send the operator the trace id.",
            _ => "Mend the request: it is refused however often it is repeated as it is.",
        }
    }
}

const fn by_error(error: &[u8]) -> &'static str {
    match error {
        b"invalid_token" => "Renew the token and repeat the request once; if that is refused too, sign in again.",
        b"insufficient_user_authentication" => "Send the user to sign in again, as the challenge says.",
        b"insufficient_scope" => "Ask the provider for the scopes that the challenge names.",
        b"invalid_dpop_proof" => "Make a fresh DPoP proof for this very request.",
        b"use_dpop_nonce" => "Repeat the request at once, with the nonce of the answer in the DPoP proof.",
        _ => "Mend the request: it is refused however often it is repeated as it is.",
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn every_reason_has_advice_and_it_fits_its_class() {
        for reason in Reason::ALL {
            assert!(reason.advice().ends_with('.'), "{}", reason.code());
        }
        assert!(Reason::TokenExpired.advice().starts_with("Renew the token"));
        assert!(Reason::SessionIdleTimeout.advice().contains("sign in again"));
        assert!(Reason::InsufficientScope.advice().contains("scopes"));
        assert!(Reason::Overloaded.advice().contains("Retry-After"));
        assert!(Reason::RouteNotFound.advice().contains("Mend"));
    }
}
