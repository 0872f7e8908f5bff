//! Tokens whose signature was verified before, so that the second sight of one is cheap. Only the signature
//! and the parsing are remembered, never a decision: time, revocation and policy are asked again on every hit.

use super::fingerprint::Identity;
use crate::decide::claims::Token;
use http::HeaderValue;
use moka::sync::Cache;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

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

thread_local! {
    static NEAR: RefCell<Near> = RefCell::default();
}

/// What a worker saw lately, found without the bookkeeping of the cache. It keeps nothing alive: what the cache
/// forgets is gone here too. An identity is drawn under a random key, so that any part of it is a fair place.
#[derive(Default)]
struct Near {
    places: Vec<(Identity, Weak<Verified>, u8)>,
}

/// How many places there are: a power of two.
const PLACES: usize = 4096;
/// After how many sights the cache is asked all the same, so that it knows what is in use.
const ASIDE: u8 = 16;

impl Near {
    fn place(identity: &Identity) -> usize {
        let [low, high, ..] = identity;
        usize::from(u16::from_le_bytes([*low, *high])) % PLACES
    }

    fn get(&mut self, identity: &Identity) -> Option<Arc<Verified>> {
        let (held, verified, sights) = self.places.get_mut(Self::place(identity))?;
        *sights = sights.wrapping_add(1) % ASIDE;
        if held == identity && *sights != 0 { verified.upgrade() } else { None }
    }

    fn put(&mut self, identity: Identity, verified: &Arc<Verified>) {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || (Identity::default(), Weak::new(), 0));
        }
        if let Some(place) = self.places.get_mut(Self::place(&identity)) {
            *place = (identity, Arc::downgrade(verified), 0);
        }
    }
}

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
        let found = NEAR.with_borrow_mut(|near| near.get(identity)).or_else(|| self.far(identity));
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn far(&self, identity: &Identity) -> Option<Arc<Verified>> {
        let (found, _) = self.cache.get(identity)?;
        NEAR.with_borrow_mut(|near| near.put(*identity, &found));
        Some(found)
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
