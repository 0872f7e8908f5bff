//! A question to a gateway that runs: judged by what it knows now, under its config or under a candidate for the next.
//! A candidate is built and thrown away; nothing of it comes into force, and nothing is fetched for it.

use super::judging::{Told, explain};
use crate::control::admin::Question;
use crate::control::build::{self, Pools};
use crate::control::reload::{Reload, idp_settings, issuers, render, told};
use crate::control::{Loaded, read};
use crate::proxy::gate::Shared;
use crate::state::State;
use crate::telemetry::{Service, Settings, Telemetry};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a candidate's files may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The answer, as JSON.
///
/// # Errors
/// What of the question, or of its config, cannot be used.
pub(super) async fn of(reload: &Arc<Reload>, shared: &Arc<Shared>, question: &Question) -> Result<String, String> {
    let (parts, at) = (question.parts()?, question.instant()?);
    let from = (at, question.client_ip);
    let Some(text) = question.config.clone() else {
        return Ok(as_json(&explain(&shared.plan.load(), &shared.state, parts, from, missing(reload))));
    };
    let (reload, shared, runtime) = (Arc::clone(reload), Arc::clone(shared), Handle::current());
    let judged = tokio::task::spawn_blocking(move || {
        let loaded = read("candidate", text.clone()).map_err(|faults| render(&faults, &text))?;
        let telemetry = quiet(&loaded, &runtime)?;
        let answer = candidate(&reload, &shared.state, &loaded, &telemetry)
            .map(|(plan, missing)| as_json(&explain(&plan, &shared.state, parts, from, missing)));
        runtime.block_on(telemetry.shutdown(Duration::from_secs(1)));
        answer
    });
    // A file that it names may never end.
    let late = |_| format!("the candidate's files were not read within {PATIENCE:?}");
    tokio::time::timeout(PATIENCE, judged).await.map_err(late)?.map_err(|error| error.to_string())?
}

fn as_json(answer: &Told) -> String {
    serde_json::to_string(answer).unwrap_or_default()
}

fn missing(reload: &Reload) -> Vec<String> {
    reload.idp().readiness(reload.now()).into_iter().map(|one| format!("{}: {}", one.what, one.why)).collect()
}

/// Meters of its own, so that the gateway's do not tell of routes that there are not.
fn quiet(loaded: &Loaded, runtime: &Handle) -> Result<Telemetry, String> {
    let quiet = Settings { hash_key: loaded.config.telemetry.hash_key.clone(), ..Settings::default() };
    let service =
        Service { name: "curfew".into(), version: env!("CARGO_PKG_VERSION").into(), instance: "explain".into() };
    Telemetry::start(&quiet, &service, runtime).map_err(|error| error.to_string())
}

/// The plan of a candidate: of what did not change it has the keys that are in use, of what is new it has none.
fn candidate(
    reload: &Reload,
    state: &State,
    loaded: &Loaded,
    telemetry: &Telemetry,
) -> Result<(crate::proxy::plan::Plan, Vec<String>), String> {
    let before: Pools = reload.pools().into_iter().map(|pool| (pool.name.to_string(), pool)).collect();
    let pools = build::pools(&loaded.config, &before).map_err(|error| error.to_string())?;
    let prepared =
        reload.idp().prepare(&idp_settings(&loaded.config)).map_err(|faults| told(&faults, &loaded.spans))?;
    let issuers = issuers(&loaded.config, &prepared);
    let now = state.clock.now();
    let new = issuers.iter().filter(|issuer| !issuer.keys.is_ready(now));
    let new = new.map(|issuer| {
        format!("issuers.{}: has no keys yet; for a candidate none are fetched", issuer.rules.name.as_str())
    });
    let mut missing: Vec<String> = new.collect();
    let known = state.revocations.standing(now);
    let unheard =
        loaded.config.revocation.sources.keys().filter(|name| !known.iter().any(|feed| feed.source.as_str() == *name));
    missing.extend(unheard.map(|name| format!("revocation.sources.{name}: is not in force, and was not heard")));
    let reception = reload.idp().reception();
    let plan = build::plan(&loaded.config, &loaded.revision, issuers, &pools, reception, telemetry);
    plan.map(|plan| (plan, missing)).map_err(|error| error.to_string())
}
