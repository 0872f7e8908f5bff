//! How the state names tokens, sessions and subjects without holding them: by a keyed hash.
//! What is looked up by these names is not told here.

use crate::decide::id::Fingerprint;
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::borrow::Cow;
use thiserror::Error;

/// What a fingerprint is of. The number is part of what is hashed, so a session never meets a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// (`iss`, `jti`).
    Token = 1,
    /// (`iss`, the signing input): a token without `jti`.
    SigningInput = 2,
    /// (`iss`, the session claim).
    Session = 3,
    /// (`iss`, `sub`).
    Subject = 4,
    /// (`iss`, `client_id` or `azp`).
    Client = 5,
    /// (the thumbprint of a DPoP key, the `jti` of a proof).
    Proof = 6,
    /// (`iss`, a claim's name, its type and value).
    Claim = 7,
    /// (`iss`, `auth_time`, `sub`, `client_id` or `azp`).
    SignIn = 8,
    /// (`iss`, `sub`, `client_id` or `azp`).
    SubjectAtClient = 9,
    /// (`iss`, the `uri` of a status list).
    StatusList = 16,
    /// (a whole compact token).
    Whole = 32,
    /// (what for, bytes): says among instances that have the same key that one of them wrote this.
    Fleet = 64,
    /// (nothing of anybody): by which a key is known again.
    Check = 255,
}

/// A claim's value, as far as one can be revoked by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClaimValue<'a> {
    /// A string, byte for byte.
    Text(&'a str),
    /// A number.
    Number(&'a serde_json::Number),
}

impl<'a> ClaimValue<'a> {
    /// A list or an object names nobody.
    #[must_use]
    pub fn of(value: &'a serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::String(text) => Some(Self::Text(text)),
            serde_json::Value::Number(number) => Some(Self::Number(number)),
            _ => None,
        }
    }
}

/// `7`, `7.0` and `70e-1` are one number in JSON (RFC 8259 §6), up to what every reader can hold.
fn number_text(number: &serde_json::Number) -> Cow<'_, str> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |float: f64| float.fract() == 0.0 && float.abs() < EXACT;
    match number.as_f64().filter(|float| number.is_f64() && whole(*float)) {
        Some(float) => (float as i64).to_string().into(),
        None => number.to_string().into(),
    }
}

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness;

/// Hashes names with a key that no attacker knows, so nobody can aim at a place in a table, or make two meet.
pub struct Fingerprints {
    key: [u8; 32],
    identity: LessSafeKey,
}

/// What tells one edition of the settings from another, as the hash of identities takes it.
pub type Edition = [u8; NONCE_LEN];

/// The identity of a whole token in this process.
pub type Identity = [u8; 16];

impl Fingerprints {
    /// With a random key: names mean nothing outside of this process.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| NoRandomness)?;
        Self::keyed(key)
    }

    /// The key of identities is always random: they are compared within the process only.
    fn keyed(key: [u8; 32]) -> Result<Self, NoRandomness> {
        let mut secret = [0; 16];
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| NoRandomness)?;
        let identity = UnboundKey::new(&AES_128_GCM, &secret).map_err(|_| NoRandomness)?;
        Ok(Self { key, identity: LessSafeKey::new(identity) })
    }

    /// With a key derived from a secret: names are the same in every process that has the secret.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn derived(secret: &[u8]) -> Result<Self, NoRandomness> {
        Self::keyed(blake3::derive_key("curfew 2026-11 fingerprints of names", secret))
    }

    /// With a key that was kept: names are the same as they were when it was made.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn kept(key: [u8; 32]) -> Result<Self, NoRandomness> {
        Self::keyed(key)
    }

    /// Tells one key from another, and nothing of either.
    #[must_use]
    pub fn check(&self) -> [u8; 16] {
        let Fingerprint(check) = self.of(Kind::Check, "curfew", b"the key of fingerprints");
        check
    }

    /// The fingerprint of a value that an issuer gave. The issuer is its `iss`, byte for byte.
    #[must_use]
    pub fn of(&self, kind: Kind, issuer: &str, value: &[u8]) -> Fingerprint {
        let hash = self.hash(kind as u8, issuer, value);
        let mut short = [0; 16];
        short.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        Fingerprint(short)
    }

    /// The fingerprint of a claim that an issuer gave. A number and a string are never the same; two numbers are, if
    /// they are equal, however they were written.
    #[must_use]
    pub fn of_claim(&self, issuer: &str, name: &str, value: ClaimValue<'_>) -> Fingerprint {
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes();
        let (form, text) = match value {
            ClaimValue::Text(text) => (b'"', text.into()),
            ClaimValue::Number(number) => (b'0', number_text(number)),
        };
        self.of(Kind::Claim, issuer, &[&length, name.as_bytes(), &[form], str::as_bytes(&text)].concat())
    }

    /// The identity of a whole compact token, under the edition of the settings that it was verified under.
    ///
    /// It is a universal hash (GMAC, NIST SP 800-38D §3) under a random key: two tokens of at most 16 KiB meet with a
    /// probability below 2^-117, whoever chose them. That holds as long as nobody sees a result, which is
    /// why a nonce may stand for an edition, and why an identity must never be told: it names a place in a cache.
    #[must_use]
    pub fn token_identity(&self, edition: &Edition, compact: &[u8]) -> Option<Identity> {
        let nonce = Nonce::assume_unique_for_key(*edition);
        let tag = self.identity.seal_in_place_separate_tag(nonce, Aad::from(compact), &mut []).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// The name of a whole compact token, of full strength: whoever could make two tokens meet could break the hash.
    #[must_use]
    pub fn whole(&self, compact: &[u8]) -> [u8; 32] {
        *self.hash(Kind::Whole as u8, "", compact).as_bytes()
    }

    /// The scope goes in with its length, so no two pairs of scope and value are the same bytes.
    fn hash(&self, kind: u8, scope: &str, value: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&[kind]).update(&(scope.len() as u64).to_le_bytes()).update(scope.as_bytes()).update(value);
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same text under another kind, or cut at another place, is another name.
    #[test]
    fn no_two_inputs_meet() {
        let prints = Fingerprints::derived(b"a key for tests").expect("randomness");
        let named = prints.of(Kind::Session, "ab", b"c");
        assert_eq!(named, prints.of(Kind::Session, "ab", b"c"));
        assert_ne!(named, prints.of(Kind::Session, "a", b"bc"));
        assert_ne!(named, prints.of(Kind::Subject, "ab", b"c"));
        let another = Fingerprints::derived(b"another").expect("randomness");
        assert_ne!(named, another.of(Kind::Session, "ab", b"c"));
        let identity = |edition: u8, token: &[u8]| prints.token_identity(&[edition; 12], token).expect("an identity");
        assert_eq!(identity(1, b"bc"), identity(1, b"bc"));
        for (edition, token) in [(2, &b"bc"[..]), (1, b"bd"), (1, b"bc\0"), (1, b"")] {
            assert_ne!(identity(1, b"bc"), identity(edition, token));
        }
    }

    #[test]
    fn claims_are_told_apart_by_name_type_and_value() {
        let prints = Fingerprints::derived(b"a key for tests").expect("randomness");
        let claim = |name: &str, json: &str| {
            let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
            ClaimValue::of(&value).map(|value| prints.of_claim("i", name, value))
        };
        let seven = claim("device", "7");
        assert!(seven.is_some() && seven == claim("device", "7.0") && seven == claim("device", "70e-1"));
        for (name, json) in [("device", "\"7\""), ("devic", "7"), ("device7", "7"), ("device", "7.5"), ("device", "-7")]
        {
            assert_ne!(seven, claim(name, json), "{name} {json}");
        }
        assert_ne!(claim("a", "\"b\""), claim("a\"", "\"b\""));
        assert_eq!(claim("device", "-0.0"), claim("device", "0"));
        assert_eq!(claim("device", "[7]"), None);
    }

    #[test]
    fn a_random_key_is_one_of_many() {
        let (one, two) = (Fingerprints::random().unwrap(), Fingerprints::random().unwrap());
        assert_ne!(one.of(Kind::Token, "i", b"t"), two.of(Kind::Token, "i", b"t"));
    }
}
