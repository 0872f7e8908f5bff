//! `curfew run`.

use super::exit::Exit;
use crate::app;
use crate::control;
use crate::control::config::render_all;
use crate::telemetry;
use std::io::IsTerminal as _;
use std::path::Path;

/// Runs the gateway until it is told to end.
#[must_use]
pub fn run(path: &Path) -> Exit {
    let loaded = match control::load(path) {
        Ok(loaded) => loaded,
        Err(faults) => {
            let source = control::source(path).unwrap_or_default();
            eprintln!("{}", render_all(&faults, &source, std::io::stderr().is_terminal()));
            return Exit::Faulty;
        }
    };
    // A second log in one process is nothing to end for.
    let _ = telemetry::start_log(&loaded.config.telemetry.log);
    for warning in &loaded.warnings {
        tracing::warn!(at = warning.path, "{}", warning.message);
    }
    let (revision, routes) = (loaded.revision.clone(), loaded.config.routes.len());
    let (issuers, sources) = (loaded.config.issuers.len(), loaded.config.revocation.sources.len());
    let spans = loaded.spans.clone();
    let running = match app::start(path, loaded) {
        Ok(running) => running,
        Err(error) => {
            eprintln!("curfew: cannot start: {}", error.told(&spans));
            return Exit::Broke;
        }
    };
    for (name, address) in &running.addresses {
        tracing::info!(listener = name, %address, "listening");
    }
    let (version, pid, config) = (env!("CARGO_PKG_VERSION"), std::process::id(), path.display());
    let admin = running.admin.map_or_else(|| "off".to_owned(), |address| address.to_string());
    tracing::info!(version, pid, %config, %admin, %revision, routes, issuers, sources, "curfew is up");
    match running.until_told() {
        Ok(report) => {
            tracing::info!(drained = report.drained, cut = report.cut, "curfew is down");
            Exit::Done
        }
        Err(error) => {
            eprintln!("curfew: {error}");
            Exit::Broke
        }
    }
}
