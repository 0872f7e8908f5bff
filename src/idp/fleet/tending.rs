//! Settings made into a channel: who takes part in it, and who is judged by its age.

use super::hub::{Hub, Own, Spoken};
use super::note::Voice;
use super::server::{Server, ServerError};
use super::settings::FleetSettings;
use super::standing::Standing;
use super::stands::Shared;
use crate::idp::build::BuildError;
use crate::idp::keeping::Kept;
use crate::idp::room::Idp;
use crate::idp::running::Running;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Where the config has it.
pub(in crate::idp) const PLACE: &str = "revocation.fleet";

/// Looks whether the settings can be used. Opens nothing.
pub(in crate::idp) fn prepare(settings: Option<&FleetSettings>) -> Result<Option<Server>, BuildError> {
    let Some(settings) = settings else { return Ok(None) };
    if let Some(misfit) = settings.misfits().into_iter().next() {
        return Err(BuildError::Misfit(misfit));
    }
    let server = Server::new(&settings.redis).map_err(|error| match error {
        ServerError::Secret(secret) => BuildError::Secret(secret),
        other => BuildError::Fleet(other.to_string().into()),
    });
    server.map(Some)
}

impl Hub {
    /// Takes up settings, with the issuers and sources that run now.
    pub(in crate::idp) fn tend(
        &self,
        running: &Running,
        settings: Option<&FleetSettings>,
        server: Option<Server>,
        kept: &mut BTreeMap<String, Kept>,
    ) {
        let told = || running.sources.values().filter(|source| source.settings.kind().is_told());
        let iss = |name: &str| running.issuers.get(name).map(|issuer| Arc::from(issuer.settings.issuer.as_str()));
        let own = |source: &crate::idp::running::RunningSource| -> Option<Own> {
            let (voice, account) = (Voice::Provider, source.account.clone());
            Some((source.feed.id, Shared { voice, iss: iss(source.feed.issuer.as_str())?, account }))
        };
        let ages = |name: &str| match settings.and_then(|settings| settings.issuers.as_ref()) {
            Some(named) => named.iter().any(|one| one == name),
            None => told().any(|source| source.feed.issuer.as_str() == name),
        };
        let issuers = running.issuers.iter().filter_map(|(name, issuer)| {
            Some(Spoken { name: name.clone(), iss: iss(name)?, signer: issuer.signer(), ages: ages(name) })
        });
        let entered = running.operators.iter().filter_map(|(name, operator)| {
            let (voice, account) = (Voice::Operator, operator.account());
            Some((operator.feed().id, Shared { voice, iss: iss(name)?, account }))
        });
        let former = running.former.values().map(|former| {
            let (voice, account) = (Voice::Provider, former.account.clone());
            (former.feed.id, Shared { voice, iss: Arc::from(&*former.voice.iss), account })
        });
        let (issuers, own) = (issuers.collect(), told().filter_map(own).chain(entered).chain(former).collect());
        self.take_up(settings.map(|settings| (settings, server)), issuers, own, kept);
    }
}

/// What others ask of it.
impl Idp {
    /// How the channel between instances stands; `None` if there is none.
    #[must_use]
    pub fn fleet(&self) -> Option<Standing> {
        self.fleet.standing()
    }

    /// Waits until what was accepted here is told to the other instances, and then says that this one goes; but no
    /// longer than this for either.
    pub async fn told(&self, patience: Duration) {
        let _ = tokio::time::timeout(patience, self.fleet.told()).await;
        let _ = tokio::time::timeout(patience, self.fleet.leave()).await;
    }
}
