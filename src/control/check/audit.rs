//! The audit log: can it be believed, does it say anything, and is it kept for long enough?

use std::time::Duration;

use super::tell::Faults;
use crate::control::config::{Fault, Spans};
use crate::control::settings::Config;
use crate::telemetry::audit::{Settings, SyncPolicy};

/// What is longer on its way to the disk is a gap that somebody will ask about.
const LONG: Duration = Duration::from_secs(10);
/// PCI DSS 10.5.1 asks for three months at once and a year in all; a week is less than any rule that is known to us.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    if let Some(audit) = config.telemetry.audit.as_ref().on() {
        self::audit(audit, config.telemetry.otlp.is_some(), &mut faults);
    }
    faults.list()
}

fn audit(audit: &Settings, has_collector: bool, faults: &mut Faults<'_>) {
    let path = |field: &str| format!("telemetry.audit.{field}");
    if audit.key.is_none() {
        let help = "name a secret: `key: { file: … }`; keep a copy of it away from this machine";
        faults.warn("telemetry.audit", "whoever can write the file can make the whole chain anew", help);
    }
    if audit.events.is_empty() {
        let help = "name some, or leave `events` out for the usual ones";
        faults.warn(&path("events"), "the audit log tells nothing but of itself", help);
    }
    if audit.sync == SyncPolicy::Interval && audit.sync_every.get() > LONG {
        let help = "write at most `10s`; what operators do is on the disk at once in any case";
        faults.warn(&path("sync_every"), "so much of what sessions did is lost with the machine", help);
    }
    if audit.keep == 0 {
        faults.error(&path("keep"), "what is rotated would be gone at once", "write at least 1; the default is 90");
    } else if held(audit) < WEEK {
        let help = "make `keep` or `rotate_after` larger, or send the lines on: `syslog`, `otlp_logs`";
        faults.warn(&path("keep"), "what is older than a week is gone", help);
    }
    if audit.otlp_logs && !has_collector {
        let help = "write `telemetry.otlp`, or remove this";
        faults.error(&path("otlp_logs"), "there is no collector to send lines to", help);
    }
}

/// How long a line is kept where few are written.
fn held(audit: &Settings) -> Duration {
    audit.rotate_after.get().saturating_mul(u32::try_from(audit.keep).unwrap_or(u32::MAX))
}
