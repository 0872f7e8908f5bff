//! One entry of a JWKS, read strictly (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2). A bad one is a [`KeyFault`],
//! which costs the set nothing but that key.

use super::key::{Key, Verifier, jose};
use crate::decide::rules::Algorithm;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature as lc;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

/// Why a published key is ignored (MD-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum KeyFault {
    /// Not an object, a member of the wrong type, or one given twice.
    #[error("malformed")]
    Malformed,
    /// A `kty` or `crv` that is not for us.
    #[error("an unknown kind of key")]
    UnknownKind,
    /// A member that its kind requires is not there.
    #[error("a required member is missing")]
    MissingMember,
    /// `use` is not `sig`, or `key_ops` lacks `verify`.
    #[error("not meant for verifying signatures")]
    NotForVerifying,
    /// It carries the private half: whoever reads the set can sign. An alert, not only a fault.
    #[error("the private key is published")]
    Private,
    /// A shared secret (`oct`), which has no place in a published set.
    #[error("a symmetric key is published")]
    Symmetric,
    /// RSA below 2048 bits or above 8192, or an exponent that is none.
    #[error("an RSA key outside of 2048 to 8192 bits")]
    Weak,
    /// Not a point of its curve.
    #[error("not a point of its curve")]
    NotOnCurve,
    /// An `alg` that its kind of key cannot have, or that is not for signatures.
    #[error("an 'alg' that does not fit the key")]
    AlgorithmUnfit,
    /// A `kid` longer than 256 bytes.
    #[error("a 'kid' that is too long")]
    LongKid,
    /// Another key of the set has the same `kid`: neither can be told from the other.
    #[error("two keys have this 'kid'")]
    DuplicateKid,
}

/// The longest `kid` that is looked at (JWT-14).
pub(super) const MAX_KID: usize = 256;

#[derive(Deserialize)]
struct Jwk {
    kty: Option<String>,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

/// A key's `kid` alone, to name a key that cannot be read whole.
#[derive(Deserialize)]
struct Named {
    kid: Option<String>,
}

/// The `kid` of an entry, however bad the rest of it is.
pub(super) fn kid(raw: &str) -> Option<Box<str>> {
    let named: Named = serde_json::from_str(raw).ok()?;
    named.kid.filter(|kid| kid.len() <= MAX_KID).map(Into::into)
}

/// Reads one entry. `allowed` is the issuer's list, in its order.
pub(super) fn read(raw: &str, allowed: &[Algorithm]) -> Result<Key, KeyFault> {
    let jwk: Jwk = serde_json::from_str(raw).map_err(|_| KeyFault::Malformed)?;
    jwk.is_for_verifying()?;
    match jwk.kty.as_deref() {
        Some("RSA") => jwk.rsa(allowed),
        Some("EC") => jwk.ec(),
        Some("OKP") => jwk.okp(),
        Some(_) => Err(KeyFault::UnknownKind),
        None => Err(KeyFault::MissingMember),
    }
}

/// The key that a DPoP proof carries, bound to the algorithm that the proof names (RFC 9449 §4.2).
///
/// # Errors
/// If it is not a public key, or not one for this algorithm.
pub fn of_proof(jwk: &str, algorithm: Algorithm) -> Result<Key, KeyFault> {
    let key = read(jwk, &[algorithm])?;
    if key.fits(algorithm) { Ok(key) } else { Err(KeyFault::AlgorithmUnfit) }
}

impl Jwk {
    /// What rules a key out whatever its kind. The private half comes first: it is the one to be told of.
    fn is_for_verifying(&self) -> Result<(), KeyFault> {
        let private = [&self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth];
        if private.into_iter().any(Option::is_some) {
            return Err(KeyFault::Private);
        }
        if self.kty.as_deref() == Some("oct") || self.k.is_some() {
            return Err(KeyFault::Symmetric);
        }
        let unfit = self.usage.as_deref().is_some_and(|usage| usage != "sig")
            || self.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|op| op == "verify"));
        if unfit {
            return Err(KeyFault::NotForVerifying);
        }
        if self.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) { Err(KeyFault::LongKid) } else { Ok(()) }
    }

    /// The key's one algorithm: its `alg`, if its kind can have it, else what its kind implies (JWT-07).
    fn algorithm(&self, kinds: &[Algorithm], implied: Algorithm) -> Result<Algorithm, KeyFault> {
        let Some(alg) = &self.alg else { return Ok(implied) };
        Algorithm::from_name(alg).filter(|named| kinds.contains(named)).ok_or(KeyFault::AlgorithmUnfit)
    }

    fn rsa(&self, allowed: &[Algorithm]) -> Result<Key, KeyFault> {
        use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
        let family = [RS256, RS384, RS512, PS256, PS384, PS512];
        let mut of_family = allowed.iter().copied().filter(|one| family.contains(one));
        let implied = if allowed.contains(&RS256) { RS256 } else { of_family.next().unwrap_or(RS256) };
        let algorithm = self.algorithm(&family, implied)?;
        let (n, e) = (member(self.n.as_deref())?, member(self.e.as_deref())?);
        let components = lc::RsaPublicKeyComponents { n: strip(&n), e: strip(&e) };
        components.to_parsed_public_key(&lc::RSA_PKCS1_2048_8192_SHA256).map_err(|_| KeyFault::Weak)?;
        if !(2048..=8192).contains(&bits(components.n)) {
            return Err(KeyFault::Weak);
        }
        let key = DecodingKey::from_rsa_raw_components(components.n, components.e);
        let (n, e) = (URL_SAFE_NO_PAD.encode(components.n), URL_SAFE_NO_PAD.encode(components.e));
        self.key(algorithm, &format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#), key)
    }

    fn ec(&self) -> Result<Key, KeyFault> {
        let (crv, algorithm, curve): (_, _, &'static dyn lc::VerificationAlgorithm) = match self.crv.as_deref() {
            Some("P-256") => ("P-256", Algorithm::ES256, &lc::ECDSA_P256_SHA256_FIXED),
            Some("P-384") => ("P-384", Algorithm::ES384, &lc::ECDSA_P384_SHA384_FIXED),
            Some("P-521") => ("P-521", Algorithm::ES512, &lc::ECDSA_P521_SHA512_FIXED),
            Some(_) => return Err(KeyFault::UnknownKind),
            None => return Err(KeyFault::MissingMember),
        };
        self.algorithm(&[algorithm], algorithm)?;
        let (x, y) = (member(self.x.as_deref())?, member(self.y.as_deref())?);
        // Coordinates are full-length octet strings (RFC 7518 §6.2.1.2): 32, 48 and 66 bytes.
        let length = match algorithm {
            Algorithm::ES256 => 32,
            Algorithm::ES384 => 48,
            _ => 66,
        };
        if x.len() != length || y.len() != length {
            return Err(KeyFault::NotOnCurve);
        }
        let point = [&[4][..], &x, &y].concat();
        let parsed = lc::ParsedPublicKey::new(curve, &point).map_err(|_| KeyFault::NotOnCurve)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let members = format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#);
        if algorithm == Algorithm::ES512 {
            return Ok(Key::new(self.kid(), thumbprint(&members), algorithm, Verifier::P521(Box::new(parsed))));
        }
        self.key(algorithm, &members, DecodingKey::from_ec_der(&point))
    }

    fn okp(&self) -> Result<Key, KeyFault> {
        match self.crv.as_deref() {
            Some("Ed25519") => {}
            Some(_) => return Err(KeyFault::UnknownKind),
            None => return Err(KeyFault::MissingMember),
        }
        let algorithm = self.algorithm(&[Algorithm::EdDSA, Algorithm::Ed25519], Algorithm::EdDSA)?;
        let x = member(self.x.as_deref())?;
        lc::ParsedPublicKey::new(&lc::ED25519, &x).map_err(|_| KeyFault::NotOnCurve)?;
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(&x));
        self.key(algorithm, &members, DecodingKey::from_ed_der(&x))
    }

    fn kid(&self) -> Option<Box<str>> {
        self.kid.as_deref().map(Into::into)
    }

    fn key(&self, algorithm: Algorithm, members: &str, key: DecodingKey) -> Result<Key, KeyFault> {
        let jose = jose(algorithm).ok_or(KeyFault::AlgorithmUnfit)?;
        Ok(Key::new(self.kid(), thumbprint(members), algorithm, Verifier::Jose(key, jose)))
    }
}

/// SHA-256 over the required members, in order, without white space (RFC 7638 §3).
fn thumbprint(members: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(digest(&SHA256, members.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}

fn member(text: Option<&str>) -> Result<Vec<u8>, KeyFault> {
    let text = text.filter(|text| !text.is_empty()).ok_or(KeyFault::MissingMember)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyFault::Malformed)
}

/// Without leading zero bytes, which some providers add and the standard forbids (RFC 7518 §6.3.1.1).
fn strip(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}
