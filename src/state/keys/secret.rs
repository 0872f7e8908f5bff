//! A shared secret as the one key of an issuer. It comes from the settings, never from a published set.

use super::key::{Key, Verifier, jose};
use super::set::KeySet;
use crate::decide::rules::Algorithm;
use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::DecodingKey;
use thiserror::Error;

/// The secret is shorter than the output of its hash, so it is weaker than the algorithm (RFC 8725 §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the secret has {has} bytes, {algorithm} needs at least {needs}", algorithm = .algorithm.name())]
pub struct WeakSecret {
    /// The algorithm it was to verify.
    pub algorithm: Algorithm,
    /// How many bytes it has.
    pub has: usize,
    /// How many the algorithm needs.
    pub needs: usize,
}

/// The set of one that a secret makes: for the first symmetric algorithm that the issuer allows, or, if it
/// allows none by name, the strongest that the secret is long enough for.
///
/// # Errors
/// If the secret is too short.
pub fn secret_set(secret: &[u8], allowed: &[Algorithm]) -> Result<KeySet, WeakSecret> {
    let by_length = match secret.len() {
        64.. => Algorithm::HS512,
        48.. => Algorithm::HS384,
        _ => Algorithm::HS256,
    };
    let algorithm = allowed.iter().copied().find(|one| one.is_symmetric()).unwrap_or(by_length);
    let needs = match algorithm {
        Algorithm::HS512 => 64,
        Algorithm::HS384 => 48,
        _ => 32,
    };
    let weak = WeakSecret { algorithm, has: secret.len(), needs };
    let jose = jose(algorithm).filter(|_| secret.len() >= needs).ok_or(weak)?;
    let mut print = [0; 32];
    // Twice hashed, because the first is what HMAC uses in the place of a long secret (RFC 2104 §2).
    let hash = digest(&SHA256, digest(&SHA256, secret).as_ref());
    print.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    let verifier = Verifier::Jose(DecodingKey::from_secret(secret), jose);
    Ok(KeySet::sole(Key::new(Some("secret".into()), print, algorithm, verifier)))
}
