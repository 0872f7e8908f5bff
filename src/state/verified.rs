//! Tokens whose signature was verified before, so that the second sight of one is cheap. Only the signature
//! and the parsing are remembered, never a decision: time, revocation and policy are asked again on every hit.

use super::fingerprint::Identity;
use crate::decide::claims::Token;
use http::HeaderValue;
use moka::sync::Cache;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A token that was verified, with the key that did it.
pub struct Verified {
    /// What is to be trusted.
    pub token: Token,
    /// The key's serial, by which it is asked later whether the key still stands.
    pub key_serial: u64,
    /// The token's `iss`, by which its issuer is found again.
    pub issuer: Box<str>,
    /// The values by which an upstream is told who it is, made when they were first needed.
    pub stamps: OnceLock<Box<[Option<HeaderValue>]>>,
}

impl Verified {
    /// A token, verified by this key of this issuer.
    #[must_use]
    pub fn new(token: Token, key_serial: u64, issuer: &str) -> Self {
        Self { token, key_serial, issuer: issuer.into(), stamps: OnceLock::new() }
    }
}

/// What an entry costs besides the text of its token: the cache's own node, the parsed claims' overhead.
const OVERHEAD: usize = 768;

/// The cache. Bounded by bytes; what it forgets is verified again.
pub struct VerifiedTokens {
    cache: Cache<Identity, (Arc<Verified>, u32), foldhash::fast::RandomState>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl VerifiedTokens {
    /// A cache of at most so many bytes; none at all if zero.
    #[must_use]
    pub fn bounded(bytes: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_: &Identity, (_, weight): &(Arc<Verified>, u32)| *weight)
            .build_with_hasher(foldhash::fast::RandomState::default());
        Self { cache, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// The token of this identity, if it was verified before.
    #[must_use]
    pub fn get(&self, identity: &Identity) -> Option<Arc<Verified>> {
        let found = self.cache.get(identity).map(|(verified, _)| verified);
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Remembers a token whose text is `length` bytes long.
    pub fn insert(&self, identity: Identity, verified: Arc<Verified>, length: usize) {
        // Claims take about thrice their text when parsed: names, values and the nodes between them.
        let weight = u32::try_from(length.saturating_mul(3).saturating_add(OVERHEAD)).unwrap_or(u32::MAX);
        self.cache.insert(identity, (verified, weight));
    }

    /// How many look-ups found their token, and how many did not.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }
}
