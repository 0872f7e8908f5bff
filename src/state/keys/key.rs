//! One key, bound to exactly one algorithm (RFC 8725 §3.1). How it is found is not told here.

use crate::decide::id::{KeyId, Thumbprint};
use crate::decide::rules::Algorithm;
use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm as Jose, DecodingKey};
use std::sync::atomic::{AtomicU64, Ordering};

/// A key that verifies signatures.
pub struct Key {
    /// Its `kid`, or its thumbprint (RFC 7638) if the provider gave it none.
    pub id: KeyId,
    /// Unlike that of every other key this process ever held: other material, other name or other algorithm
    /// is another serial. A key that is published again unchanged keeps it.
    pub serial: u64,
    /// The one algorithm it verifies.
    pub algorithm: Algorithm,
    pub(super) kid: Option<Box<str>>,
    pub(super) thumbprint: [u8; 32],
    verifier: Verifier,
}

/// Who checks the signature.
pub(super) enum Verifier {
    /// jsonwebtoken, of which only the signature check is used.
    Jose(DecodingKey, Jose),
    /// P-521, which jsonwebtoken does not know.
    P521(Box<ParsedPublicKey>),
}

impl Key {
    pub(super) fn new(kid: Option<Box<str>>, thumbprint: [u8; 32], algorithm: Algorithm, verifier: Verifier) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let id = kid.as_deref().map_or_else(|| URL_SAFE_NO_PAD.encode(thumbprint).as_str().into(), KeyId::from);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self { id, serial, algorithm, kid, thumbprint, verifier }
    }

    /// Is it the same key: the same material, under the same name, for the same algorithm?
    pub(super) fn same(&self, other: &Self) -> bool {
        self.thumbprint == other.thumbprint && self.kid == other.kid && self.algorithm == other.algorithm
    }

    /// The thumbprint of its public members (RFC 7638 §3).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint(self.thumbprint)
    }

    /// Does a token's `alg` name this key's algorithm? `EdDSA` and `Ed25519` are one (RFC 9864 §2.2).
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        fold(self.algorithm) == fold(algorithm)
    }

    /// Is this base64url text this key's signature of the signing input?
    #[must_use]
    pub fn verify(&self, signing_input: &[u8], signature: &str) -> bool {
        if signature_length(self.algorithm).is_some_and(|bytes| signature.len() != base64_length(bytes)) {
            return false;
        }
        match &self.verifier {
            Verifier::Jose(key, algorithm) => {
                jsonwebtoken::crypto::verify(signature, signing_input, key, *algorithm).unwrap_or(false)
            }
            Verifier::P521(key) => {
                URL_SAFE_NO_PAD.decode(signature).is_ok_and(|raw| key.verify_sig(signing_input, &raw).is_ok())
            }
        }
    }
}

const fn fold(algorithm: Algorithm) -> Algorithm {
    match algorithm {
        Algorithm::Ed25519 => Algorithm::EdDSA,
        other => other,
    }
}

/// The exact length of a raw signature (RFC 7518 §3.4, RFC 8037 §3.1); an RSA signature is as long as its key.
const fn signature_length(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::ES256 | Algorithm::EdDSA | Algorithm::Ed25519 => Some(64),
        Algorithm::ES384 => Some(96),
        Algorithm::ES512 => Some(132),
        _ => None,
    }
}

const fn base64_length(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// What jsonwebtoken calls an algorithm; `None` for those it does not know.
pub(super) const fn jose(algorithm: Algorithm) -> Option<Jose> {
    Some(match algorithm {
        Algorithm::RS256 => Jose::RS256,
        Algorithm::RS384 => Jose::RS384,
        Algorithm::RS512 => Jose::RS512,
        Algorithm::PS256 => Jose::PS256,
        Algorithm::PS384 => Jose::PS384,
        Algorithm::PS512 => Jose::PS512,
        Algorithm::ES256 => Jose::ES256,
        Algorithm::ES384 => Jose::ES384,
        Algorithm::EdDSA | Algorithm::Ed25519 => Jose::EdDSA,
        Algorithm::HS256 => Jose::HS256,
        Algorithm::HS384 => Jose::HS384,
        Algorithm::HS512 => Jose::HS512,
        Algorithm::ES512 => return None,
    })
}
