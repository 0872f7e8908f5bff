//! Whose entries are shared, and where those of other instances go: for each issuer a feed of what providers said
//! elsewhere, and one of what operators entered there.

use super::note::{Note, Told, Voice};
use crate::decide::id::SourceId;
use crate::decide::revocation::Cutoff;
use crate::decide::time::{Moment, Timestamp};
use crate::idp::sink::Sink;
use crate::state::journal::Account;
use crate::state::revocations::{Feed, Known, Revocations, Revoked, Target};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;

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

/// What holds of a name when it is not blocked any more; `None` if it is not one that can be unblocked.
fn unblocked(revocations: &Revocations, known: &Known) -> Option<Revoked> {
    let Known { cutoff, until, .. } = revocations.beside(known)?;
    Some(Revoked { target: known.target, cutoff, until })
}

#[derive(Default)]
pub(super) struct Table {
    pub(super) stands: HashMap<Arc<str>, Arc<Stand>>,
    pub(super) shared: HashMap<SourceId, Shared>,
}

/// All issuers.
#[derive(Default)]
pub(in crate::idp) struct Stands {
    pub(super) table: ArcSwap<Table>,
}

/// What became of the notes of a block.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) enforced: u64,
    /// Known before, as most is that is told once more.
    pub(super) repeated: u64,
    /// Of an issuer that is not ours.
    pub(super) foreign: u64,
    /// For which there was no room.
    pub(super) refused: u64,
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

    /// One less.
    pub(in crate::idp) fn unshare(&self, feed: SourceId) {
        self.table.rcu(|table| {
            let mut shared = table.shared.clone();
            shared.remove(&feed);
            Table { stands: table.stands.clone(), shared }
        });
    }

    /// All issuers.
    pub(super) fn all(&self) -> Vec<Arc<Stand>> {
        self.table.load().stands.values().cloned().collect()
    }

    /// Takes in what another instance tells, in its order. A clock that is ahead does not make news of the future of what a
    /// provider said; what operators entered and lifted is in one order everywhere, and keeps its time.
    pub(super) fn take(&self, notes: &[Note], now: Timestamp) -> Taken {
        let mut taken = Taken::default();
        let Some(stand) = notes.first().and_then(|note| self.table.load().stands.get(&note.iss).cloned()) else {
            return Taken { foreign: notes.len() as u64, ..taken };
        };
        for run in notes.chunk_by(|one, other| voice(one) == voice(other)) {
            let (enforced, refused) = match run.first().map(|note| note.told) {
                Some(Told::Revoked(Voice::Provider, _)) => {
                    let known = run.iter().filter_map(|note| note.entry(note.learned.min(now)));
                    stand.providers.merge(&known.collect::<Vec<_>>())
                }
                Some(Told::Revoked(Voice::Operator, _)) => stand.operators.merge(&stand.standing(run)),
                Some(Told::Lifted(..)) => (run.iter().filter(|note| self.lifts(&stand, note, now)).count() as u64, 0),
                None => (0, 0),
            };
            taken.enforced += enforced;
            taken.refused += refused;
            taken.repeated += (run.len() as u64).saturating_sub(enforced + refused);
        }
        taken
    }

    /// Adds all that is shared and held in one step's part of the set, as it was told when it was accepted: of a name
    /// that its provider has blocked until further notice, what cuts it off. The block is for who hears that it is over.
    pub(super) fn held(&self, revocations: &Revocations, step: usize, notes: &mut Vec<Note>) {
        let table = self.table.load();
        revocations.held(step, |known| {
            let Some(shared) = table.shared.get(&known.source) else { return };
            let what = match known.target {
                Target::Beside(_) => return,
                _ if known.cutoff == Cutoff::Always => unblocked(revocations, &known),
                _ => None,
            };
            let Known { target, cutoff, until, learned, .. } = known;
            let what = what.unwrap_or(Revoked { target, cutoff, until });
            notes.push(Note::revoked(&shared.iss, shared.voice, what, learned));
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

    /// All that was told is held.
    pub(super) fn are_whole(&self, now: Moment) {
        self.lacking(now).iter().for_each(|feed| feed.is_whole_again());
    }

    /// Whether those feeds that lack some have room for so many entries, or for a twentieth of what they may hold: what is
    /// told again and refused again is counted twice, and that much is worth it.
    pub(super) fn has_room(&self, refused: u64, now: Moment) -> bool {
        let some = |feed: &Feed| refused.min(feed.bounds().max_entries as u64 / 20).max(1);
        self.lacking(now).iter().all(|feed| feed.room() as u64 >= some(feed))
    }

    fn lacking(&self, now: Moment) -> Vec<Arc<Feed>> {
        let stands = self.all();
        let feeds = stands.iter().flat_map(|stand| [&stand.providers.feed, &stand.operators.feed]);
        feeds.filter(|feed| !feed.standing(now).complete).cloned().collect()
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

const fn voice(note: &Note) -> Option<Voice> {
    match note.told {
        Told::Revoked(voice, _) => Some(voice),
        Told::Lifted(..) => None,
    }
}
