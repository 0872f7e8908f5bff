//! Settings that were found good, and what was built of them. How they are taken up is told in `room`.

use super::build::BuiltIssuer;
use super::fleet::Server;
use super::settings::Settings;
use super::source::Source;
use crate::decide::id::IssuerName;
use crate::settings::Seal;
use crate::state::introspection::Desk;
use crate::state::keys::IssuerKeys;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sources that are made anew, each with its secrets as they were before they were read.
pub(super) type BuiltSources = BTreeMap<String, (Box<dyn Source>, Seal)>;

/// Settings that were found good, ready to be taken up. Nothing of it runs yet.
pub struct Prepared {
    pub(super) settings: Settings,
    pub(super) issuers: BTreeMap<String, BuiltIssuer>,
    pub(super) sources: BuiltSources,
    pub(super) keys: BTreeMap<IssuerName, Arc<IssuerKeys>>,
    pub(super) desks: BTreeMap<IssuerName, Arc<Desk>>,
    pub(super) fleet: Option<Server>,
}

impl Prepared {
    /// The keys of each issuer, as they will be used: of one whose settings did not change, those in use.
    #[must_use]
    pub const fn keys(&self) -> &BTreeMap<IssuerName, Arc<IssuerKeys>> {
        &self.keys
    }
    /// Where an issuer is asked about tokens, if it can be.
    #[must_use]
    pub fn desk(&self, issuer: &IssuerName) -> Option<Arc<Desk>> {
        self.desks.get(issuer).cloned()
    }
}
