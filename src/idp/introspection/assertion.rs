//! How the gateway proves who it is with a key of its own (`private_key_jwt`: OpenID Connect Core §9, RFC 7523 §2.2, §3): a
//! token for one question, signed with a key that the issuer knows the public half of.

use super::settings::PrivateKeyJwt;
use crate::decide::rules::Algorithm;
use crate::decide::time::Timestamp;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

/// A key to sign with.
pub(super) struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

/// No key of fewer bits is used (RFC 7518 §3.3).
const MIN_RSA_BYTES: usize = 256;

impl SigningKey {
    /// From PKCS#8 in PEM, for this algorithm or the one that such keys are for.
    ///
    /// # Errors
    /// If it is no such key.
    pub(super) fn read(pem: &[u8], wanted: Option<Algorithm>) -> Result<Self, String> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem)
            .map_err(|_| "no private key in PEM (PKCS#8: `BEGIN PRIVATE KEY`)".to_owned())?;
        let der = der.secret_pkcs8_der();
        let (pair, fits): (Pair, &[Algorithm]) = if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            if pair.public_modulus_len() < MIN_RSA_BYTES {
                return Err("an RSA key of less than 2048 bits".into());
            }
            (Pair::Rsa(Box::new(pair)), &[Algorithm::RS256, Algorithm::PS256])
        } else if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
            (Pair::Ec(Box::new(pair)), &[Algorithm::ES256])
        } else if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der) {
            (Pair::Ec(Box::new(pair)), &[Algorithm::ES384])
        } else if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            (Pair::Ed(Box::new(pair)), &[Algorithm::EdDSA, Algorithm::Ed25519])
        } else {
            return Err("a private key that is neither RSA, P-256, P-384 nor Ed25519".into());
        };
        let algorithm = wanted.or_else(|| fits.first().copied()).filter(|algorithm| fits.contains(algorithm));
        let algorithm = algorithm.ok_or("a private key of another kind than `algorithm` needs")?;
        Ok(Self { algorithm, pair })
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &dyn signature::RsaEncoding = match self.algorithm {
                    Algorithm::PS256 => &signature::RSA_PSS_SHA256,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signed).ok().map(|()| signed)
            }
            Pair::Ec(pair) => pair.sign(&random, message).ok().map(|signed| signed.as_ref().to_vec()),
            Pair::Ed(pair) => Some(pair.sign(message).as_ref().to_vec()),
        }
    }
}

/// A token that says who asks, for one question: of its own name, and good for a short time (RFC 7523 §3). `None` if the
/// system has no random bytes.
pub(super) fn assertion(key: &SigningKey, of: &PrivateKeyJwt, issuer: &str, now: Timestamp) -> Option<String> {
    let mut name = [0; 16];
    rand::fill(&mut name).ok()?;
    let mut head = json!({"alg": key.algorithm.name(), "typ": "JWT"});
    if let (Some(head), Some(kid)) = (head.as_object_mut(), &of.key_id) {
        head.insert("kid".into(), kid.as_str().into());
    }
    let claims = json!({
        "iss": of.client_id,
        "sub": of.client_id,
        "aud": of.audience.as_deref().unwrap_or(issuer),
        "jti": URL_SAFE_NO_PAD.encode(name),
        "iat": now.secs(),
        "exp": now.plus(of.lifetime.get()).secs(),
    });
    let part = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", part(&head), part(&claims));
    let signed = key.sign(message.as_bytes())?;
    Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signed)))
}
