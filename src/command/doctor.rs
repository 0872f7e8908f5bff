//! `curfew doctor`: what is wrong, and what will break next and when. How it is told stands in `doctored`.

use super::admin::Client;
use super::completions::print;
use super::doctored;
use super::exit::Exit;
use super::usage;
use crate::control;
use crate::control::config::render_all;
use crate::decide::time::Timestamp;
use crate::doctor::{Checkup, Finding, Outlook, Subject, alone, checkup, subject};
use crate::state::clock::{Clock, SystemClock};
use crate::telemetry::Paint;
use bytes::Bytes;
use http::Method;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was looked at, and what was found.
pub(super) struct Looked {
    /// A config file, or an admin listener.
    pub(super) from: String,
    pub(super) checkup: Checkup,
}

/// Looks.
#[must_use]
pub fn doctor(what: &usage::Doctor) -> Exit {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let file = config(what);
    let mut subject = match file.as_deref().map(subject).transpose() {
        Ok(subject) => subject,
        Err(faults) => {
            let source = file.as_deref().map(control::source).and_then(Result::ok).unwrap_or_default();
            eprintln!("{}", render_all(&faults, &source, std::io::stderr().is_terminal()));
            return Exit::Faulty;
        }
    };
    let all = super::revoke::block_on(async {
        let here = async {
            match (&file, subject.take()) {
                (Some(path), Some(subject)) => Some(here(path, subject, &clock).await),
                _ => None,
            }
        };
        let nodes = futures_util::future::join_all(what.nodes.iter().map(|url| node(what, url, &clock)));
        let (here, nodes) = tokio::join!(here, nodes);
        Ok(here.into_iter().chain(nodes).collect::<Vec<Looked>>())
    });
    match all {
        Ok(all) => tell(what, &all, clock.now().wall),
        Err(why) => {
            eprintln!("curfew doctor: {why}");
            Exit::Broke
        }
    }
}

/// The config to look at, if one is.
fn config(what: &usage::Doctor) -> Option<PathBuf> {
    let named = || std::env::var_os("CURFEW_CONFIG").map_or_else(|| "curfew.yaml".into(), PathBuf::from);
    what.config.clone().or_else(|| what.nodes.is_empty().then(named))
}

async fn here(path: &Path, subject: Subject, clock: &Arc<dyn Clock>) -> Looked {
    let mut known = alone(&subject.config, clock).await;
    known.besides.extend(subject.findings);
    let checkup = checkup(&subject.config, &subject.revision, known, clock.now()).await;
    Looked { from: path.display().to_string(), checkup }
}

/// A gateway that cannot be asked is what is wrong with it.
async fn node(what: &usage::Doctor, url: &str, clock: &Arc<dyn Clock>) -> Looked {
    let asked = clock.now().wall;
    let checkup = match ask(what, url).await {
        Ok(mut checkup) => {
            checkup.findings.extend(apart(&checkup, asked));
            Checkup { findings: checkup.findings, ..checkup }
        }
        Err(why) => Checkup::new(asked, "", vec![Finding::unreachable("admin", &why)]),
    };
    Looked { from: url.to_owned(), checkup }
}

async fn ask(what: &usage::Doctor, url: &str) -> Result<Checkup, String> {
    let mut client = Client::new(&what.access.to(url))?;
    let answer = client.ask(Method::GET, "/checkup", "application/json", Bytes::new()).await?.done()?;
    serde_json::from_value(answer).map_err(|error| format!("it answered what is no checkup: {error}"))
}

/// The gateway's clock against this machine's: a checkup begins when it is asked for.
fn apart(checkup: &Checkup, asked: Timestamp) -> Option<Finding> {
    let theirs: jiff::Timestamp = checkup.at.parse().ok()?;
    Finding::of_clock("admin", Timestamp::from_millis(theirs.as_millisecond()).since(asked))
}

fn tell(what: &usage::Doctor, all: &[Looked], now: Timestamp) -> Exit {
    let text = if what.json {
        doctored::json(all)
    } else {
        doctored::text(all, now, Paint::on(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()))
    };
    let worst = all.iter().map(|looked| looked.checkup.worst()).min().unwrap_or(Outlook::Fine);
    let ailing = if what.strict { worst <= Outlook::Unwise } else { worst == Outlook::Wrong };
    match print(text.as_bytes()) {
        Exit::Done if ailing || doctored::differ(all) && what.strict => Exit::Ailing,
        printed => printed,
    }
}
