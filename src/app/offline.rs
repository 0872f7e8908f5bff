//! The same judgement without a listener: what `explain` asks.

use super::judging::{self, Told};
use super::start_error::{StartError, building, doing};
use super::{beginning, lasting, providers};
use crate::control::Loaded;
use crate::control::build::{self, Pools};
use crate::decide::time::Timestamp;
use crate::idp::room::Idp;
use crate::proxy::plan::Plan;
use crate::state::State;
use crate::state::clock::SystemClock;
use crate::telemetry::{Service, Telemetry};
use http::request::Parts;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long issuers have to publish their keys.
const PATIENCE: Duration = Duration::from_secs(10);

/// A gateway that only explains.
pub struct Offline {
    plan: Plan,
    state: Arc<State>,
    idp: Idp,
    // Dropped last: the tasks of the others run on it.
    _control: Runtime,
}

/// Until everything was loaded, or failed once.
async fn loads(idp: &Idp, state: &State) {
    let mut news = idp.news();
    loop {
        let waiting = idp.readiness(state.clock.now());
        if waiting.iter().all(|one| !one.why.contains("under way")) || news.changed().await.is_err() {
            return;
        }
    }
}

impl Offline {
    /// Builds everything but what listens, and waits until keys and revocations were heard, or for a while.
    ///
    /// # Errors
    /// What could not be set up.
    pub fn build(loaded: &Loaded) -> Result<Self, StartError> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let control = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let control = control.map_err(doing("the runtime"))?;
        let quiet =
            crate::telemetry::Settings { hash_key: loaded.config.telemetry.hash_key.clone(), ..Default::default() };
        let service =
            Service { name: "curfew".into(), version: env!("CARGO_PKG_VERSION").into(), instance: "explain".into() };
        let telemetry = Telemetry::start(&quiet, &service, control.handle()).map_err(doing("telemetry"))?;
        let clock = Arc::new(SystemClock::start());
        let state = Arc::new(beginning::state(loaded, lasting::passing(loaded)?, clock)?);
        let (idp, issuers) = providers(loaded, &state, &control, (None, None))?;
        let config = &loaded.config;
        let pools = build::pools(config, &Pools::new()).map_err(building(config))?;
        let plan = build::plan(config, &loaded.revision, issuers, &pools, idp.reception(), &telemetry)
            .map_err(building(config))?;
        // What is still missing then is told, and decided about as the policies say.
        let _ = control.block_on(async { tokio::time::timeout(PATIENCE, loads(&idp, &state)).await });
        Ok(Self { plan, state, idp, _control: control })
    }

    /// What keys and revocations are still missing.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let waiting = self.idp.readiness(self.state.clock.now());
        waiting.into_iter().map(|one| format!("{}: {}", one.what, one.why)).collect()
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Decides about a request as the gateway would at an instant, from an address; no instant is now.
    #[must_use]
    pub fn explain(&self, parts: Parts, at: Option<Timestamp>, peer: Option<IpAddr>) -> Told {
        judging::explain(&self.plan, &self.state, parts, (at, peer), self.missing())
    }
}
