//! Whose entries are shared, and where those of other instances go: for each issuer a feed of what providers said
//! elsewhere, and one of what operators entered there.

use super::note::{Note, Told, Voice};
use crate::decide::id::SourceId;
use crate::decide::time::{Moment, Timestamp};
use crate::idp::sink::Sink;
use crate::state::revocations::{Full, Known, Revocations, Revoked, Target};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// No more targets are remembered as lifted; the oldest go first.
const LIFTED: usize = 100_000;

/// One issuer.
pub(in crate::idp) struct Stand {
    /// Its `iss`.
    pub(in crate::idp) iss: Arc<str>,
    /// What providers said elsewhere.
    pub(in crate::idp) providers: Sink,
    /// What operators entered elsewhere.
    pub(in crate::idp) operators: Sink,
}

#[derive(Default)]
struct Table {
    stands: HashMap<Arc<str>, Arc<Stand>>,
    shared: HashMap<SourceId, (Voice, Arc<str>)>,
}

/// All issuers.
#[derive(Default)]
pub(in crate::idp) struct Stands {
    table: ArcSwap<Table>,
    lifted: Mutex<HashMap<(Arc<str>, Target), Timestamp>>,
}

/// What became of the notes of a block.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) enforced: u64,
    /// Of an issuer that is not ours.
    pub(super) foreign: u64,
}

impl Stands {
    /// From now on these are the issuers, and these feeds of this instance are told to the others.
    pub(super) fn exchange(&self, stands: Vec<Arc<Stand>>, own: Vec<(SourceId, Voice, Arc<str>)>) {
        let mut shared: HashMap<_, _> = own.into_iter().map(|(id, voice, iss)| (id, (voice, iss))).collect();
        for stand in &stands {
            shared.insert(stand.providers.feed.id, (Voice::Provider, Arc::clone(&stand.iss)));
            shared.insert(stand.operators.feed.id, (Voice::Operator, Arc::clone(&stand.iss)));
        }
        let stands = stands.into_iter().map(|stand| (Arc::clone(&stand.iss), stand)).collect();
        self.table.store(Arc::new(Table { stands, shared }));
    }

    /// One more feed of this instance is told to the others, if there are any.
    pub(super) fn share(&self, feed: SourceId, voice: Voice, iss: &Arc<str>) {
        self.table.rcu(|table| Table {
            stands: table.stands.clone(),
            shared: table.shared.clone().into_iter().chain([(feed, (voice, Arc::clone(iss)))]).collect(),
        });
    }

    /// All issuers.
    pub(super) fn all(&self) -> Vec<Arc<Stand>> {
        self.table.load().stands.values().cloned().collect()
    }

    /// Takes in what another instance tells, in its order.
    pub(super) async fn take(&self, notes: &[Note], now: Timestamp) -> Result<Taken, Full> {
        let (mut taken, mut result) = (Taken::default(), Ok(()));
        let Some(stand) = notes.first().and_then(|note| self.table.load().stands.get(&note.iss).cloned()) else {
            return Ok(Taken { foreign: notes.len() as u64, ..taken });
        };
        for run in notes.chunk_by(|one, other| voice(one) == voice(other)) {
            match run.first().map(|note| note.told) {
                Some(Told::Revoked(voice, _)) => {
                    let sink = if voice == Voice::Provider { &stand.providers } else { &stand.operators };
                    result = result.and(sink.merge(&self.standing(run, now)).await);
                }
                Some(Told::Lifted(_)) => run.iter().for_each(|note| self.lift(note)),
                None => {}
            }
            taken.enforced += run.len() as u64;
        }
        result.map(|()| taken)
    }

    /// The revocations among them that were not lifted since. A clock that is ahead does not make news of the future.
    fn standing(&self, notes: &[Note], now: Timestamp) -> Vec<(Revoked, Timestamp)> {
        let lifted = self.lifted.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = |note: &Note| match note.told {
            Told::Revoked(Voice::Provider, what) => Some(what),
            Told::Revoked(Voice::Operator, what) => {
                let lifted = lifted.get(&key(note, what.target));
                lifted.is_none_or(|at| *at < note.learned).then_some(what)
            }
            Told::Lifted(_) => None,
        };
        notes.iter().filter_map(|note| stands(note).map(|what| (what, note.learned.min(now)))).collect()
    }

    /// What operators entered of a target is void, here as where it was lifted. One that is told again does nothing:
    /// it may have been entered anew since.
    pub(super) fn lift(&self, note: &Note) {
        let Told::Lifted(target) = note.told else { return };
        let table = self.table.load();
        let Some(stand) = table.stands.get(&note.iss).filter(|_| self.remember(note, target)) else { return };
        let revocations = &stand.operators.revocations;
        let feeds = table.shared.iter().filter(|(_, (voice, iss))| *voice == Voice::Operator && *iss == note.iss);
        feeds.filter_map(|(id, _)| revocations.feed(*id)).for_each(|feed| _ = revocations.lift(&feed, target));
    }

    /// Remembers that a target was lifted; tells whether that is new.
    fn remember(&self, note: &Note, target: Target) -> bool {
        let mut lifted = self.lifted.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(note, target);
        if lifted.get(&key).is_some_and(|at| *at >= note.learned) {
            return false;
        }
        lifted.insert(key, note.learned);
        if lifted.len() > LIFTED {
            let mut times: Vec<Timestamp> = lifted.values().copied().collect();
            let (_, middle, _) = times.select_nth_unstable(LIFTED / 2);
            let middle = *middle;
            lifted.retain(|_, at| *at > middle);
        }
        true
    }

    /// All that was lifted, as it is told.
    pub(super) fn lifted(&self) -> Vec<Note> {
        let lifted = self.lifted.lock().unwrap_or_else(PoisonError::into_inner);
        let note = |((iss, target), at): (&(Arc<str>, Target), &Timestamp)| Note {
            iss: Arc::clone(iss),
            told: Told::Lifted(*target),
            learned: *at,
        };
        lifted.iter().map(note).collect()
    }

    /// Adds all that is shared and held in one step's part of the set.
    pub(super) fn held(&self, revocations: &Revocations, step: usize, notes: &mut Vec<Note>) {
        let table = self.table.load();
        revocations.held(step, |Known { target, cutoff, source, learned, until }| {
            if let Some((voice, iss)) = table.shared.get(&source) {
                notes.push(Note::revoked(iss, *voice, Revoked { target, cutoff, until }, learned));
            }
        });
    }

    /// Nothing is new since this was asked.
    pub(super) fn heard(&self, asked: Moment) {
        self.table.load().stands.values().for_each(|stand| stand.providers.heard(asked));
    }

    /// The others cannot be heard.
    pub(super) fn failed(&self, why: &str) {
        self.table.load().stands.values().for_each(|stand| stand.providers.feed.failed(why));
    }

    /// Whether all that was told could be kept.
    pub(super) fn is_complete(&self, now: Moment) -> bool {
        self.table
            .load()
            .stands
            .values()
            .all(|stand| stand.providers.feed.standing(now).complete && stand.operators.feed.standing(now).complete)
    }
}

/// What was held is told with less of its fingerprint than what was just accepted.
fn key(note: &Note, target: Target) -> (Arc<str>, Target) {
    (Arc::clone(&note.iss), target.held())
}

const fn voice(note: &Note) -> Option<Voice> {
    match note.told {
        Told::Revoked(voice, _) => Some(voice),
        Told::Lifted(_) => None,
    }
}
