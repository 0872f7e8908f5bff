//! `curfew demo`.

use super::exit::Exit;
use super::usage;
use crate::app::{self, Running};
use crate::control::{self, config::render_all};
use crate::demo::{self, Options, Outcome};
use crate::state::clock::SystemClock;
use crate::telemetry;
use std::path::PathBuf;
use std::sync::Arc;

/// Runs the demo.
#[must_use]
pub fn demo(what: &usage::Demo) -> Exit {
    let options = Options { once: what.once, port: what.port, folder: what.dir.clone() };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return broke(&error),
    };
    let (clock, mut out) = (Arc::new(SystemClock::start()), std::io::stdout());
    match runtime.block_on(demo::run(&options, clock, &mut out, start, stop)) {
        Ok(Outcome::Kept) => Exit::Done,
        Ok(Outcome::Broken) => Exit::Broke,
        Err(error) => broke(&error),
    }
}

/// Starts the gateway just as `curfew run` does.
fn start(config: PathBuf) -> Result<Running, String> {
    let told = |faults: Vec<_>| render_all(&faults, &control::source(&config).unwrap_or_default(), false);
    let loaded = control::load(&config).map_err(told)?;
    // A second log in one process is nothing to end for.
    let _ = telemetry::start_log(&loaded.config.telemetry.log);
    app::start(&config, loaded).map_err(|error| error.to_string())
}

fn stop(running: Running) {
    let _report = running.shutdown();
}

fn broke(error: &dyn std::fmt::Display) -> Exit {
    eprintln!("curfew: {error}");
    Exit::Broke
}
