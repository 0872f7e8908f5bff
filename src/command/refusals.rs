//! `curfew refusals`: what was refused, listed, counted, or as it happens.

use super::admin::Client;
use super::asked::Refusals;
use super::completions::print;
use super::exit::Exit;
use super::{revoke, shown, trace};
use crate::telemetry::Paint;
use crate::telemetry::records::escape::inert;
use crate::telemetry::records::{DecisionRecord, Group, Groups};
use http::Method;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

/// Lists, counts or follows.
#[must_use]
pub fn refusals(what: &Refusals) -> Exit {
    let done = revoke::block_on(async {
        let (mut client, question) = (Client::new(&what.admin)?, question(what)?);
        if what.follow {
            return follow(what, &mut client, question).await;
        }
        let path = if what.group { "/records/groups" } else { "/records/query" };
        let done = ask(&mut client, path, &question).await?;
        Ok(if what.admin.json {
            print(format!("{done:#}\n").as_bytes())
        } else if what.group {
            print(grouped(&done)?.as_bytes())
        } else {
            listed(&done)?
        })
    });
    done.unwrap_or_else(|why: String| {
        eprintln!("curfew refusals: {why}");
        Exit::Broke
    })
}

async fn ask(client: &mut Client, path: &str, question: &Map<String, Value>) -> Result<Value, String> {
    let body = serde_json::to_vec(question).map_err(|error| error.to_string())?;
    client.ask(Method::POST, path, "application/json", body.into()).await?.done()
}

fn question(what: &Refusals) -> Result<Map<String, Value>, String> {
    let mut question = Map::new();
    let texts = [
        ("route", &what.route),
        ("reason", &what.reason),
        ("issuer", &what.issuer),
        ("subject", &what.subject),
        ("subject_hash", &what.subject_hash),
        ("tenant", &what.tenant),
        ("client", &what.client),
        ("client_hash", &what.client_hash),
        ("address", &what.address),
    ];
    for (name, text) in texts {
        let _ = text.as_ref().map(|text| question.insert(name.into(), text.as_str().into()));
    }
    for (name, time) in [("since", &what.since), ("until", &what.until)] {
        if let Some(time) = time {
            question.insert(name.into(), instant(time).map_err(|why| format!("--{name}: {why}"))?);
        }
    }
    if what.shadow {
        question.insert("shadow".into(), true.into());
    }
    if what.admissions {
        question.insert("admissions".into(), true.into());
    }
    let _ = what.limit.filter(|_| !what.follow).map(|limit| question.insert("limit".into(), limit.into()));
    Ok(question)
}

/// A span is how long ago; anything else is an instant. Read here only to tell what is wrong with it.
fn instant(time: &str) -> Result<Value, String> {
    if time.parse::<crate::settings::Span>().is_ok() {
        return Ok(time.into());
    }
    time.parse::<crate::control::admin::When>().map_err(|why| format!("{why}, or how long ago, as in 15m"))?;
    Ok(time.parse::<f64>().map_or_else(|_| time.into(), Value::from))
}

fn paint() -> Paint {
    Paint::on(std::io::stdout().is_terminal())
}

/// The oldest first, so that the newest stands where the eye is.
fn listed(done: &Value) -> Result<Exit, String> {
    let records = trace::records(done)?;
    if records.is_empty() {
        eprintln!("curfew refusals: none{}", shown::standing(done));
        return Ok(Exit::Nothing);
    }
    let text: String = records.iter().rev().map(|record| shown::line(record, paint())).collect();
    let exit = print(text.as_bytes());
    if done.get("cursor").is_some() {
        eprintln!("curfew refusals: these are the newest {}; ask for more with --limit or --until", records.len());
    }
    Ok(exit)
}

fn grouped(done: &Value) -> Result<String, String> {
    let groups: Groups =
        serde_json::from_value(done.clone()).map_err(|error| format!("the gateway answered no groups: {error}"))?;
    let mut out = format!("{} refusals\n", groups.total);
    let _ =
        done.get("verdict").and_then(Value::as_str).map(|verdict| writeln!(out, "{}", paint().strong(inert(verdict))));
    let kinds = [
        ("by reason", &groups.reasons),
        ("by route", &groups.routes),
        ("by issuer", &groups.issuers),
        ("by tenant", &groups.tenants),
        ("by subject (hashed)", &groups.subjects),
        ("by client (hashed)", &groups.clients),
        ("by address", &groups.addresses),
    ];
    for (title, groups) in kinds.into_iter().filter(|(_, groups)| !groups.is_empty()) {
        let _ = writeln!(out, "\n{title}");
        groups.iter().for_each(|group| out += &row(group));
    }
    Ok(out)
}

fn row(group: &Group) -> String {
    let name = inert(&group.name);
    match &group.top {
        Some(top) => format!("  {:>8}  {name:<28}  {}\n", group.count, paint().faint(inert(&top.told))),
        None => format!("  {:>8}  {name}\n", group.count),
    }
}

/// As it happens, until nobody reads it any more, or as many as were asked for.
async fn follow(what: &Refusals, client: &mut Client, mut question: Map<String, Value>) -> Result<Exit, String> {
    let mut left = what.limit.unwrap_or(u64::MAX);
    let begun = ask(client, "/records/follow", &question).await?;
    go_on(&mut question, &begun);
    while left > 0 {
        let done = ask(client, "/records/follow", &question).await?;
        go_on(&mut question, &done);
        for record in trace::records(&done)?.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            let text = if what.admin.json { compact(record) } else { shown::line(record, paint()) };
            let mut out = std::io::stdout().lock();
            if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
                return Ok(Exit::Done);
            }
            left -= 1;
        }
    }
    Ok(Exit::Done)
}

fn go_on(question: &mut Map<String, Value>, done: &Value) {
    let _ = done.get("cursor").map(|cursor| question.insert("cursor".into(), cursor.clone()));
}

/// A line of JSON.
fn compact(record: &DecisionRecord) -> String {
    serde_json::to_string(record).unwrap_or_default() + "\n"
}
