//! What runs: the issuers and the sources that were taken up, each with what is exchanged when its settings change.

use super::former::Former;
use super::held_back::HeldBack;
use super::introspection::Teller;
use super::operator::Operator;
use super::settings::{IssuerSettings, Settings};
use super::signed::Signer;
use super::source::SourceSettings;
use crate::settings::Seal;
use crate::state::journal::Account;
use crate::state::keys::IssuerKeys;
use crate::state::revocations::Feed;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// All of it.
#[derive(Clone, Default)]
pub(super) struct Running {
    pub(super) state_dir: Option<PathBuf>,
    pub(super) issuers: BTreeMap<String, RunningIssuer>,
    pub(super) sources: BTreeMap<String, RunningSource>,
    /// What operators entered, by issuer; opened with the first entry.
    pub(super) operators: BTreeMap<String, Arc<Operator>>,
    /// What sources were told that are no more, by the names of their feeds.
    pub(super) former: BTreeMap<String, Former>,
}

#[derive(Clone)]
pub(super) struct RunningIssuer {
    pub(super) settings: IssuerSettings,
    /// The secrets that it holds.
    pub(super) seal: Seal,
    pub(super) keys: Arc<IssuerKeys>,
    pub(super) teller: Option<Arc<Teller>>,
    pub(super) cancel: CancellationToken,
}

#[derive(Clone)]
pub(super) struct RunningSource {
    pub(super) settings: SourceSettings,
    /// The secrets that it holds.
    pub(super) seal: Seal,
    /// The `iss` that its entries are hashed with.
    pub(super) issuer: String,
    pub(super) feed: Arc<Feed>,
    pub(super) account: Option<Arc<Account>>,
    pub(super) signer: Arc<ArcSwap<Signer>>,
    pub(super) held_back: Arc<HeldBack>,
    pub(super) cancel: CancellationToken,
}

impl RunningIssuer {
    /// Whether it is what these settings say, its secrets included.
    pub(super) fn is_as(&self, settings: &IssuerSettings) -> bool {
        self.settings == *settings && self.seal == Seal::of(settings.held())
    }

    /// Whose words count for it.
    pub(super) fn signer(&self) -> Signer {
        self.settings.signer(&self.keys)
    }
}

impl RunningSource {
    /// Whether it is what these settings say, its secrets included.
    pub(super) fn is_as(&self, settings: &SourceSettings) -> bool {
        self.settings == *settings && self.seal == Seal::of(settings.kind().held())
    }
}

/// The `iss` that a source speaks for.
pub(super) fn iss<'a>(settings: &'a Settings, source: Option<&SourceSettings>) -> Option<&'a String> {
    settings.issuers.get(source?.kind().issuer()).map(|issuer| &issuer.issuer)
}

/// Where the config has an issuer.
pub(super) fn issuer_place(name: &str) -> String {
    format!("issuers.{name}")
}

/// Where the config has a source.
pub(super) fn source_place(name: &str) -> String {
    format!("revocation.sources.{name}")
}
