//! The current keys of one issuer: looked up by requests, published by one task of `idp`. Replaced whole.

use super::demand::Demand;
use super::jwk::{KeyFault, MAX_KID};
use super::key::Key;
use super::set::{Held, KeySet};
use crate::decide::id::KeyId;
use crate::decide::rules::Algorithm;
use crate::decide::time::{Moment, Timestamp, millis};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// What a look-up found.
pub enum Lookup {
    /// The key.
    Found(Arc<Key>),
    /// The issuer publishes no such key, or several that cannot be told apart.
    Unknown {
        /// Whether fetching the set anew may help: then `refetch`.
        refetch: bool,
    },
    /// There is such a key, for another algorithm (JWT-07).
    AlgorithmMismatch,
    /// No set was ever loaded, or the last one is older than allowed.
    Unavailable,
}

/// How long things may take, and how old a set may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The age from which on the last good set is not used any more; `None` for a set that cannot age.
    pub max_stale: Option<Duration>,
    /// The least time between two refetches that requests ask for.
    pub cooldown: Duration,
    /// How long one request waits for a refetch.
    pub wait: Duration,
}

/// How many fetches there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetches {
    /// Those that brought a set, or the word that it is unchanged.
    pub good: u64,
    /// Those that did not.
    pub failed: u64,
}

/// The state of one issuer's keys, for metrics and readiness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How old the set is; `None` if there is none.
    pub age: Option<Duration>,
    /// How many keys it has.
    pub keys: usize,
    /// How many published keys are ignored.
    pub ignored: usize,
    /// How many of those because their private half is published.
    pub private: usize,
    /// How many fetches there were.
    pub fetches: Fetches,
    /// Our clock minus the provider's, in milliseconds, by its `Date`: to the second, negative if it is ahead.
    pub skew_ms: Option<i64>,
    /// Why the last fetch failed; `None` since one succeeded.
    pub last_error: Option<Arc<str>>,
}

/// A set, and since when it is known to be the issuer's.
#[derive(Default)]
struct Loaded {
    set: KeySet,
    /// Steady time in milliseconds; negative if it was before this process started; `None`: never loaded.
    as_of: Option<i64>,
    /// Since when each key is known, by its serial, in steady time.
    since: HashMap<u64, i64>,
}

impl Loaded {
    fn new(set: KeySet, as_of: i64, before: &Self) -> Arc<Self> {
        let known = |key: &Arc<Key>| (key.serial, before.since.get(&key.serial).copied().unwrap_or(as_of));
        let since = set.keys().iter().map(known).collect();
        Arc::new(Self { set, as_of: Some(as_of), since })
    }
}

/// A key that is used, and for how long it has been known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub id: KeyId,
    /// The algorithm that it verifies.
    pub algorithm: Algorithm,
    /// Since it was first seen by this process.
    pub known_for: Duration,
}

/// The keys of one issuer.
pub struct IssuerKeys {
    patience: Patience,
    loaded: ArcSwap<Loaded>,
    demand: Demand,
    error: ArcSwapOption<Box<str>>,
    good: AtomicU64,
    failed: AtomicU64,
    skew_ms: AtomicI64,
}

const NO_SKEW: i64 = i64::MIN;

impl IssuerKeys {
    /// Without keys, until some are published.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self {
            patience,
            loaded: ArcSwap::default(),
            demand: Demand::new(patience.cooldown, patience.wait),
            error: ArcSwapOption::empty(),
            good: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            skew_ms: AtomicI64::new(NO_SKEW),
        }
    }

    /// The key for a token with this header.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm, now: Moment) -> Lookup {
        let loaded = self.loaded.load();
        if !self.is_usable(&loaded, now) {
            return Lookup::Unavailable;
        }
        if kid.is_some_and(|kid| kid.len() > MAX_KID) {
            return Lookup::Unknown { refetch: false };
        }
        match loaded.set.find(kid, algorithm) {
            Held::Found(key) => Lookup::Found(key),
            Held::Mismatch => Lookup::AlgorithmMismatch,
            Held::Missing => Lookup::Unknown { refetch: self.demand.may(kid, now.steady) },
            Held::Ambiguous => Lookup::Unknown { refetch: false },
        }
    }

    /// May a signature that this key once checked still be trusted: is it in a set that is recent enough?
    #[must_use]
    pub fn stands(&self, serial: u64, now: Moment) -> bool {
        let loaded = self.loaded.load();
        self.is_usable(&loaded, now) && loaded.set.contains(serial)
    }

    /// Is the key of this serial in the current set, however old that is?
    #[must_use]
    pub fn contains(&self, serial: u64) -> bool {
        self.loaded.load().set.contains(serial)
    }

    /// Is it settled that the issuer publishes no key of this name: was it fetched for it lately, and in vain? Without a
    /// name, or with one that no key has, there is nothing to seek.
    #[must_use]
    pub fn was_sought(&self, kid: Option<&str>, now: Moment) -> bool {
        let named = kid.filter(|kid| kid.len() <= MAX_KID && !self.loaded.load().set.knows(kid));
        named.is_none_or(|kid| self.demand.was_in_vain(kid, now.steady) && self.error.load().is_none())
    }

    /// Asks for the set to be fetched anew because this name is unknown, and waits, for a bounded time.
    /// Many who ask share one fetch, and there is at most one per cool-down. Says whether looking again
    /// is worth it. Works from any runtime: the fetch is made by the issuer's task.
    pub async fn refetch(&self, kid: Option<&str>, now: Moment) -> bool {
        if kid.is_some_and(|kid| kid.len() > MAX_KID) {
            return false;
        }
        if !self.demand.ask(kid, now.steady).await {
            // Another's fetch may have brought it since this one looked.
            return kid.is_some_and(|kid| self.loaded.load().set.knows(kid));
        }
        let known = kid.is_none_or(|kid| self.loaded.load().set.knows(kid));
        if let (false, Some(kid)) = (known, kid) {
            self.demand.in_vain(kid, now.steady);
        }
        known
    }

    fn is_usable(&self, loaded: &Loaded, now: Moment) -> bool {
        let Some(as_of) = loaded.as_of else { return false };
        self.patience.max_stale.is_none_or(|max| age(as_of, now) < max)
    }

    /// How old the set is.
    #[must_use]
    pub fn age(&self, now: Moment) -> Option<Duration> {
        self.loaded.load().as_of.map(|as_of| age(as_of, now))
    }

    /// The age from which on a set is not used any more.
    #[must_use]
    pub fn max_stale(&self) -> Option<Duration> {
        self.patience.max_stale
    }

    /// Is there a set that may be used?
    #[must_use]
    pub fn is_ready(&self, now: Moment) -> bool {
        self.is_usable(&self.loaded.load(), now)
    }

    /// All that metrics and readiness tell of it.
    #[must_use]
    pub fn standing(&self, now: Moment) -> Standing {
        let loaded = self.loaded.load();
        let skew_ms = self.skew_ms.load(Ordering::Relaxed);
        let private = loaded.set.ignored().iter().filter(|ignored| ignored.fault == KeyFault::Private).count();
        Standing {
            age: loaded.as_of.map(|as_of| age(as_of, now)),
            keys: loaded.set.keys().len(),
            ignored: loaded.set.ignored().len(),
            private,
            fetches: Fetches { good: self.good.load(Ordering::Relaxed), failed: self.failed.load(Ordering::Relaxed) },
            skew_ms: (skew_ms != NO_SKEW).then_some(skew_ms),
            last_error: self.error.load().as_deref().map(|text| Arc::from(&**text)),
        }
    }
}

/// What the one task that fetches the keys does.
impl IssuerKeys {
    /// Waits until a request asks for a refetch.
    pub async fn refetch_asked(&self) {
        self.demand.asked_for().await;
    }

    /// Before a fetch: what it will answer, to be given back to [`Self::answer`].
    #[must_use]
    pub fn open_ticket(&self) -> u64 {
        self.demand.open_ticket()
    }

    /// After a fetch, good or not: whoever waited for it goes on.
    pub fn answer(&self, ticket: u64) {
        self.demand.answer(ticket);
    }

    /// Reads a JWKS and makes it current, as of the moment it was asked for.
    ///
    /// # Errors
    /// If it is no set; then the last good one stays.
    pub fn publish(&self, body: &[u8], allowed: &[Algorithm], as_of: Moment) -> Result<(), super::SetFault> {
        let set = KeySet::parse(body, allowed, &self.loaded.load().set)?;
        self.replace(set, as_of);
        Ok(())
    }

    /// Makes a set current.
    pub fn replace(&self, set: KeySet, as_of: Moment) {
        self.loaded.store(Loaded::new(set, millis(as_of.steady), &self.loaded.load()));
        self.succeeded();
    }

    /// Takes over what another holds: the same issuer's, under other settings.
    pub fn adopt(&self, other: &Self) {
        self.loaded.store(other.loaded.load_full());
    }

    /// A set that was kept over a restart: as old as it is, by the wall clock, and never from the future.
    /// One that is too old to be used is left alone.
    ///
    /// # Errors
    /// If it is no set.
    pub fn restore(
        &self,
        body: &[u8],
        allowed: &[Algorithm],
        fetched: Timestamp,
        now: Moment,
    ) -> Result<(), super::SetFault> {
        let set = KeySet::parse(body, allowed, &self.loaded.load().set)?;
        let as_of = millis(now.steady).saturating_sub(now.wall.since(fetched).max(0));
        let loaded = Loaded::new(set, as_of, &self.loaded.load());
        if self.is_usable(&loaded, now) {
            self.loaded.store(loaded);
        }
        Ok(())
    }

    /// The provider said that the set is unchanged, when asked at this moment.
    pub fn confirm(&self, as_of: Moment) {
        let loaded = self.loaded.load();
        self.loaded.store(Loaded::new(loaded.set.clone(), millis(as_of.steady), &loaded));
        self.succeeded();
    }

    fn succeeded(&self) {
        self.good.fetch_add(1, Ordering::Relaxed);
        self.error.store(None);
    }

    /// A fetch failed; the last good set stays.
    pub fn failed(&self, why: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.error.store(Some(Arc::new(why.into())));
    }

    /// Our clock minus the provider's, as it was seen.
    pub fn saw_clock(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }

    /// The keys that are used.
    #[must_use]
    pub fn published(&self, now: Moment) -> Vec<Published> {
        let loaded = self.loaded.load();
        let since = |key: &Key| loaded.since.get(&key.serial).map_or(Duration::ZERO, |since| age(*since, now));
        let one = |key: &Arc<Key>| Published { id: key.id.clone(), algorithm: key.algorithm, known_for: since(key) };
        loaded.set.keys().iter().map(one).collect()
    }

    /// The published keys that are ignored.
    #[must_use]
    pub fn ignored(&self) -> Vec<super::Ignored> {
        self.loaded.load().set.ignored().to_vec()
    }
}

fn age(as_of: i64, now: Moment) -> Duration {
    let ms = millis(now.steady).saturating_sub(as_of);
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
