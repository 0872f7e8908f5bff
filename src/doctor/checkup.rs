//! A checkup: all probes at once, each bounded, the whole too.

use super::finding::{Finding, Outlook};
use super::known::Known;
use super::{certificates, disks, feeds, issuers, process, secrets, stores, upstreams};
use crate::control::settings::Config;
use crate::decide::time::{Moment, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long one probe of the network may take.
pub(super) const PROBE: Duration = Duration::from_secs(3);

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkup {
    /// When: RFC 3339.
    pub at: String,
    /// The version of whoever looked.
    pub version: String,
    /// The revision of the config.
    pub revision: String,
    /// What was found, the worst first, and what breaks first before what breaks later.
    pub findings: Vec<Finding>,
}

impl Checkup {
    /// Of a config of this revision.
    #[must_use]
    pub fn new(now: Timestamp, revision: &str, mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|one, other| one.order().cmp(&other.order()));
        Self { at: now.to_string(), version: env!("CARGO_PKG_VERSION").into(), revision: revision.into(), findings }
    }

    /// How it stands with the worst of it.
    #[must_use]
    pub fn worst(&self) -> Outlook {
        self.findings.iter().map(|finding| finding.outlook).min().unwrap_or(Outlook::Fine)
    }
}

/// Looks at everything that a config names, and at what is known of it.
pub async fn checkup(config: &Config, revision: &str, known: Known, now: Moment) -> Checkup {
    let wall = now.wall;
    let (files, upstreams, redis) = tokio::join!(
        on_this_machine(config, wall),
        upstreams::look(config, &known.endpoints, wall),
        stores::look(config)
    );
    let mut findings = issuers::look(config, &known, now);
    findings.extend(feeds::look(config, &known, now));
    findings.extend(files);
    findings.extend(upstreams);
    findings.extend(redis);
    findings.extend(known.besides);
    Checkup::new(wall, revision, findings)
}

/// Files are looked at beside everything else. A disk that does not answer holds up one thread, however often it is asked.
async fn on_this_machine(config: &Config, now: Timestamp) -> Vec<Finding> {
    static TURN: Semaphore = Semaphore::const_new(1);
    let unknown = |says: String| vec![Finding::unknown("files", says)];
    let Ok(turn) = tokio::time::timeout(PROBE, TURN.acquire()).await else {
        return unknown(
            "the files of this machine are still looked at for an earlier checkup: a disk does not answer".into(),
        );
    };
    let config = config.clone();
    let looking = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        files(&config, now)
    });
    match tokio::time::timeout(PROBE, looking).await {
        Ok(found) => {
            found.unwrap_or_else(|died| unknown(format!("the files of this machine could not be looked at: {died}")))
        }
        Err(_) => {
            unknown(format!("the files of this machine took more than {} s: a disk does not answer", PROBE.as_secs()))
        }
    }
}

/// What is looked at on this machine.
fn files(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut found = certificates::look(config, now);
    found.extend(secrets::look(config));
    found.extend(disks::look(config));
    found.extend(process::look(config));
    found
}
