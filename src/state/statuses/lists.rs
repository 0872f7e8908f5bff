//! All status lists: which shelves there are, and what a token is told.

use super::shelf::{Places, Shelf};
use crate::decide::id::{Fingerprint, IssuerName, SourceName};
use crate::decide::status::{Listed, Status};
use crate::decide::time::Moment;
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many lists may wait to be fetched; who finds no place asks again with the next request.
const WANTED: usize = 64;

type Shelves = HashMap<IssuerName, Vec<Arc<Shelf>>, foldhash::fast::RandomState>;

/// All status lists.
#[derive(Default)]
pub struct StatusLists {
    pub(super) shelves: ArcSwap<Shelves>,
}

impl StatusLists {
    /// What the list of this name says of a place in it.
    #[must_use]
    pub fn look_up(&self, issuer: &IssuerName, print: &Fingerprint, listed: &Listed, now: Moment) -> Status {
        let shelves = self.shelves.load();
        let of_issuer = shelves.get(issuer).map(Vec::as_slice).unwrap_or_default();
        of_issuer.iter().map(|shelf| shelf.look_up(print, listed, now)).reduce(better).unwrap_or(Status::Foreign)
    }

    /// Opens the shelf of a source. What it held before it still holds. Gives what requests miss, too.
    #[must_use]
    pub fn open(
        &self,
        source: &SourceName,
        issuer: &IssuerName,
        places: &Places,
    ) -> (Arc<Shelf>, mpsc::Receiver<Box<str>>) {
        let (wanted, missed) = mpsc::channel(WANTED);
        let older = self.shelves.load().values().flatten().find(|shelf| shelf.source == *source).cloned();
        let older = older.filter(|older| older.issuer == *issuer);
        let name = (source.clone(), issuer.clone());
        let shelf = Arc::new(Shelf::new(name, places.clone(), wanted, older.as_deref()));
        self.shelves.rcu(|shelves| {
            let mut shelves = without(shelves, source);
            shelves.entry(issuer.clone()).or_default().push(Arc::clone(&shelf));
            shelves
        });
        (shelf, missed)
    }

    /// Closes the shelf of a source: its lists leave with it.
    pub fn close(&self, source: &SourceName) {
        self.shelves.rcu(|shelves| without(shelves, source));
    }
}

fn without(shelves: &Shelves, source: &SourceName) -> Shelves {
    let mut shelves = Shelves::clone(shelves);
    shelves.values_mut().for_each(|of_issuer| of_issuer.retain(|shelf| shelf.source != *source));
    shelves.retain(|_, of_issuer| !of_issuer.is_empty());
    shelves
}

/// Of two sources, the one that knows more.
fn better(one: Status, other: Status) -> Status {
    match (one, other) {
        (Status::Said { age, .. }, Status::Said { age: others, .. }) if others < age => other,
        _ if rank(&other) > rank(&one) => other,
        _ => one,
    }
}

const fn rank(status: &Status) -> u8 {
    match status {
        Status::Unlisted | Status::Foreign => 0,
        Status::Missing => 1,
        Status::Expired(_) => 2,
        Status::Outside { .. } => 3,
        Status::Said { .. } => 4,
    }
}
