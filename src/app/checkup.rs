//! A checkup of a gateway that runs: what it knows, and what is looked at from where it is.

use crate::control::reload::Reload;
use crate::doctor::{Known, KnownEndpoint, checkup};
use crate::proxy::gate::Shared;

/// The checkup, as JSON.
pub(super) async fn of(reload: &Reload, shared: &Shared) -> String {
    let now = shared.state.clock.now();
    let mut known = Known { listens: true, feeds: shared.state.revocations.standing(now), ..Known::default() };
    for issuer in shared.plan.load().issuers.iter() {
        known.keys.insert(issuer.rules.name.as_str().to_owned(), issuer.keys.standing(now));
    }
    for pool in reload.pools() {
        known.endpoints.extend(pool.endpoints().iter().map(|endpoint| KnownEndpoint {
            upstream: pool.name.to_string(),
            endpoint: endpoint.name.to_string(),
            used: endpoint.is_used(),
        }));
    }
    itself(reload, &mut known);
    let (config, revision) = (reload.config(), reload.revision());
    let found = checkup(&config, &revision, known, now).await;
    serde_json::to_string(&found).unwrap_or_default()
}

/// What is wrong with the gateway itself.
fn itself(reload: &Reload, known: &mut Known) {
    const PAGE: &str = "doctor.md#settings";
    if reload.is_failing() {
        let says = "the config file brings no config into force: the one before stays".to_owned();
        known.ails("config", says, "run `curfew check` on it: a restart would fail", PAGE);
    }
    let pending = reload.pending();
    if !pending.is_empty() {
        let says = format!("changes wait for a restart: {}", pending.join(", "));
        known.waits("config", says, "restart when it suits", PAGE);
    }
    if let Some(fleet) = reload.idp().fleet().filter(|fleet| !fleet.connected) {
        let says = format!(
            "this gateway is not connected to it, after {} failures; {} entries wait",
            fleet.failures, fleet.queued
        );
        known.ails("revocation.fleet", says, "see what is told of its Redis, and the gateway's log", "doctor.md#redis");
    }
}
