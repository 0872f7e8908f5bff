//! The lists of one source. Readers never wait: the shelf is exchanged whole when a list comes in.

use super::list::StatusList;
use super::standing::{Failures, OTHERS};
use crate::decide::id::{Fingerprint, IssuerName, SourceName};
use crate::decide::status::{Listed, Status};
use crate::decide::time::{Moment, Timestamp};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Which lists a source may fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// These.
    pub exact: Box<[Box<str>]>,
    /// Those whose address begins like this; each ends with a slash.
    pub under: Box<[Box<str>]>,
    /// The application's own values that stand for a good status.
    pub accepted: Box<[u8]>,
}

/// A list, and until when it may be gone by.
pub struct KeptList {
    /// What metrics call it.
    pub name: Arc<str>,
    /// The list.
    pub list: StatusList,
    /// When it was issued: an older one does not take its place.
    pub issued: Timestamp,
    /// When it was asked for, on the steady clock.
    pub asked: Duration,
    /// The age from which on it is stale.
    pub max_age: Duration,
    /// From when on it says nothing any more, whatever its age.
    pub expires: Option<Timestamp>,
}

pub(super) type Lists = HashMap<Fingerprint, Arc<Place>, foldhash::fast::RandomState>;

pub(super) struct Place {
    pub(super) kept: KeptList,
    used: AtomicBool,
}

/// The lists of one source.
pub struct Shelf {
    pub(super) source: SourceName,
    pub(super) issuer: IssuerName,
    places: Places,
    pub(super) lists: ArcSwap<Lists>,
    wanted: mpsc::Sender<Box<str>>,
    pub(super) failures: Failures,
}

impl Shelf {
    /// A shelf with what an older one of the same source held.
    pub(super) fn new(
        (source, issuer): (SourceName, IssuerName),
        places: Places,
        wanted: mpsc::Sender<Box<str>>,
        older: Option<&Self>,
    ) -> Self {
        let lists = ArcSwap::new(older.map(|older| older.lists.load_full()).unwrap_or_default());
        let failures = older.map(|older| Arc::clone(&older.failures)).unwrap_or_default();
        Self { source, issuer, places, lists, wanted, failures }
    }

    /// What metrics call a list: one that the settings name, by its address; all others are one.
    #[must_use]
    pub fn name_of(&self, uri: &str) -> Arc<str> {
        if self.places.exact.iter().any(|exact| **exact == *uri) { uri.into() } else { OTHERS.into() }
    }

    /// May the source fetch this list? What follows a prefix is plain text, which no server reads as a way out of it.
    #[must_use]
    pub fn admits(&self, uri: &str) -> bool {
        let plain = |rest: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/?=&:".contains(&byte);
            rest.len() <= 1024 && rest.bytes().all(known) && !rest.contains("..")
        };
        let under = |prefix: &str| uri.strip_prefix(prefix).is_some_and(plain);
        self.places.exact.iter().any(|exact| **exact == *uri) || self.places.under.iter().any(|prefix| under(prefix))
    }

    /// What is known of a place in a list. One that is not there, and may be, is asked for; nobody waits for it here.
    pub(super) fn look_up(&self, print: &Fingerprint, listed: &Listed, now: Moment) -> Status {
        if let Some(place) = self.lists.load().get(print) {
            // Written once between two fetches, so that the line of memory stays with all its readers.
            if !place.used.load(Ordering::Relaxed) {
                place.used.store(true, Ordering::Relaxed);
            }
            return self.read(&place.kept, listed.index, now);
        }
        if !self.admits(&listed.uri) {
            return Status::Foreign;
        }
        // Full: others asked, and this one asks again with the next request.
        let _ = self.wanted.try_send(listed.uri.clone());
        Status::Missing
    }

    fn read(&self, kept: &KeptList, index: u64, now: Moment) -> Status {
        if let Some(expired) = kept.expires.filter(|expires| now.wall >= *expires) {
            return Status::Expired(expired);
        }
        let Some(value) = kept.list.value(index) else { return Status::Outside { places: kept.list.places() } };
        let (age, max) = (now.steady.saturating_sub(kept.asked), kept.max_age);
        Status::Said { value, accepted: self.places.accepted.contains(&value), age, max }
    }

    /// Keeps a list, in place of what it said before.
    pub fn put(&self, print: Fingerprint, kept: KeptList) {
        let place = Arc::new(Place { kept, used: AtomicBool::new(false) });
        self.lists.rcu(|lists| {
            let mut lists = Lists::clone(lists);
            lists.insert(print, Arc::clone(&place));
            lists
        });
    }

    /// Lets a list go.
    pub fn drop_list(&self, print: &Fingerprint) {
        self.lists.rcu(|lists| {
            let mut lists = Lists::clone(lists);
            lists.remove(print);
            lists
        });
    }

    /// Lets all lists go but these.
    pub fn keep_only(&self, keep: impl Fn(&Fingerprint) -> bool) {
        self.lists.rcu(|lists| {
            let kept = lists.iter().filter(|(print, _)| keep(print));
            kept.map(|(print, place)| (*print, Arc::clone(place))).collect::<Lists>()
        });
    }

    /// When the list that is here was issued.
    #[must_use]
    pub fn issued(&self, print: &Fingerprint) -> Option<Timestamp> {
        self.lists.load().get(print).map(|place| place.kept.issued)
    }

    /// Was the list asked for since it was put here?
    #[must_use]
    pub fn was_used(&self, print: &Fingerprint) -> bool {
        self.lists.load().get(print).is_some_and(|place| place.used.load(Ordering::Relaxed))
    }
}
