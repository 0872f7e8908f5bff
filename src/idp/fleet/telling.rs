//! How a feed of this instance tells the others what was accepted and lifted.

use super::note::{Note, Told, Voice};
use super::outbox::Outbox;
use super::stands::Stands;
use crate::decide::time::Timestamp;
use crate::state::revocations::{Revoked, Target};
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

    /// What operators entered of this is void: here, whichever instance it was entered at, and then everywhere.
    pub(in crate::idp) fn lifted(&self, iss: &Arc<str>, target: Target, at: Timestamp) {
        let note = Note { iss: Arc::clone(iss), told: Told::Lifted(target), learned: at };
        self.stands.lift(&note);
        self.outbox.put(note);
    }
}
