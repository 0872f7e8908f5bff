//! The same judgement without a listener: what `explain` asks.

use super::{StartError, doing, lasting, providers, state};
use crate::control::Loaded;
use crate::control::build::{self, Pools};
use crate::decide::checks::revocation;
use crate::decide::id::SourceName;
use crate::decide::reason::Reason;
use crate::decide::time::{Moment, Timestamp};
use crate::decide::verdict::Verdict;
use crate::idp::room::Idp;
use crate::proxy::entry;
use crate::proxy::plan::{Plan, Route};
use crate::state::State;
use crate::telemetry::{Service, Telemetry};
use crate::token::gather::{Gathered, gather};
use crate::token::target::Target;
use http::request::Parts;
use std::net::{IpAddr, Ipv4Addr};
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

/// What became of a request.
pub struct Explained {
    /// The instant it was judged at.
    pub moment: Moment,
    /// The route, if one was found.
    pub route: Option<Arc<Route>>,
    /// The judgement, if it came to one.
    pub verdict: Option<Verdict>,
    /// What was gathered for it.
    pub gathered: Option<Gathered>,
    /// The reason, if it would be refused.
    pub reason: Option<Reason>,
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
        let state = Arc::new(state(loaded, lasting::passing(loaded)?)?);
        let (idp, issuers) = providers(loaded, &state, &control, None)?;
        let config = &loaded.config;
        let pools = build::pools(config, &Pools::new()).map_err(doing("upstreams"))?;
        let plan = build::plan(config, &loaded.revision, issuers, &pools, idp.reception(), &telemetry)
            .map_err(doing("routes"))?;
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

    /// The revision of the config.
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.plan.revision
    }

    /// Which source revoked the token, and when that was learned, if one did.
    #[must_use]
    pub fn revoked_by(&self, explained: &Explained) -> Option<(SourceName, Timestamp)> {
        let gathered = explained.gathered.as_ref()?;
        let evidence = gathered.evidence();
        let entry = revocation::decisive(&evidence.revocation.entries, evidence.claims()?)?;
        Some((self.state.revocations.source_name(entry.source)?, entry.learned))
    }

    /// Decides about a request as the gateway would at an instant, from an address; no instant is now.
    #[must_use]
    pub fn explain(&self, mut parts: Parts, at: Option<Timestamp>, peer: Option<IpAddr>) -> Explained {
        let now = self.state.clock.now();
        let moment = Moment { wall: at.unwrap_or(now.wall), steady: now.steady };
        let mut explained = Explained { moment, route: None, verdict: None, gathered: None, reason: None };
        let entered = entry::find(&mut parts, &self.plan, true, |_| true).and_then(|route| {
            entry::clean(&mut parts, &self.plan, IpAddr::V4(Ipv4Addr::LOCALHOST))
                .map(|proven| (route, proven))
                .map_err(Into::into)
        });
        let (route, proven) = match entered {
            Ok(entered) => entered,
            Err(refusal) => return Explained { reason: Some(refusal.reason), ..explained },
        };
        if let Some(policy) = &route.policy {
            let mut presented = route.locations.take(&mut parts.headers, parts.uri.query(), proven);
            presented.peer = peer;
            let mut gathered = gather(&presented, &self.plan.issuers, self.plan.token_bytes, &self.state, moment);
            // Explaining uses no proof up: one that was never used is told to be good.
            gathered.prove(&presented, &Target::of(&parts, true, false), policy.binding.nonce.is_some(), &self.state);
            if let Some(terms) = &self.plan.sessions {
                gathered.attend(&self.state, terms);
            }
            gathered.offline();
            let verdict = policy.judge(&gathered.evidence());
            explained.reason = verdict.reason();
            explained.verdict = Some(verdict);
            explained.gathered = Some(gathered);
        }
        explained.route = Some(route);
        explained
    }
}
