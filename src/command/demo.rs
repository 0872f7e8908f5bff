//! `curfew demo`. The gateway in it is started like any other: with a config file.

use super::exit::Exit;
use super::usage;
use crate::app::{self, Running};
use crate::control;
use crate::demo::{self, Options, Outcome};
use crate::state::clock::SystemClock;
use std::path::PathBuf;
use std::sync::Arc;

/// Runs the demo.
#[must_use]
pub fn demo(what: &usage::Demo) -> Exit {
    let options = Options { once: what.once, port: what.port, folder: what.dir.clone() };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("curfew demo: {error}");
            return Exit::Broke;
        }
    };
    let clock = Arc::new(SystemClock::start());
    let stop = |running: Running| drop(running.shutdown());
    match runtime.block_on(demo::run(&options, clock, &mut std::io::stdout(), start, stop)) {
        Ok(Outcome::Kept) => Exit::Done,
        Ok(Outcome::Broken) => Exit::Broke,
        Err(error) => {
            eprintln!("curfew demo: {error}");
            Exit::Broke
        }
    }
}

fn start(path: PathBuf) -> Result<Running, String> {
    let loaded = control::load(&path)
        .map_err(|faults| control::config::render_all(&faults, &control::source(&path).unwrap_or_default(), false))?;
    app::start(&path, loaded).map_err(|error| error.to_string())
}
