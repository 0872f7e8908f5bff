//! A DPoP proof, read strictly (RFC 9449 §4.3): what is wrong with it, or who signed it and when. That it is for this
//! request and this token is found out here; whether it is new enough, of the right key, and unused is judged.
//! A nonce (§9) is looked at only where one is asked for.

use super::compact::Compact;
use super::json::object;
use super::target::{self, Target};
use crate::decide::evidence::{Nonce, Proof, Signed, Usage};
use crate::decide::id::Fingerprint;
use crate::decide::rules::Algorithm;
use crate::decide::time::Timestamp;
use crate::state::fingerprint::{Fingerprints, Kind};
use crate::state::keys::{Key, of_proof};
use crate::state::nonces::Nonces;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

/// The field that a proof comes in (RFC 9449 §4.1).
pub static DPOP: HeaderName = HeaderName::from_static("dpop");

/// How long a proof may be, in bytes.
const LENGTH: usize = 8192;
/// How long a `jti` may be, in bytes (RFC 9449 §11.1).
const JTI: usize = 256;
/// Members that only a private or a shared key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What was sent in the field.
#[derive(Default)]
pub enum Sent {
    /// Nothing.
    #[default]
    Nothing,
    /// One line.
    One(HeaderValue),
    /// More than one.
    Several,
}

impl Sent {
    /// What a request carries.
    #[must_use]
    pub fn look(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(&DPOP).iter();
        match (lines.next(), lines.next()) {
            (None, _) => Self::Nothing,
            (Some(line), None) => Self::One(line.clone()),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

/// What is wrong with a proof, in words of our own.
type Fault = &'static str;

/// Reads the proof of a request. With one that is signed comes the name under which its use is remembered. `nonces` are
/// those that one is asked of, if one is.
#[must_use]
pub fn read(
    sent: &Sent,
    token: &str,
    target: &Target<'_>,
    names: &Fingerprints,
    nonces: Option<&Nonces>,
) -> (Proof, Option<Fingerprint>) {
    let line = match sent {
        Sent::Nothing => return (Proof::Absent, None),
        Sent::Several => return (Proof::Flawed("more than one DPoP field"), None),
        Sent::One(line) => line,
    };
    match line.to_str().map_err(|_| "bytes that are not text").and_then(|text| verify(text, token, target, nonces)) {
        Ok((signed, jti)) => {
            let key = URL_SAFE_NO_PAD.encode(signed.key.0);
            (Proof::Signed(signed), Some(names.of(Kind::Proof, &key, jti.as_bytes())))
        }
        Err(fault) => (Proof::Flawed(fault), None),
    }
}

fn verify(text: &str, token: &str, target: &Target<'_>, nonces: Option<&Nonces>) -> Result<(Signed, Box<str>), Fault> {
    if text.len() > LENGTH {
        return Err("longer than 8 KiB");
    }
    if text.contains(',') {
        return Err("more than one proof in the field");
    }
    let compact = Compact::split(text, LENGTH).map_err(|flaw| flaw.detail)?;
    let header =
        object(&compact.header().map_err(|flaw| flaw.detail)?).map_err(|_| "a header that is not strict JSON")?;
    let key = key(&header)?;
    let payload = compact.payload().map_err(|flaw| flaw.detail)?;
    compact.check_signature_form().map_err(|flaw| flaw.detail)?;
    if !key.verify(compact.signing_input.as_bytes(), compact.signature) {
        return Err("a signature that is not its key's");
    }
    let claims = object(&payload).map_err(|_| "a payload that is not strict JSON")?;
    let (issued, jti) = claimed(&claims, token, target)?;
    let nonce = nonces.map(|nonces| nonce(&claims, nonces)).unwrap_or_default();
    Ok((Signed { key: key.thumbprint(), issued, usage: Usage::First, nonce }, jti))
}

/// The key in the header, for the one algorithm that the header names.
fn key(header: &Map<String, Value>) -> Result<Key, Fault> {
    if header.get("typ").and_then(Value::as_str) != Some("dpop+jwt") {
        return Err("a 'typ' other than 'dpop+jwt'");
    }
    // No extension is understood, so every one that must be is refused (RFC 7515 §4.1.11, RFC 7797 §6).
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err("'crit' or 'b64'");
    }
    let named = header.get("alg").and_then(Value::as_str).and_then(Algorithm::from_name);
    let algorithm = named.filter(|alg| Algorithm::OF_PROOFS.contains(alg)).ok_or("an 'alg' that is not for proofs")?;
    let jwk = match header.get("jwk") {
        Some(jwk @ Value::Object(members)) if PRIVATE.iter().all(|name| !members.contains_key(*name)) => jwk,
        Some(Value::Object(_)) => return Err("a 'jwk' with a private or a shared key"),
        _ => return Err("no 'jwk'"),
    };
    of_proof(&jwk.to_string(), algorithm).map_err(|_| "a 'jwk' that is no public key for its 'alg'")
}

/// What is no text is not one of ours either.
fn nonce(claims: &Map<String, Value>, nonces: &Nonces) -> Nonce {
    match claims.get("nonce") {
        None => Nonce::Absent,
        Some(value) => value.as_str().map_or(Nonce::Foreign, |text| nonces.read(text)),
    }
}

/// The claims, compared with the request (RFC 9449 §4.3, numbers 8, 9 and 12).
fn claimed(claims: &Map<String, Value>, token: &str, target: &Target<'_>) -> Result<(Timestamp, Box<str>), Fault> {
    let text = |name| claims.get(name).and_then(Value::as_str);
    let jti = text("jti").filter(|jti| (1..=JTI).contains(&jti.len())).ok_or("no 'jti' of 1 to 256 bytes")?;
    let issued = claims.get("iat").and_then(Value::as_f64).and_then(Timestamp::from_numeric_floor).ok_or("no 'iat'")?;
    if text("htm").ok_or("no 'htm'")? != target.method.as_str() {
        return Err("another method than 'htm'");
    }
    let here = target.uri().ok_or("an address that cannot be compared")?;
    if target::normal(text("htu").ok_or("no 'htu'")?).ok_or("an 'htu' that is no absolute http URI")? != here {
        return Err("another address than 'htu'");
    }
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
    verify_slices_are_equal(text("ath").ok_or("no 'ath'")?.as_bytes(), hash.as_bytes())
        .map_err(|_| "the 'ath' of another token")?;
    Ok((issued, jti.into()))
}
