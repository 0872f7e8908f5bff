//! How the state names tokens, sessions and subjects without holding them: by a keyed hash.
//! What is looked up by these names is not told here.

use crate::decide::id::Fingerprint;
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
}

/// The first byte of what is hashed for a token's identity; no [`Kind`] has it.
const IDENTITY: u8 = 0;

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness;

/// Hashes names with a key that no attacker knows, so nobody can aim at a place in a table, or make two meet.
pub struct Fingerprints {
    key: [u8; 32],
}

impl Fingerprints {
    /// With a random key: names mean nothing outside of this process.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| NoRandomness)?;
        Ok(Self { key })
    }

    /// With a key derived from a secret: names are the same in every process that has the secret.
    #[must_use]
    pub fn derived(secret: &[u8]) -> Self {
        Self { key: blake3::derive_key("curfew 2026-11 fingerprints of names", secret) }
    }

    /// The fingerprint of a value that an issuer gave. The issuer is its `iss`, byte for byte.
    #[must_use]
    pub fn of(&self, kind: Kind, issuer: &str, value: &[u8]) -> Fingerprint {
        let hash = self.hash(kind as u8, issuer, value);
        let mut short = [0; 16];
        short.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        Fingerprint(short)
    }

    /// The identity of a whole compact token, under the edition of the settings that it was verified under.
    /// It is the full 256 bits: two tokens that met here would share a verdict.
    #[must_use]
    pub fn token_identity(&self, edition: &str, compact: &[u8]) -> [u8; 32] {
        self.hash(IDENTITY, edition, compact).into()
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
        let prints = Fingerprints::derived(b"a key for tests");
        let named = prints.of(Kind::Session, "ab", b"c");
        assert_eq!(named, prints.of(Kind::Session, "ab", b"c"));
        assert_ne!(named, prints.of(Kind::Session, "a", b"bc"));
        assert_ne!(named, prints.of(Kind::Subject, "ab", b"c"));
        assert_ne!(named, Fingerprints::derived(b"another").of(Kind::Session, "ab", b"c"));
        assert_ne!(prints.token_identity("a", b"bc"), prints.token_identity("ab", b"c"));
    }

    #[test]
    fn a_random_key_is_one_of_many() {
        let (one, two) = (Fingerprints::random().unwrap(), Fingerprints::random().unwrap());
        assert_ne!(one.of(Kind::Token, "i", b"t"), two.of(Kind::Token, "i", b"t"));
    }
}
