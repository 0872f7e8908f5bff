//! How a feed of this instance tells the others what was accepted and lifted.

use super::note::{Note, Told, Voice};
use super::outbox::Outbox;
use super::stands::Stands;
use crate::decide::id::SourceId;
use crate::decide::time::Timestamp;
use crate::state::journal::Receipt;
use crate::state::revocations::{Revocations, Revoked, Target, Void};
use std::sync::Arc;

/// The way to the others, for one feed.
#[derive(Clone)]
pub(in crate::idp) struct Telling {
    pub(super) outbox: Arc<Outbox>,
    pub(super) stands: Arc<Stands>,
    pub(super) voice: Voice,
}

impl Telling {
    /// This was accepted, and is held.
    pub(in crate::idp) fn accepted(&self, iss: &Arc<str>, what: Revoked, learned: Timestamp) {
        self.outbox.put(Note::revoked(iss, self.voice, what, learned));
    }

    /// When these are entered, as all instances see it: what an operator enters is later than what was known of it, though
    /// it be within the same instant, or the clock of whoever entered or lifted it be ahead.
    pub(in crate::idp) fn entered(
        &self,
        set: &Revocations,
        iss: &Arc<str>,
        all: &[Revoked],
        at: Timestamp,
    ) -> Timestamp {
        let provider = self.voice == Voice::Provider;
        if provider { at } else { self.stands.after(set, iss, all.iter().map(|what| what.target), at) }
    }

    /// As of when this is lifted, as all instances see it: after it was entered, whose clock that was by.
    pub(in crate::idp) fn void(&self, set: &Revocations, iss: &Arc<str>, target: Target, at: Timestamp) -> Void {
        self.stands.void(set, iss, target, at)
    }

    /// What operators entered of this is void: here, whichever instance it was entered at, and then everywhere. Tells what
    /// becomes of remembering it. Whoever lifts it has the turn of his own feed, and has taken it out of that.
    pub(in crate::idp) fn lifted(
        &self,
        iss: &Arc<str>,
        (target, void): (Target, Void),
        now: Timestamp,
        own: SourceId,
    ) -> Option<Receipt> {
        let note = Note { iss: Arc::clone(iss), told: Told::Lifted(target, void.until), learned: void.at };
        let receipt = self.stands.lift(&note, now, Some(own));
        self.outbox.put(note);
        receipt
    }
}
