//! Nonces that a DPoP proof may have to carry (RFC 9449 §9): made and read, and never remembered. A nonce is when it was
//! made, something random, and a keyed hash of both, so that whoever has the key can tell its own from any other.
//! Whether one is asked for, and how old it may be, is judged elsewhere.

use super::fingerprint::NoRandomness;
use crate::decide::evidence::Nonce;
use crate::decide::time::Timestamp;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How long a nonce is in base64url: 8 bytes of time, 8 random ones, 16 of the hash.
const LENGTH: usize = 43;

type Key = [u8; 32];

/// Makes and reads nonces.
pub struct Nonces {
    maker: Key,
    also: Box<[Key]>,
}

impl Nonces {
    /// With a random key: only this process knows its nonces.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn random() -> Result<Self, NoRandomness> {
        Ok(Self { maker: random()?, also: Box::default() })
    }

    /// With keys derived from secrets: every process that has them knows the nonces of the others. The first makes
    /// nonces, and those of all are known, so that a secret can be replaced while old nonces are about.
    #[must_use]
    pub fn derived<'a>(first: &[u8], others: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let key = |secret: &[u8]| blake3::derive_key("curfew 2026-11 nonces of DPoP", secret);
        Self { maker: key(first), also: others.into_iter().map(key).collect() }
    }

    /// A nonce made now.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn make(&self, now: Timestamp) -> Result<String, NoRandomness> {
        let ([time, salt], mut bytes) = ([now.millis().to_be_bytes(), random()?], [0; 32]);
        let tag = tag(&self.maker, time, salt);
        bytes.iter_mut().zip(time.iter().chain(&salt).chain(&tag)).for_each(|(to, from)| *to = *from);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether a nonce is one of ours, and when it was made.
    #[must_use]
    pub fn read(&self, text: &str) -> Nonce {
        self.time(text).map_or(Nonce::Foreign, Nonce::Made)
    }

    fn time(&self, text: &str) -> Option<Timestamp> {
        if text.len() != LENGTH {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (time, rest) = bytes.split_first_chunk::<8>()?;
        let (salt, sent) = rest.split_first_chunk::<8>()?;
        let ours = |key: &Key| verify_slices_are_equal(&tag(key, *time, *salt), sent).is_ok();
        let known = ours(&self.maker) || self.also.iter().any(ours);
        known.then(|| Timestamp::from_millis(i64::from_be_bytes(*time)))
    }
}

fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

fn tag(key: &Key, time: [u8; 8], salt: [u8; 8]) -> [u8; 16] {
    let mut tag = [0; 16];
    blake3::Hasher::new_keyed(key).update(&time).update(&salt).finalize_xof().fill(&mut tag);
    tag
}

#[cfg(test)]
mod tests {
    use super::{LENGTH, Nonces};
    use crate::decide::evidence::Nonce;
    use crate::decide::time::Timestamp;
    use std::collections::HashSet;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_123);

    #[test]
    fn only_its_own_are_known_and_none_is_like_another() {
        let nonces = Nonces::random().unwrap();
        let made: HashSet<String> = (0..100).map(|_| nonces.make(NOW).unwrap()).collect();
        assert_eq!(made.len(), 100);
        // NQCHAR (RFC 9449 §8.1) is all that base64url is made of.
        assert!(made.iter().all(|nonce| nonce.len() == LENGTH && nonces.read(nonce) == Nonce::Made(NOW)));
        let other = Nonces::random().unwrap();
        assert!(made.iter().all(|nonce| other.read(nonce) == Nonce::Foreign));
    }

    #[test]
    fn what_was_changed_is_not_ours() {
        let nonces = Nonces::random().unwrap();
        let good = nonces.make(NOW).unwrap();
        for at in 0..LENGTH {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'E' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(nonces.read(&changed), Nonce::Foreign, "{at}");
        }
        for other in ["", "A", &good[..42], &format!("{good}="), &format!("{good}A"), &"A".repeat(43), &"é".repeat(43)]
        {
            assert_eq!(nonces.read(other), Nonce::Foreign, "{other:?}");
        }
    }

    #[test]
    fn a_secret_is_replaced_while_old_nonces_are_about() {
        let (old, new) = (Nonces::derived(b"old", []), Nonces::derived(b"new", [&b"old"[..]]));
        let (before, after) = (old.make(NOW).unwrap(), new.make(NOW).unwrap());
        assert_eq!(Nonces::derived(b"old", []).read(&before), Nonce::Made(NOW), "another process");
        assert_eq!((new.read(&before), new.read(&after)), (Nonce::Made(NOW), Nonce::Made(NOW)));
        assert_eq!(Nonces::derived(b"new", []).read(&before), Nonce::Foreign);
        assert_eq!(old.read(&after), Nonce::Foreign);
    }
}
