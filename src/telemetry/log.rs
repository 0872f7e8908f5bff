//! The process's own log, on standard error. What a request came to is not told here: that is the access log's.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::util::TryInitError;

use super::panics;
use super::settings::{Format, Level, Log};

/// Overrides the level of the settings, part by part, in the words of `tracing`: `info,curfew::idp=debug`.
const OVERRIDE: &str = "CURFEW_LOG";

/// Starts the log, in which panics are told too. A process has one: a second start is refused.
pub fn start(log: &Log) -> Result<(), TryInitError> {
    panics::tell();
    let filter = overridden().unwrap_or_else(|| EnvFilter::new(directives(log.level)));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Colours are for people; in a file they are in the way. A line that cannot be written is lost: to complain of it on
    // standard error would panic.
    let builder = builder.with_ansi(std::io::stderr().is_terminal()).log_internal_errors(false);
    match log.format {
        Format::Text => builder.with_target(false).finish().try_init(),
        Format::Json => builder.json().flatten_event(true).finish().try_init(),
    }
}

/// What the environment asks for instead. Who repeats what was sent to them speaks only to who names them.
fn overridden() -> Option<EnvFilter> {
    let words = std::env::var(OVERRIDE).ok()?;
    let quiet = |words: String, name: &str, level: &str| {
        if words.contains(name) { words } else { format!("{words},{name}={level}") }
    };
    let words = quiet(quiet(words, "opentelemetry", "off"), "h2::server", "info");
    EnvFilter::builder().parse(words).ok()
}

/// Libraries only warn, unless somebody is looking for something. The SDK of the traces says at each failed export that
/// its data will be lost; it is kept and sent again, and the exporter itself tells what becomes of it. At no level does it
/// speak unasked: it repeats what a collector answers, who may repeat what it was sent, credentials and all. The server of
/// HTTP/2 repeats the authority and the path of a head that it cannot read.
const fn directives(level: Level) -> &'static str {
    match level {
        Level::Off => "off",
        Level::Error => "error,opentelemetry=off",
        Level::Warn => "warn,opentelemetry=off",
        Level::Info => "warn,curfew=info,opentelemetry=off",
        Level::Debug => "info,curfew=debug,opentelemetry=off",
        Level::Trace => "debug,curfew=trace,h2::server=info,opentelemetry=off",
    }
}
