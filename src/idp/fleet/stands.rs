//! Whose entries are shared, and where those of other instances go: for each issuer a feed of what providers said
//! elsewhere, and one of what operators entered there.

use super::note::{Note, Told, Voice};
use crate::decide::id::SourceId;
use crate::decide::time::{Moment, Timestamp};
use crate::idp::keeping::Kept;
use crate::idp::sink::Sink;
use crate::state::journal::Account;
use crate::state::revocations::{Feed, Full, Known, Revocations, Revoked, Target};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The set knows by the second when it learned of something: what is to be later in every table is later by so much.
const GRAIN: Duration = Duration::from_secs(1);

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

impl Stand {
    /// Whether it is this issuer's.
    pub(super) fn is_of(&self, name: &str, iss: &str) -> bool {
        *self.iss == *iss && self.providers.feed.issuer.as_str() == name
    }
}

/// A feed that is told to the others.
#[derive(Clone)]
pub(in crate::idp) struct Shared {
    /// Whose words it has.
    pub(in crate::idp) voice: Voice,
    /// The `iss` that they are of.
    pub(in crate::idp) iss: Arc<str>,
    /// Its place in the journal, if it has one.
    pub(in crate::idp) account: Option<Arc<Account>>,
}

#[derive(Default)]
struct Table {
    stands: HashMap<Arc<str>, Arc<Stand>>,
    shared: HashMap<SourceId, Shared>,
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
    pub(super) fn exchange(&self, stands: Vec<Arc<Stand>>, own: Vec<(SourceId, Shared)>) {
        let mut shared: HashMap<_, _> = own.into_iter().collect();
        for stand in &stands {
            for (voice, sink) in [(Voice::Provider, &stand.providers), (Voice::Operator, &stand.operators)] {
                let (iss, account) = (Arc::clone(&stand.iss), sink.account.clone());
                shared.insert(sink.feed.id, Shared { voice, iss, account });
            }
        }
        let stands = stands.into_iter().map(|stand| (Arc::clone(&stand.iss), stand)).collect();
        self.table.store(Arc::new(Table { stands, shared }));
    }

    /// One more feed of this instance is told to the others, if there are any.
    pub(super) fn share(&self, feed: SourceId, shared: Shared) {
        self.table.rcu(|table| Table {
            stands: table.stands.clone(),
            shared: table.shared.clone().into_iter().chain([(feed, shared.clone())]).collect(),
        });
    }

    /// All issuers.
    pub(super) fn all(&self) -> Vec<Arc<Stand>> {
        self.table.load().stands.values().cloned().collect()
    }

    /// Takes in what another instance tells, in its order.
    pub(super) fn take(&self, notes: &[Note], now: Timestamp) -> Result<Taken, Full> {
        let (mut taken, mut result) = (Taken::default(), Ok(()));
        let Some(stand) = notes.first().and_then(|note| self.table.load().stands.get(&note.iss).cloned()) else {
            return Ok(Taken { foreign: notes.len() as u64, ..taken });
        };
        for run in notes.chunk_by(|one, other| voice(one) == voice(other)) {
            match run.first().map(|note| note.told) {
                Some(Told::Revoked(voice, _)) => {
                    let sink = if voice == Voice::Provider { &stand.providers } else { &stand.operators };
                    result = result.and(sink.merge(&self.standing(run, now)));
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
        let stands = |note: &Note| match (note.told, note.learned.min(now)) {
            (Told::Revoked(Voice::Provider, what), known) => Some((what, known)),
            (Told::Revoked(Voice::Operator, what), known) => {
                let lifted = lifted.get(&key(&note.iss, what.target)).copied();
                let stands = lifted.is_none_or(|at| at < note.learned);
                stands.then(|| (what, lifted.map_or(known, |at| known.max(at.plus(GRAIN)))))
            }
            (Told::Lifted(_), _) => None,
        };
        notes.iter().filter_map(stands).collect()
    }

    /// A time at which something is entered: later than these were lifted.
    pub(super) fn after_lifts(
        &self,
        iss: &Arc<str>,
        targets: impl Iterator<Item = Target>,
        at: Timestamp,
    ) -> Timestamp {
        let lifted = self.lifted.lock().unwrap_or_else(PoisonError::into_inner);
        if lifted.is_empty() {
            return at;
        }
        let lifted = targets.filter_map(|target| lifted.get(&key(iss, target)));
        lifted.fold(at, |at, lifted| at.max(lifted.plus(GRAIN)))
    }

    /// A time at which this is lifted: later than operators entered it, as far as that is known here.
    pub(super) fn after_entries(&self, set: &Revocations, iss: &Arc<str>, target: Target, at: Timestamp) -> Timestamp {
        let said = self.entered(set, iss).into_iter().filter_map(|(feed, _)| set.of_source(&feed, target));
        said.fold(at, |at, said| at.max(said.learned.plus(GRAIN)))
    }

    /// What operators entered of an issuer, here and elsewhere.
    fn entered(&self, set: &Revocations, iss: &Arc<str>) -> Vec<Kept> {
        let table = self.table.load();
        let operators = table.shared.iter().filter(|(_, one)| one.voice == Voice::Operator && one.iss == *iss);
        operators.filter_map(|(id, one)| Some((set.feed(*id)?, one.account.clone()))).collect()
    }

    /// What operators entered of a target before it was lifted is void, here as there. One that is told again does
    /// nothing, and none does to what was entered since: here, while the others could not be heard; or before this
    /// process began, which does not remember what was lifted.
    pub(super) fn lift(&self, note: &Note) {
        let Told::Lifted(target) = note.told else { return };
        let stand = self.table.load().stands.get(&note.iss).cloned();
        let Some(stand) = stand.filter(|_| self.remember(note, target)) else { return };
        let revocations = &stand.operators.revocations;
        // From a feed that is closed nothing is taken out any more: its entries leave by themselves.
        let said = |feed: &Arc<Feed>| revocations.of_source(feed, target).filter(|_| !feed.is_closed());
        let void = |feed: &Arc<Feed>| said(feed).is_some_and(|said| said.learned <= note.learned);
        let feeds = self.entered(revocations, &note.iss);
        for (feed, account) in feeds.iter().filter(|(feed, _)| void(feed)) {
            // Whoever lifts it here has the turn of his own feed, and has taken it out of that: it is not void there.
            let turn = account.as_ref().map(|account| account.turn());
            if void(feed) && revocations.lift(feed, target) {
                turn.into_iter().for_each(|turn| turn.unsaid(&[target], note.learned));
            }
        }
    }

    /// Remembers that a target was lifted; tells whether that is new.
    fn remember(&self, note: &Note, target: Target) -> bool {
        let mut lifted = self.lifted.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(&note.iss, target);
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
            if let Some(Shared { voice, iss, .. }) = table.shared.get(&source) {
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
fn key(iss: &Arc<str>, target: Target) -> (Arc<str>, Target) {
    (Arc::clone(iss), target.held())
}

const fn voice(note: &Note) -> Option<Voice> {
    match note.told {
        Told::Revoked(voice, _) => Some(voice),
        Told::Lifted(_) => None,
    }
}
