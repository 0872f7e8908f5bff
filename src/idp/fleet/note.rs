//! One entry on its way to the other instances.

use crate::decide::time::Timestamp;
use crate::state::revocations::{Revoked, Target};
use std::sync::Arc;
use std::time::Duration;

/// Who said it. What an operator entered can be lifted again, what a provider said cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::idp) enum Voice {
    /// A provider, by an event.
    Provider,
    /// An operator.
    Operator,
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::idp) enum Told {
    /// It is revoked.
    Revoked(Voice, Revoked),
    /// What operators entered of it is void; that is to be remembered until then.
    Lifted(Target, Timestamp),
}

/// No lift is remembered for longer. An instance that was away for longer, and still holds what was lifted, brings it back.
pub(super) const TERM: Duration = Duration::from_secs(90 * 24 * 3600);

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::idp) struct Note {
    /// The `iss` of the issuer. Its name in the config is each instance's own.
    pub(in crate::idp) iss: Arc<str>,
    /// What is told.
    pub(in crate::idp) told: Told,
    /// When the first instance learned of it.
    pub(in crate::idp) learned: Timestamp,
}

impl Note {
    /// A revocation.
    pub(in crate::idp) fn revoked(iss: &Arc<str>, voice: Voice, what: Revoked, learned: Timestamp) -> Self {
        Self { iss: Arc::clone(iss), told: Told::Revoked(voice, what), learned }
    }

    /// What is revoked, as of this time.
    pub(super) fn entry(&self, learned: Timestamp) -> Option<(Revoked, Timestamp)> {
        match self.told {
            Told::Revoked(_, what) => Some((what, learned)),
            Told::Lifted(..) => None,
        }
    }
}
