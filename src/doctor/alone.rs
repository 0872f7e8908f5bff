//! What a gateway would know, found out without one: keys are fetched, and feeds that are asked for are asked once.
//! Nothing is kept, joined or acknowledged: a gateway that runs beside this notices nothing.

use super::finding::Finding;
use super::known::Known;
use crate::control::reload::idp_settings;
use crate::control::settings::Config;
use crate::idp::room::{BuildFault, Idp, Means};
use crate::idp::settings::Settings;
use crate::idp::source::SourceSettings;
use crate::state::clock::Clock;
use crate::state::fingerprint::Fingerprints;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// How long providers have to answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks every issuer and every feed once.
pub async fn alone(config: &Config, clock: &Arc<dyn Clock>) -> Known {
    let mut known = Known::default();
    let Ok(fingerprints) = Fingerprints::random() else { return known };
    let means = Means {
        runtime: Handle::current(),
        clock: Arc::clone(clock),
        revocations: Arc::default(),
        statuses: Arc::default(),
        fingerprints: Arc::new(fingerprints),
        audit: None,
    };
    let (revocations, end) = (Arc::clone(&means.revocations), CancellationToken::new());
    let idp = Idp::new(means, end.clone());
    let names = start(&idp, config, &mut known);
    let _ = tokio::time::timeout(PATIENCE, loads(&idp, clock)).await;
    let now = clock.now();
    for name in names {
        let standing = idp.keys(&name).map(|keys| keys.standing(now));
        known.keys.extend(standing.map(|standing| (name, standing)));
    }
    known.feeds = revocations.standing(now);
    end.cancel();
    known
}

/// Starts what can be started; what cannot be is a finding, and left out.
fn start(idp: &Idp, config: &Config, known: &mut Known) -> Vec<String> {
    let mut settings = harmless(config);
    // Each round leaves something out, or is the last.
    for _ in 0..64 {
        let faults = match idp.prepare(&settings) {
            Ok(prepared) => {
                idp.commit(prepared);
                return settings.issuers.into_keys().collect();
            }
            Err(faults) => faults,
        };
        for fault in &faults {
            leave_out(&mut settings, fault, known);
        }
    }
    Vec::new()
}

fn leave_out(settings: &mut Settings, fault: &BuildFault, known: &mut Known) {
    let finding = Finding::wrong(fault.place.clone(), fault.error.to_string())
        .then("a gateway does not start with it; one that runs keeps the config before")
        .cure("mend what the message names", "doctor.md#settings");
    known.besides.push(finding);
    let issuer = fault.place.strip_prefix("issuers.").map(str::to_owned);
    let source = fault.place.strip_prefix("revocation.sources.").map(str::to_owned);
    if let Some(issuer) = issuer {
        settings.issuers.remove(&issuer);
        settings.sources.retain(|_, source| source.kind().issuer() != issuer);
    }
    source.iter().for_each(|source| drop(settings.sources.remove(source)));
}

/// Only what can be asked without being noticed: no stream is managed, no event acknowledged, nothing is kept.
fn harmless(config: &Config) -> Settings {
    let mut settings = idp_settings(config);
    (settings.fleet, settings.state_dir) = (None, None);
    settings.issuers.values_mut().for_each(|issuer| issuer.introspection = None);
    settings.sources.retain(|_, source| {
        matches!(source, SourceSettings::Poll(_) | SourceSettings::StatusList(_) | SourceSettings::File(_))
    });
    settings
}

/// Until everything was loaded, or failed once.
async fn loads(idp: &Idp, clock: &Arc<dyn Clock>) {
    let mut news = idp.news();
    loop {
        let waiting = idp.readiness(clock.now());
        if waiting.iter().all(|one| !one.why.contains("under way")) || news.changed().await.is_err() {
            return;
        }
    }
}
