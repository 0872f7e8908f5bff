//! `curfew trace`: why one request was decided as it was, asked afterwards.

use super::admin::Client;
use super::asked::Trace;
use super::completions::print;
use super::exit::Exit;
use super::shown;
use crate::state::clock::{Clock as _, SystemClock};
use crate::telemetry::Paint;
use crate::telemetry::records::{DecisionRecord, offline};
use http::Method;
use serde_json::Value;
use std::io::IsTerminal as _;
use std::path::Path;

/// Traces.
#[must_use]
pub fn trace(what: &Trace) -> Exit {
    let found = match &what.directory {
        Some(directory) => from_directory(directory, &what.id),
        None => super::revoke::block_on(from_gateway(what)),
    };
    match found {
        Ok((records, _)) if !records.is_empty() => tell(&records, what.admin.json),
        Ok((_, standing)) => {
            eprintln!(
                "curfew trace: there is no record of {}{standing}",
                crate::telemetry::records::escape::inert(&what.id)
            );
            Exit::Nothing
        }
        Err(why) => {
            eprintln!("curfew trace: {why}");
            Exit::Broke
        }
    }
}

/// The records, and why there may be none.
type Found = (Vec<DecisionRecord>, String);

fn from_directory(directory: &Path, id: &str) -> Result<Found, String> {
    let records = offline::find(directory, id).map_err(|error| format!("{}: {error}", directory.display()))?;
    Ok((records, format!(" in {}", directory.display())))
}

async fn from_gateway(what: &Trace) -> Result<Found, String> {
    let body = serde_json::json!({ "id": what.id }).to_string();
    let mut client = Client::new(&what.admin)?;
    let done = client.ask(Method::POST, "/records/query", "application/json", body.into()).await?.done()?;
    Ok((records(&done)?, shown::standing(&done)))
}

/// The records of an answer.
pub(super) fn records(done: &Value) -> Result<Vec<DecisionRecord>, String> {
    let records = done.get("records").cloned().unwrap_or_default();
    serde_json::from_value(records).map_err(|error| format!("the gateway answered what is no list of records: {error}"))
}

fn tell(records: &[DecisionRecord], json: bool) -> Exit {
    if json {
        return match serde_json::to_string_pretty(records) {
            Ok(text) => print((text + "\n").as_bytes()),
            Err(_) => Exit::Broke,
        };
    }
    let (paint, now) = (Paint::on(std::io::stdout().is_terminal()), SystemClock::start().now().wall);
    let all: Vec<String> = records.iter().map(|record| shown::record(record, now, paint)).collect();
    print(all.join("\n").as_bytes())
}
