//! A checkup: all probes at once, each bounded, the whole too.

use super::finding::{Finding, Outlook};
use super::known::Known;
use super::{certificates, disks, feeds, issuers, process, secrets, stores, upstreams};
use crate::control::settings::Config;
use crate::decide::time::{Moment, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

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
    let (shared, wall) = (Arc::new(config.clone()), now.wall);
    let on_files = tokio::task::spawn_blocking(move || files(&shared, wall));
    let (files, upstreams, redis) =
        tokio::join!(on_files, upstreams::look(config, &known.endpoints, wall), stores::look(config));
    let mut findings = issuers::look(config, &known, now);
    findings.extend(feeds::look(config, &known, now));
    findings.extend(files.unwrap_or_default());
    findings.extend(upstreams);
    findings.extend(redis);
    findings.extend(known.besides);
    Checkup::new(wall, revision, findings)
}

/// What is looked at on this machine.
fn files(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut found = certificates::look(config, now);
    found.extend(secrets::look(config));
    found.extend(disks::look(config));
    found.extend(process::look(config));
    found
}
