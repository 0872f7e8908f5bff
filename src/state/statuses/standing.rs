//! What metrics tell of status lists: those that the settings name each by its address, all others together.

use super::lists::StatusLists;
use super::shelf::Shelf;
use crate::decide::id::SourceName;
use crate::decide::time::Moment;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What lists are called that only tokens name.
pub(super) const OTHERS: &str = "others";

/// How often a list could not be had, by what it is called.
pub(super) type Failures = Arc<Mutex<BTreeMap<Arc<str>, u64>>>;

/// One list, or the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListStanding {
    /// How many there are.
    pub lists: usize,
    /// How old the oldest is.
    pub age: Duration,
    /// How many bytes they have.
    pub bytes: usize,
    /// How often one could not be had.
    pub failures: u64,
}

impl Shelf {
    /// A list could not be had.
    pub fn failed(&self, uri: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        *failures.entry(self.name_of(uri)).or_default() += 1;
    }

    fn standing(&self, now: Moment) -> BTreeMap<Arc<str>, ListStanding> {
        let mut all: BTreeMap<Arc<str>, ListStanding> = BTreeMap::new();
        for place in self.lists.load().values() {
            let one = all.entry(Arc::clone(&place.kept.name)).or_default();
            one.lists += 1;
            one.age = one.age.max(now.steady.saturating_sub(place.kept.asked));
            one.bytes += place.kept.list.bytes();
        }
        for (name, failures) in self.failures.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            all.entry(Arc::clone(name)).or_default().failures = *failures;
        }
        all
    }
}

impl StatusLists {
    /// How the lists of each source are.
    #[must_use]
    pub fn standing(&self, now: Moment) -> Vec<(SourceName, Arc<str>, ListStanding)> {
        let shelves = self.shelves.load();
        let of = |shelf: &Arc<Shelf>| {
            let source = shelf.source.clone();
            shelf.standing(now).into_iter().map(move |(name, standing)| (source.clone(), name, standing))
        };
        shelves.values().flatten().flat_map(of).collect()
    }
}
