//! `curfew explain`: what the gateway would decide about a request, and why.

use super::admin::Client;
use super::completions::print;
use super::exit::Exit;
use super::usage;
use crate::app::judging::Told;
use crate::app::offline::Offline;
use crate::control;
use crate::control::admin::Question;
use crate::control::config::render_all;
use crate::decide::time::Timestamp;
use crate::state::clock::{Clock as _, SystemClock};
use crate::telemetry::describe::Words;
use crate::telemetry::records::escape::inert;
use crate::telemetry::{Paint, show};
use http::Method;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

/// Explains.
#[must_use]
pub fn explain(what: &usage::Explain) -> Exit {
    let told = question(what).map_err(broke).and_then(|question| match &what.node {
        Some(url) => super::revoke::block_on(node(what, url, question)).map_err(broke),
        None => alone(&config(what), &question),
    });
    let told = match told {
        Ok(told) => told,
        Err(exit) => return exit,
    };
    for missing in &told.missing {
        eprintln!("curfew explain: going on without {}", inert(missing));
    }
    let text = if what.json {
        json(&told)
    } else {
        text(&told, SystemClock::start().now().wall, Paint::on(std::io::stdout().is_terminal()))
    };
    match print(text.as_bytes()) {
        Exit::Done if told.reason.is_some() => Exit::Refused,
        exit => exit,
    }
}

fn broke(why: String) -> Exit {
    eprintln!("curfew explain: {why}");
    Exit::Broke
}

fn config(what: &usage::Explain) -> PathBuf {
    let named = || std::env::var_os("CURFEW_CONFIG").map_or_else(|| "curfew.yaml".into(), PathBuf::from);
    what.config.clone().unwrap_or_else(named)
}

/// By nothing but a config.
fn alone(path: &Path, question: &Question) -> Result<Told, Exit> {
    let loaded = control::load(path).map_err(|faults| {
        let source = control::source(path).unwrap_or_default();
        eprintln!("{}", render_all(&faults, &source, std::io::stderr().is_terminal()));
        Exit::Faulty
    })?;
    let (parts, at) = (question.parts().map_err(broke)?, question.instant().map_err(broke)?);
    let offline = Offline::build(&loaded).map_err(|error| broke(error.to_string()))?;
    Ok(offline.explain(parts, at, question.client_ip))
}

/// By a gateway that runs.
async fn node(what: &usage::Explain, url: &str, question: Question) -> Result<Told, String> {
    let body = serde_json::to_vec(&question).map_err(|error| error.to_string())?;
    let mut client = Client::new(&what.access.to(url))?;
    let told = client.ask(Method::POST, "/explain", "application/json", body.into()).await?.done()?;
    serde_json::from_value(told).map_err(|error| format!("the gateway answered what is no explanation: {error}"))
}

/// What is asked. A candidate is sent as its text: the file is here, and not where the gateway is.
fn question(what: &usage::Explain) -> Result<Question, String> {
    let unread = |what: &str, path: &Path, error: &dyn std::fmt::Display| format!("{what} {}: {error}", path.display());
    let read = |path: &PathBuf| token(path).map_err(|error| unread("the token in", path, &error));
    let source = |path: &PathBuf| control::source(path).map_err(|error| unread("the config", path, &error));
    Ok(Question {
        request: what.request.clone(),
        headers: what.headers.clone(),
        token: what.token_file.as_ref().map(read).transpose()?,
        client_ip: what.client_ip,
        at: what.at.clone(),
        config: what.config.as_ref().filter(|_| what.node.is_some()).map(source).transpose()?,
    })
}

/// A token is never an argument: arguments are seen by everybody on the machine.
pub(super) fn token(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(LONGEST).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    }
    Ok(text.trim().to_owned())
}

/// Far more than any token that is accepted.
const LONGEST: u64 = 1 << 20;

/// What was decided and by which numbers, then what it is about, then every question.
fn text(told: &Told, now: Timestamp, paint: Paint) -> String {
    let fact = |name: &str, text: &str| show::fact(name, &text, paint);
    let mut out = outcome(told, paint);
    out += &fact("at", &format!("{} ({})", told.at, from(&told.at, now, "from now", "ago")));
    out += &fact("config", &told.revision);
    if let Some(route) = &told.route {
        out += &fact("route", &format!("{route} ({})", told.template.as_deref().unwrap_or_default()));
        out += &fact("policy", told.policy.as_deref().unwrap_or("none: the route is open"));
    }
    if let Some(by) = &told.revoked_by {
        let before = instant(&told.at).map(|at| from(&by.learned, at, "after that instant", "before that instant"));
        let before = before.map(|before| format!(" ({before})")).unwrap_or_default();
        out += &fact("revoked", &format!("by revocation.sources.{}, learned {}{before}", by.source, by.learned));
    }
    if let Some(trail) = &told.trail {
        out.push('\n');
        show::questions(&mut out, trail, paint);
    }
    let who = [("the client is told:", &told.told), ("what to do:", &told.cure)];
    let who = who.into_iter().filter_map(|(who, what)| Some(show::labelled(who, what.as_ref()?, paint)));
    let who: String = who.collect();
    if who.is_empty() { out } else { out + "\n" + &who }
}

/// A judgement tells its outcome itself; what was refused before it came to one, or needs none, is told here.
fn outcome(told: &Told, paint: Paint) -> String {
    match (&told.trail, &told.reason) {
        (Some(trail), _) => show::outcome(trail, paint) + &show::because(trail, paint),
        (None, Some(reason)) => show::refused(reason, paint) + &show::fact("because", &"no token was looked at", paint),
        (None, None) => format!("{}: the route is open\n", paint.good("admitted")),
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}

/// How far an instant is from another, to the second.
fn from(at: &str, other: Timestamp, later: &str, earlier: &str) -> String {
    let Some(ms) = instant(at).map(|at| at.since(other)) else { return "at an unknown distance".to_owned() };
    match ms / 1000 * 1000 {
        0 => "now".to_owned(),
        ms if ms > 0 => format!("{} {later}", Words(ms)),
        ms => format!("{} {earlier}", Words(ms)),
    }
}

fn json(told: &Told) -> String {
    serde_json::to_string_pretty(told).unwrap_or_default() + "\n"
}
