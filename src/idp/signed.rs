//! Tokens that an identity provider sends about its users: logout tokens, security events, commands. Verified as
//! strictly as access tokens, by the keys of the one who may say so. What they mean is not told here.

use crate::decide::claims::Claims;
use crate::decide::reason::Reason;
use crate::decide::rules::Algorithms;
use crate::decide::time::Moment;
use crate::state::keys::{IssuerKeys, Key, Lookup};
use crate::token::compact::Compact;
use crate::token::header::{self, Header};
use crate::token::{claims, json};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Who may sign.
#[derive(Clone)]
pub struct Signer {
    /// The `iss` of its tokens, byte for byte.
    pub iss: Box<str>,
    /// Its keys.
    pub keys: Arc<IssuerKeys>,
    /// The algorithms that it may use.
    pub algorithms: Algorithms,
    /// By how much its clock and ours may differ.
    pub leeway: Duration,
}

/// A token whose signature is good. Nothing of its claims was judged, its `iss` neither.
pub struct Signed {
    /// `typ`, in lower case and without `application/` (RFC 7515 §4.1.9); empty if there is none.
    pub typ: Box<str>,
    /// The claims, of which each is of its type.
    pub claims: Claims,
}

/// Why a token was not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignedFault {
    /// It is no compact JWS of a strict JSON object, or a claim is not of its type.
    #[error("not a well-formed signed token")]
    Form,
    /// Its `alg` is not allowed, or not that of its key.
    #[error("an algorithm that is not allowed")]
    Algorithm,
    /// The signer publishes no such key.
    #[error("a key that the issuer does not publish")]
    Key,
    /// The signature is not good.
    #[error("the signature is not valid")]
    Signature,
    /// The signer's keys are not to be had now: nothing is wrong with the token, as far as one can tell.
    #[error("the issuer's keys cannot be had at the moment")]
    Unavailable,
}

impl Signer {
    /// Verifies a token of at most `limit` bytes. An unknown key is asked for once, together with everybody else who
    /// needs it.
    ///
    /// # Errors
    /// The first fault.
    pub async fn verify(&self, token: &str, limit: usize, now: Moment) -> Result<Signed, SignedFault> {
        let (typ, payload) = self.open(token, limit, now).await?;
        let payload = json::object(&payload).map_err(|_| SignedFault::Form)?;
        let claims = claims::read(payload, "sid").map_err(|_| SignedFault::Form)?;
        Ok(Signed { typ, claims })
    }

    /// Verifies a token, and gives its `typ` and its payload, of which nothing was read.
    ///
    /// # Errors
    /// The first fault.
    pub async fn open(&self, token: &str, limit: usize, now: Moment) -> Result<(Box<str>, Vec<u8>), SignedFault> {
        let compact = Compact::split(token, limit).map_err(|_| SignedFault::Form)?;
        let text = compact.header().map_err(|_| SignedFault::Form)?;
        let header = header::read(&text).map_err(|flaw| match flaw.reason {
            Reason::AlgNotAllowed => SignedFault::Algorithm,
            _ => SignedFault::Form,
        })?;
        compact.check_signature_form().map_err(|_| SignedFault::Form)?;
        if !self.algorithms.contains(header.algorithm) {
            return Err(SignedFault::Algorithm);
        }
        let key = self.key(&header, now).await?;
        if !key.verify(compact.signing_input.as_bytes(), compact.signature) {
            return Err(SignedFault::Signature);
        }
        Ok((typ(&text), compact.payload().map_err(|_| SignedFault::Form)?))
    }

    async fn key(&self, header: &Header, now: Moment) -> Result<Arc<Key>, SignedFault> {
        let kid = header.kid.as_deref();
        let mut found = self.keys.find(kid, header.algorithm, now);
        if matches!(found, Lookup::Unknown { refetch: true }) && self.keys.refetch(kid, now).await {
            found = self.keys.find(kid, header.algorithm, now);
        }
        match found {
            Lookup::Found(key) => Ok(key),
            // It may have been published just now: whoever floods us with unknown keys must not make that unseen.
            Lookup::Unknown { .. } if !self.keys.was_sought(kid, now) => Err(SignedFault::Unavailable),
            Lookup::Unknown { .. } => Err(SignedFault::Key),
            Lookup::AlgorithmMismatch => Err(SignedFault::Algorithm),
            Lookup::Unavailable => Err(SignedFault::Unavailable),
        }
    }
}

/// The header was read before: it is a strict object, and its `typ` a string if it is there.
fn typ(header: &[u8]) -> Box<str> {
    let header = json::object(header).unwrap_or_default();
    let typ = header.get("typ").and_then(|typ| typ.as_str()).unwrap_or_default().to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::Algorithm;
    use crate::state::keys::Patience;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    /// Whoever has no keys at the moment says so: a good token must not be thrown away as a bad one.
    #[tokio::test]
    async fn what_cannot_be_told_is_not_refused() {
        let patience = Patience { max_stale: None, cooldown: Duration::ZERO, wait: Duration::ZERO };
        let (keys, algorithms) = (Arc::new(IssuerKeys::new(patience)), [Algorithm::ES256].into_iter().collect());
        let signer = Signer { iss: "i".into(), keys, algorithms, leeway: Duration::ZERO };
        for (header, fault) in [
            (r#"{"alg":"ES256","typ":"x"}"#, SignedFault::Unavailable),
            (r#"{"alg":"RS256"}"#, SignedFault::Algorithm),
            (r#"{"alg":"none"}"#, SignedFault::Algorithm),
            (r#"{"alg":"ES256","crit":["x"]}"#, SignedFault::Form),
            ("[]", SignedFault::Form),
        ] {
            let token = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header));
            let verified = signer.verify(&token, 1000, Moment::default()).await;
            assert_eq!(verified.err(), Some(fault), "{header}");
            assert_eq!(signer.verify(&token, 10, Moment::default()).await.err(), Some(SignedFault::Form));
        }
    }

    #[test]
    fn types_are_media_types() {
        for (header, own) in [
            (r#"{"typ":"Application/SecEvent+JWT"}"#, "secevent+jwt"),
            (r#"{"typ":"logout+jwt"}"#, "logout+jwt"),
            (r#"{"typ":"text/x"}"#, "text/x"),
            ("{}", ""),
        ] {
            assert_eq!(&*typ(header.as_bytes()), own);
        }
    }
}
