//! The config that is looked at. One that has faults is looked at all the same, as long as it can be read: what is
//! wrong with it is often what is wrong around it.

use super::finding::Finding;
use crate::control::check::check;
use crate::control::config::{Fault, Severity, parse};
use crate::control::settings::Config;
use crate::control::{load, source};
use std::path::Path;

const PAGE: &str = "doctor.md#settings";

/// A config to look at.
pub struct Subject {
    /// What it says.
    pub config: Config,
    /// Its revision; empty where it has faults.
    pub revision: String,
    /// What was found in it.
    pub findings: Vec<Finding>,
}

/// Reads a config to look at.
///
/// # Errors
/// If it cannot be read as one: all its faults.
pub fn subject(path: &Path) -> Result<Subject, Vec<Fault>> {
    let faults = match load(path) {
        Ok(loaded) => {
            let findings = warned(loaded.warnings.len()).into_iter().collect();
            return Ok(Subject { config: loaded.config, revision: loaded.revision.into(), findings });
        }
        Err(faults) => faults,
    };
    let parsed = source(path).ok().and_then(|text| parse::<Config>(&path.display().to_string(), &text).ok());
    let Some(parsed) = parsed else { return Err(faults) };
    let faults = check(&parsed.value, &parsed.spans);
    let mut findings: Vec<Finding> =
        faults.iter().filter(|fault| fault.severity == Severity::Error).map(told).collect();
    findings.extend(warned(faults.len() - findings.len()));
    Ok(Subject { config: parsed.value, revision: String::new(), findings })
}

fn told(fault: &Fault) -> Finding {
    let what = if fault.path.is_empty() { "config" } else { &fault.path };
    let finding = Finding::wrong(what, fault.message.clone());
    let finding = finding.then("a gateway does not start with this config; one that runs keeps the one before");
    finding.cure(fault.help.clone().unwrap_or_else(|| "mend it, and run `curfew check`".into()), PAGE)
}

fn warned(warnings: usize) -> Option<Finding> {
    let says = format!("{warnings} {} of `curfew check`", if warnings == 1 { "warning" } else { "warnings" });
    (warnings > 0)
        .then(|| Finding::unwise("config", says).cure("run `curfew check`: each is told with its place", PAGE))
}
