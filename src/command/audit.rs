//! `curfew audit`: whether an audit log is whole, and what stands in it.

use super::chained::verified;
use super::exit::Exit;
use crate::control::admin::When;
use crate::settings::Span;
use crate::state::clock::{Clock as _, SystemClock};
use crate::telemetry::audit::verify;
use crate::telemetry::records::escape::inert;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// `curfew audit`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Say whether no line was removed, changed or moved; else the first that is wrong, with file and line, and exit code 8.
    /// Exit code 5 if there is no line at all.
    ///
    /// Files may be named in any order: all that were rotated and the last. No chain, sealed by a key or not, knows where it
    /// should end: that lines were taken off its end, that all of it was begun anew, or that an older copy was put in its
    /// place shows only against the hash of a line that was kept elsewhere: --contains.
    Verify(Verify),
    /// Print what stands in it, the oldest first, in words; what could do something in a terminal is escaped. Exit code 5
    /// if there is nothing.
    Show(Show),
}

/// `curfew audit verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The file that holds the key of `telemetry.audit.key`.
    #[arg(long, value_name = "FILE", env = "CURFEW_AUDIT_KEY_FILE")]
    pub key_file: Option<PathBuf>,
    /// A line with this hash is to stand in it: what verify printed some time ago, or what syslog holds. All lines up to it
    /// are then those that stood there at that time. May be given several times.
    #[arg(long, value_name = "HASH", value_parser = hash)]
    pub contains: Vec<String>,
    /// The hash that the last line is to have, of a log that nobody writes to any more.
    #[arg(long, value_name = "HASH", value_parser = hash)]
    pub ends_with: Option<String>,
    /// The number of the first line: those before it were moved away by you. Default: what the log itself says of files that
    /// it removed, or 1.
    #[arg(long, value_name = "NUMBER")]
    pub first: Option<u64>,
}

/// `curfew audit show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Not before this: how long ago (15m), an RFC 3339 time, or seconds since 1970.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only this event, such as `config_reloaded`.
    #[arg(long, value_name = "NAME")]
    pub event: Option<String>,
    /// Only what this actor did: `actor`, or `by`.
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    /// Print the lines as they stand there.
    #[arg(long)]
    pub json: bool,
}

/// A hash in hexadecimal, as it stands in a line.
fn hash(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(text.to_ascii_lowercase()) } else { Err("a hash is 64 hexadecimal digits".into()) }
}

/// Verifies, or shows.
#[must_use]
pub fn audit(what: &Audit) -> Exit {
    let done = match what {
        Audit::Verify(what) => verified(what),
        Audit::Show(what) => shown(what),
    };
    done.unwrap_or_else(|why| {
        eprintln!("curfew audit: {why}");
        Exit::Broke
    })
}

fn shown(what: &Show) -> Result<Exit, String> {
    let since = what.since.as_deref().map(since).transpose()?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut found, mut open) = (0_u64, true);
    let strange = verify::each(&what.files, |members, line| {
        if open && matches(what, since, members) {
            found += 1;
            let text = if what.json { [line, b"\n"].concat() } else { words(members).into_bytes() };
            // Who reads may have seen enough.
            open = out.write_all(&text).is_ok();
        }
    });
    let strange = strange.map_err(|error| error.to_string())?;
    let _ = out.flush();
    if strange > 0 {
        eprintln!("curfew audit: {strange} lines are none of an audit log: ask `curfew audit verify`");
    }
    Ok(if found == 0 { Exit::Nothing } else { Exit::Done })
}

/// A span is how long ago; anything else is an instant. In milliseconds.
fn since(text: &str) -> Result<i64, String> {
    match text.parse::<Span>() {
        Ok(span) => Ok(SystemClock::start().now().wall.minus(span.get()).millis()),
        Err(_) => {
            let when = text.parse::<When>().map_err(|why| format!("--since: {why}, or how long ago, as in 15m"))?;
            Ok(match when {
                When::Now => SystemClock::start().now().wall.millis(),
                When::At(at) => at.millis(),
            })
        }
    }
}

fn matches(what: &Show, since: Option<i64>, members: &Map<String, Value>) -> bool {
    let is = |name: &str, text: &str| members.get(name).and_then(Value::as_str) == Some(text);
    since.is_none_or(|since| verify::instant(members).is_some_and(|at| at >= since))
        && what.event.as_deref().is_none_or(|event| is("event", event))
        && what.actor.as_deref().is_none_or(|actor| is("actor", actor) || is("by", actor))
}

/// One line in words. Nothing in it does anything in a terminal.
fn words(members: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let first = |name: &str| members.get(name).map(text).unwrap_or_default();
    let mut out = inert(&format!("{} {:>6} {}", first("time"), first("seq"), first("event"))).into_owned();
    let rest = members.iter().filter(|(name, _)| !["time", "seq", "event", "prev", "hash"].contains(&name.as_str()));
    for (name, value) in rest {
        let _ = write!(out, " {}={}", inert(name), inert(&quoted(value)));
    }
    out.push('\n');
    out
}

/// A text with spaces stands in quotes, so that it cannot pass for two members.
fn quoted(value: &Value) -> String {
    match value.as_str() {
        Some(text) if text.chars().all(|char| char.is_alphanumeric() || "-_.:/@+".contains(char)) => text.to_owned(),
        _ => value.to_string(),
    }
}
