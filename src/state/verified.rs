//! Tokens whose signature was verified before, so that the second sight of one is cheap. Only the signature
//! and the parsing are remembered, never a decision: time, revocation and policy are asked again on every hit.

use super::fingerprint::Identity;
use super::sessions::Name;
use crate::decide::claims::Token;
use crate::decide::id::Fingerprint;
use http::HeaderValue;
use moka::sync::Cache;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

/// The place of an issuer among those of one edition of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerPlace(pub u16);

/// A token that was verified, with the key that did it.
pub struct Verified {
    /// What is to be trusted.
    pub token: Token,
    /// The key's serial, by which it is asked later whether the key still stands.
    pub key_serial: u64,
    /// Where its issuer stands in the settings under which it was verified.
    pub issuer: IssuerPlace,
    /// The name of the status list that it is in.
    pub list: Option<Fingerprint>,
    /// Its session.
    pub session: Name,
    /// The values by which an upstream is told who it is, made when they were first needed.
    pub stamps: OnceLock<Box<[Option<HeaderValue>]>>,
    /// Whether it was told of it, and of an admission with it.
    pub told: AtomicU8,
    /// A number that who measures notes of it; zero until then.
    pub note: AtomicU32,
}

/// It was told of.
const TOLD: u8 = 1;
/// It was told that it was admitted.
const TOLD_ADMITTED: u8 = 2;

impl Verified {
    /// A token, verified by this key of this issuer.
    #[must_use]
    pub const fn new(token: Token, key_serial: u64, issuer: IssuerPlace) -> Self {
        Self {
            token,
            key_serial,
            issuer,
            list: None,
            session: Name::NONE,
            stamps: OnceLock::new(),
            note: AtomicU32::new(0),
            told: AtomicU8::new(0),
        }
    }

    /// A request with it is told of, admitted or not: is it the first, and the first that was admitted?
    #[must_use]
    pub fn see(&self, admitted: bool) -> (bool, bool) {
        let seen = TOLD | if admitted { TOLD_ADMITTED } else { 0 };
        // Nearly always nothing is new, and then nothing is written.
        if self.told.load(Ordering::Relaxed) & seen == seen {
            return (false, false);
        }
        let before = self.told.fetch_or(seen, Ordering::Relaxed);
        (before & TOLD == 0, admitted && before & TOLD_ADMITTED == 0)
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
    sets: Vec<[Place; WAYS]>,
}

/// Where a token was put, and how often it was found there since the cache was asked.
#[derive(Default)]
struct Place {
    identity: Identity,
    verified: Weak<Verified>,
    sights: u8,
}

/// How many sets of places there are: a power of two.
const SETS: usize = 2048;
/// In how many places of its set a token may be. With one, two tokens in three of a few thousand in use would keep
/// their place to themselves; with four nearly all do.
const WAYS: usize = 4;
/// After how many sights the cache is asked all the same, so that it knows what is in use.
const ASIDE: u8 = 64;

impl Near {
    fn set(&mut self, identity: &Identity) -> Option<&mut [Place; WAYS]> {
        let [low, high, ..] = identity;
        self.sets.get_mut(usize::from(u16::from_le_bytes([*low, *high])) % SETS)
    }

    fn get(&mut self, identity: &Identity) -> Option<Arc<Verified>> {
        let place = self.set(identity)?.iter_mut().find(|place| place.identity == *identity)?;
        place.sights = place.sights.wrapping_add(1) % ASIDE;
        if place.sights == 0 { None } else { place.verified.upgrade() }
    }

    /// In its own place, else in one whose token is gone, else in any.
    fn put(&mut self, identity: Identity, verified: &Arc<Verified>) {
        if self.sets.is_empty() {
            self.sets.resize_with(SETS, Default::default);
        }
        let [.., any] = identity;
        let Some(set) = self.set(&identity) else { return };
        let own = set.iter().position(|place| place.identity == identity);
        let free = || set.iter().position(|place| place.verified.strong_count() == 0);
        let at = own.or_else(free).unwrap_or(usize::from(any) % WAYS);
        if let Some(place) = set.get_mut(at) {
            *place = Place { identity, verified: Arc::downgrade(verified), sights: 0 };
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

    /// Goes through every token that is remembered. Takes as long as there are many: not for the line.
    pub fn each(&self, mut told: impl FnMut(&Verified)) {
        self.cache.iter().for_each(|(_, (verified, _))| told(&verified));
    }

    /// How many look-ups found their token, and how many did not.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }
}
