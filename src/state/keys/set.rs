//! The keys of one issuer at one moment: read from a JWKS (RFC 7517 §5), never changed after.

use super::jwk::{self, KeyFault};
use super::key::Key;
use crate::decide::rules::Algorithm;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use thiserror::Error;

/// No set has more keys (MD-05).
pub const MAX_KEYS: usize = 100;

/// Why a whole set is refused; the last good one stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SetFault {
    /// Not an object with an array `keys`.
    #[error("not a JWK set")]
    NotASet,
    /// More than [`MAX_KEYS`] keys.
    #[error("more than 100 keys")]
    TooManyKeys,
}

/// A published key that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Its `kid`, if it has a readable one.
    pub kid: Option<Box<str>>,
    /// Why.
    pub fault: KeyFault,
}

/// The keys of one issuer at one moment.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<Arc<Key>>,
    by_kid: HashMap<Box<str>, Arc<Key>>,
    ignored: Vec<Ignored>,
    /// A shared secret has no name, so what `kid` a token carries says nothing about it.
    nameless: bool,
}

#[derive(Deserialize)]
struct Published<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// What a set holds under a name.
pub(super) enum Held {
    Found(Arc<Key>),
    Mismatch,
    Missing,
    /// Several keys fit, and nothing tells which.
    Ambiguous,
}

impl KeySet {
    /// Reads a JWKS. Keys that were in `previous` stay the same, serial and all.
    ///
    /// # Errors
    /// If it is no set, or too large a one. A bad key is only ignored.
    pub fn parse(body: &[u8], allowed: &[Algorithm], previous: &Self) -> Result<Self, SetFault> {
        let published: Published<'_> = serde_json::from_slice(body).map_err(|_| SetFault::NotASet)?;
        if published.keys.len() > MAX_KEYS {
            return Err(SetFault::TooManyKeys);
        }
        let mut set = Self::default();
        for raw in published.keys {
            match jwk::read(raw.get(), allowed) {
                Ok(key) => set.keys.push(previous.keep(key)),
                Err(fault) => set.ignored.push(Ignored { kid: jwk::kid(raw.get()), fault }),
            }
        }
        set.drop_duplicates();
        let named = set.keys.iter().filter_map(|key| Some((key.kid.clone()?, Arc::clone(key))));
        set.by_kid = named.collect();
        Ok(set)
    }

    /// The set of a shared secret.
    pub(super) fn sole(key: Key) -> Self {
        Self { keys: vec![Arc::new(key)], nameless: true, ..Self::default() }
    }

    fn keep(&self, key: Key) -> Arc<Key> {
        self.keys.iter().find(|known| known.same(&key)).map_or_else(|| Arc::new(key), Arc::clone)
    }

    /// A `kid` of two different keys names neither; the same key twice is the same key.
    fn drop_duplicates(&mut self) {
        let mut names: HashMap<Box<str>, Arc<Key>> = HashMap::new();
        let mut twice: HashSet<Box<str>> = HashSet::new();
        self.keys.retain(|key| {
            let Some(kid) = &key.kid else { return true };
            let Some(first) = names.get(kid) else {
                names.insert(kid.clone(), Arc::clone(key));
                return true;
            };
            if !first.same(key) {
                twice.insert(kid.clone());
            }
            false
        });
        self.keys.retain(|key| key.kid.as_ref().is_none_or(|kid| !twice.contains(kid)));
        let reports = twice.into_iter().map(|kid| Ignored { kid: Some(kid), fault: KeyFault::DuplicateKid });
        self.ignored.extend(reports);
    }

    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Held {
        match kid.filter(|_| !self.nameless) {
            Some(kid) => match self.by_kid.get(kid) {
                Some(key) if key.fits(algorithm) => Held::Found(Arc::clone(key)),
                Some(_) => Held::Mismatch,
                None => Held::Missing,
            },
            None => self.only(algorithm),
        }
    }

    /// Without a `kid`, there must be one key only that fits: candidates are never tried in turn (JWT-15).
    fn only(&self, algorithm: Algorithm) -> Held {
        let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Held::Found(Arc::clone(key)),
            (Some(_), Some(_)) => Held::Ambiguous,
            (None, _) if self.nameless => Held::Mismatch,
            (None, _) => Held::Missing,
        }
    }

    /// Is the key of this serial in the set?
    #[must_use]
    pub fn contains(&self, serial: u64) -> bool {
        self.keys.iter().any(|key| key.serial == serial)
    }

    /// The keys that are used.
    #[must_use]
    pub fn keys(&self) -> &[Arc<Key>] {
        &self.keys
    }

    /// The keys that are not.
    #[must_use]
    pub fn ignored(&self) -> &[Ignored] {
        &self.ignored
    }

    pub(super) fn knows(&self, kid: &str) -> bool {
        self.by_kid.contains_key(kid)
    }
}
