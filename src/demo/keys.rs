//! The provider's signing keys: two at a time, one for each algorithm, and those before them, still published so
//! that their tokens hold. One more is never published: the key of a stranger.

use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use std::sync::Arc;
use thiserror::Error;

/// Keys that signed before the last rotations and are still published.
const RETIRED: usize = 4;

/// A key could not be made.
#[derive(Debug, Error)]
#[error("a signing key cannot be made: {0}")]
pub struct KeyError(String);

/// A key that signs.
pub struct SigningKey {
    /// The `kid`.
    pub id: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// The private half.
    pub private: EncodingKey,
    /// The public half, as it is published (RFC 7517 §4).
    pub public: Jwk,
}

impl SigningKey {
    /// Makes a new key.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let private = private(algorithm).map_err(KeyError)?;
        let mut public = Jwk::from_encoding_key(&private, algorithm).map_err(|error| KeyError(error.to_string()))?;
        let thumbprint = public.thumbprint(ThumbprintHash::SHA256).map_err(|error| KeyError(error.to_string()))?;
        let id = format!("{}-{}", format!("{algorithm:?}").to_lowercase(), thumbprint.get(..8).unwrap_or(&thumbprint));
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        public.common.key_algorithm = Some(KeyAlgorithm::from(algorithm));
        Ok(Self { id, algorithm, private, public })
    }
}

fn private(algorithm: Algorithm) -> Result<EncodingKey, String> {
    let kind = if algorithm == Algorithm::ES256 { &PKCS_ECDSA_P256_SHA256 } else { &PKCS_RSA_SHA256 };
    let pem = KeyPair::generate_for(kind).map_err(|error| error.to_string())?.serialize_pem();
    let read = if algorithm == Algorithm::ES256 { EncodingKey::from_ec_pem } else { EncodingKey::from_rsa_pem };
    read(pem.as_bytes()).map_err(|error| error.to_string())
}

/// Both keys of one generation.
#[derive(Clone)]
struct Pair {
    rsa: Arc<SigningKey>,
    ec: Arc<SigningKey>,
}

impl Pair {
    fn generate() -> Result<Self, KeyError> {
        let make = |algorithm| SigningKey::generate(algorithm).map(Arc::new);
        Ok(Self { rsa: make(Algorithm::RS256)?, ec: make(Algorithm::ES256)? })
    }
}

/// All keys of the provider.
pub struct Keys {
    signing: Pair,
    retired: Vec<Arc<SigningKey>>,
    stranger: Arc<SigningKey>,
}

impl Keys {
    /// Makes the first generation.
    pub fn generate() -> Result<Self, KeyError> {
        let stranger = Arc::new(SigningKey::generate(Algorithm::ES256)?);
        Ok(Self { signing: Pair::generate()?, retired: Vec::new(), stranger })
    }

    /// The next generation, which is slow to make: to be put in place by `rotate`.
    pub fn next() -> Result<Next, KeyError> {
        Pair::generate().map(Next)
    }

    /// Signs with the next generation from now on. The last one stays published, unless it is to be forgotten.
    pub fn rotate(&mut self, next: Next, forget: bool) {
        let last = std::mem::replace(&mut self.signing, next.0);
        if forget {
            self.retired.clear();
            return;
        }
        self.retired.splice(0..0, [last.rsa, last.ec]);
        self.retired.truncate(RETIRED);
    }

    /// The key that signs with this algorithm.
    pub fn for_algorithm(&self, algorithm: Algorithm) -> Arc<SigningKey> {
        Arc::clone(if algorithm == Algorithm::ES256 { &self.signing.ec } else { &self.signing.rsa })
    }

    /// The key that nobody publishes.
    pub fn stranger(&self) -> Arc<SigningKey> {
        Arc::clone(&self.stranger)
    }

    /// The published key of this id.
    pub fn published(&self, id: &str) -> Option<Arc<SigningKey>> {
        self.all().find(|key| key.id == id).cloned()
    }

    /// The key set (RFC 7517 §5).
    pub fn set(&self) -> Value {
        json!({ "keys": self.all().map(|key| &key.public).collect::<Vec<_>>() })
    }

    /// The ids of the keys in the set.
    pub fn ids(&self) -> Vec<&str> {
        self.all().map(|key| key.id.as_str()).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        [&self.signing.rsa, &self.signing.ec].into_iter().chain(&self.retired)
    }
}

/// Keys that are made and not yet in use.
pub struct Next(Pair);

#[cfg(test)]
mod tests {
    use super::Keys;
    use jsonwebtoken::Algorithm;

    #[test]
    fn rotated_keys_stay_published_for_a_while_and_the_stranger_never_is() {
        let mut keys = Keys::generate().unwrap();
        let first = keys.for_algorithm(Algorithm::RS256).id.clone();
        assert!(keys.published(&keys.stranger().id).is_none());
        keys.rotate(Keys::next().unwrap(), false);
        assert_ne!(keys.for_algorithm(Algorithm::RS256).id, first);
        assert!(keys.published(&first).is_some());
        keys.rotate(Keys::next().unwrap(), true);
        assert!(keys.published(&first).is_none());
        assert_eq!(keys.set()["keys"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn what_is_published_holds_no_private_half() {
        let set = Keys::generate().unwrap().set();
        for key in set["keys"].as_array().unwrap() {
            let names: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
            assert!(names.iter().all(|name| ["kty", "use", "alg", "kid", "n", "e", "crv", "x", "y"].contains(name)));
        }
    }
}
