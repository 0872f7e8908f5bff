//! What operators entered and lifted, in one order at all instances: by the time of each word, to the millisecond. A word is
//! later than all that its instance knew of the same name; of two words at one time, the one that revokes counts. So who
//! lifts voids what he knew, and nothing that was entered elsewhere since, though he had not heard of it.

use super::note::{Note, TERM, Told, Voice};
use super::stands::{Stand, Stands};
use crate::decide::id::SourceId;
use crate::decide::time::Timestamp;
use crate::idp::keeping::Kept;
use crate::state::journal::Receipt;
use crate::state::revocations::{Feed, Known, Revocations, Revoked, SLACK, Target, Void};
use std::sync::Arc;
use std::time::Duration;

/// What is to be later is later by so much.
const GRAIN: Duration = Duration::from_millis(1);

impl Stand {
    /// What was lifted of this issuer. What was held is told with less of its fingerprint than what was just accepted.
    fn lifted(&self, target: Target) -> Option<Timestamp> {
        self.operators.feed.voids().at(target.held())
    }

    /// Those of them that were not lifted since.
    pub(super) fn standing(&self, notes: &[Note]) -> Vec<(Revoked, Timestamp)> {
        let entries = notes.iter().filter_map(|note| note.entry(note.learned));
        entries.filter(|(what, learned)| self.lifted(what.target).is_none_or(|lifted| lifted <= *learned)).collect()
    }
}

impl Stands {
    fn of(&self, iss: &str) -> Option<Arc<Stand>> {
        self.table.load().stands.get(iss).cloned()
    }

    /// A time at which these are entered: later than they were lifted, or entered before, as far as that is known here.
    pub(super) fn after(
        &self,
        set: &Revocations,
        iss: &str,
        targets: impl Iterator<Item = Target>,
        at: Timestamp,
    ) -> Timestamp {
        let Some(stand) = self.of(iss) else { return at };
        let feeds = self.entered(iss, set);
        let said = |target| feeds.iter().filter_map(move |(feed, _)| set.of_source(feed, target));
        let known = targets.flat_map(|target| said(target).map(|said| said.learned).chain(stand.lifted(target)));
        known.fold(at, |at, known| at.max(known.plus(GRAIN)))
    }

    /// As of when this is lifted: right after operators entered it, as far as that is known here, whatever their clocks and
    /// ours. What nobody entered here may be on its way: it is lifted as of now. Remembered as long as somebody may hold it.
    pub(super) fn void(&self, set: &Revocations, iss: &Arc<str>, target: Target, now: Timestamp) -> Void {
        let feeds = self.entered(iss, set);
        let said: Vec<Known> = feeds.iter().filter_map(|(feed, _)| set.of_source(feed, target)).collect();
        let newest = said.iter().map(|said| said.learned).max();
        // Of one that never leaves by itself it is not known; nor of one that is not here.
        let last = said.iter().map(|said| said.until).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
        let (at, term) = (newest.map_or(now, |newest| newest.plus(GRAIN)), now.plus(TERM));
        Void { at, until: last.map_or(term, |last| last.plus(SLACK).min(term)) }
    }

    /// What operators entered of an issuer, here and elsewhere.
    fn entered(&self, iss: &str, set: &Revocations) -> Vec<Kept> {
        let table = self.table.load();
        let operators = table.shared.iter().filter(|(_, one)| one.voice == Voice::Operator && *one.iss == *iss);
        operators.filter_map(|(id, one)| Some((set.feed(*id)?, one.account.clone()))).collect()
    }

    /// What operators entered of a target before it was lifted is void, here as there, and stays void when it is told
    /// again, also after a restart. What was entered since stands, and what is told twice does nothing. Tells what became
    /// of remembering it. Whoever has the turn of a feed of his own has taken it out of that himself.
    pub(super) fn lift(&self, note: &Note, now: Timestamp, own: Option<SourceId>) -> Option<Receipt> {
        let Told::Lifted(target, until) = note.told else { return None };
        let stand = self.of(&note.iss)?;
        self.take_out(&stand, target, note.learned, own);
        // A clock that is ahead does not make it last.
        let void = Void { at: note.learned, until: until.min(now.plus(TERM)) };
        let new = stand.operators.feed.voids().put(target.held(), void);
        stand.operators.account.as_ref().filter(|_| new).map(|account| account.voided(&[(target.held(), void)]))
    }

    /// The same of what another instance tells; tells whether it was not known before.
    pub(super) fn lifts(&self, stand: &Stand, note: &Note, now: Timestamp) -> bool {
        let Told::Lifted(target, _) = note.told else { return false };
        let before = stand.lifted(target);
        drop(self.lift(note, now, None));
        stand.lifted(target) != before
    }

    /// Takes what is void out of all feeds of operators but this one, whose turn the caller has.
    fn take_out(&self, stand: &Stand, target: Target, lifted: Timestamp, own: Option<SourceId>) {
        let revocations = &stand.operators.revocations;
        // From a feed that is closed nothing is taken out any more: its entries leave by themselves.
        let said = |feed: &Arc<Feed>| revocations.of_source(feed, target).filter(|_| !feed.is_closed());
        let void = |feed: &Arc<Feed>| said(feed).is_some_and(|said| said.learned < lifted);
        let feeds = self.entered(&stand.iss, revocations);
        let may_hold = |feed: &Arc<Feed>| own != Some(feed.id) && (void(feed) || feed.is_unread());
        for (feed, account) in feeds.iter().filter(|(feed, _)| may_hold(feed)) {
            let mut turn = account.as_ref().map(|account| account.turn());
            turn.iter_mut().for_each(|turn| turn.forestall(target, lifted));
            if void(feed) && revocations.lift(feed, target) {
                turn.into_iter().for_each(|turn| turn.unsaid(&[target], lifted));
            }
        }
    }

    /// What was found in the journal is void as far as it was lifted: that may have been kept before it was taken out.
    pub(super) fn settle(&self, now: Timestamp) {
        for stand in self.all() {
            for (target, void) in stand.operators.feed.voids().all(now) {
                self.take_out(&stand, target, void.at, None);
            }
        }
    }

    /// All that was lifted, as it is told.
    pub(super) fn lifted(&self, now: Timestamp) -> Vec<Note> {
        let note = |iss: &Arc<str>, (target, void): (Target, Void)| Note {
            iss: Arc::clone(iss),
            told: Told::Lifted(target, void.until),
            learned: void.at,
        };
        let stands = self.all();
        let of = |stand: &Arc<Stand>| {
            stand.operators.feed.voids().all(now).into_iter().map(|one| note(&stand.iss, one)).collect::<Vec<_>>()
        };
        stands.iter().flat_map(of).collect()
    }
}
