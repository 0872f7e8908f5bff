//! `curfew revoke`, `curfew unrevoke`, `curfew revoked`, `curfew confirm` and `curfew drop`: what operators say to a gateway that runs.

use super::admin::Client;
use super::completions::print;
use super::exit::Exit;
use super::explain::token;
use super::import::Import;
use super::operators::{Admin, Confirm, Drop, Grounds, Revoke, Revoked, Unrevoke, What};
use super::watch::Watch;
use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::future::Future;
use std::time::Duration;

const JSON: &str = "application/json";

/// Revokes, or says whom it would hit.
#[must_use]
pub fn revoke(what: &Revoke) -> Exit {
    run(async {
        let mut entry = grounds(&what.grounds);
        for (name, time) in [("at", &what.at), ("not_before", &what.not_before), ("until", &what.until)] {
            if let Some(time) = time {
                // Read here only to tell what is wrong with it before anything is sent.
                time.parse::<crate::control::admin::When>().map_err(|why| format!("--{name}: {why}"))?;
                entry.insert(name.into(), time.parse::<f64>().map_or_else(|_| time.as_str().into(), Value::from));
            }
        }
        let path = if what.preview { "/revocations?preview=true" } else { "/revocations" };
        let mut client = Client::new(&what.admin)?;
        let mut watch = what.watches().then(|| Watch::begin(Duration::from_secs(what.watch_for)));
        let mut done = match &what.many.import {
            Some(file) => {
                issuer(&mut entry, &what.what);
                let mut import = Import::open(file, &what.many, entry)?;
                if what.preview {
                    client.ask(Method::POST, path, "application/x-ndjson", import.all()?).await?.done()?
                } else {
                    match import.send(&mut client, path, watch.as_mut()).await {
                        Ok(sums) => {
                            let missed = import.misses(&mut client).await.unwrap_or_default();
                            missed.iter().for_each(|warning| eprintln!("curfew: {warning}"));
                            sums.into()
                        }
                        Err(why) => return Ok(stopped(&why)),
                    }
                }
            }
            None => one(&mut client, path, named(entry, &what.what)?).await?,
        };
        let exit = match &mut watch {
            Some(watch) => spread(watch, &mut client, &mut done).await?,
            None => Exit::Done,
        };
        Ok(tell(&what.admin, &done, exit))
    })
}

/// Waits until the other instances have it, and adds to what is told how that went.
async fn spread(watch: &mut Watch, client: &mut Client, done: &mut Value) -> Result<Exit, String> {
    let unseen = |why| format!("it is enforced; how it came to the other instances cannot be seen: {why}");
    let came = watch.until_everywhere(client).await.map_err(unseen)?;
    done.as_object_mut().into_iter().for_each(|done| done.extend(came.told.clone()));
    Ok(if came.everywhere { Exit::Done } else { Exit::Behind })
}

/// Takes back what operators entered.
#[must_use]
pub fn unrevoke(what: &Unrevoke) -> Exit {
    run(async {
        let (mut entry, path) = (grounds(&what.grounds), "/revocations/lift");
        let mut client = Client::new(&what.admin)?;
        let done = match &what.many.import {
            Some(file) => {
                issuer(&mut entry, &what.what);
                let mut import = Import::open(file, &what.many, entry)?;
                match import.send(&mut client, path, None).await {
                    Ok(sums) => sums.into(),
                    Err(why) => return Ok(stopped(&why)),
                }
            }
            None => one(&mut client, path, named(entry, &what.what)?).await?,
        };
        let none = done.get("lifted").and_then(Value::as_u64) == Some(0);
        Ok(tell(&what.admin, &done, if none { Exit::Nothing } else { Exit::Done }))
    })
}

/// Asks.
#[must_use]
pub fn revoked(what: &Revoked) -> Exit {
    run(async {
        let mut client = Client::new(&what.admin)?;
        if !is_named(&what.what) {
            let feeds = client.ask(Method::GET, "/revocations/feeds", JSON, Bytes::new()).await?.done()?;
            return Ok(tell(&what.admin, &feeds, Exit::Done));
        }
        let answered = one(&mut client, "/revocations/query", named(Map::new(), &what.what)?).await?;
        let is = answered.get("revoked").and_then(Value::as_bool) == Some(true);
        Ok(tell(&what.admin, &answered, if is { Exit::Done } else { Exit::Nothing }))
    })
}

/// Confirms what a feed says that was held back.
#[must_use]
pub fn confirm(what: &Confirm) -> Exit {
    run(async {
        let mut asked = grounds(&what.grounds);
        asked.insert("feed".into(), what.feed.as_str().into());
        asked.extend(what.entries.map(|entries| ("entries".to_owned(), entries.into())));
        let mut client = Client::new(&what.admin)?;
        let done = one(&mut client, "/revocations/feeds/confirm", asked).await?;
        Ok(tell(&what.admin, &done, Exit::Done))
    })
}

/// Drops what a source was told that is no more.
#[must_use]
pub fn drop(what: &Drop) -> Exit {
    run(async {
        let mut asked = grounds(&what.grounds);
        asked.insert("feed".into(), what.feed.as_str().into());
        let mut client = Client::new(&what.admin)?;
        let done = one(&mut client, "/revocations/feeds/drop", asked).await?;
        Ok(tell(&what.admin, &done, Exit::Done))
    })
}

/// Runs what asks a gateway.
pub(super) fn block_on<T>(what: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(what))
}

fn run(what: impl Future<Output = Result<Exit, String>>) -> Exit {
    block_on(what).unwrap_or_else(|why| {
        eprintln!("curfew: {why}");
        Exit::Broke
    })
}

fn stopped(why: &str) -> Exit {
    eprintln!("curfew: the import stopped: {why}");
    eprintln!("curfew: batches before it are enforced; with --position-file, the same command goes on from there");
    Exit::Stopped
}

async fn one(client: &mut Client, path: &str, entry: Map<String, Value>) -> Result<Value, String> {
    let body = serde_json::to_vec(&entry).map_err(|error| error.to_string())?;
    client.ask(Method::POST, path, JSON, body.into()).await?.done()
}

fn grounds(grounds: &Grounds) -> Map<String, Value> {
    let all = [("reason", &grounds.reason), ("actor", &grounds.actor)];
    all.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?.into()))).collect()
}

fn issuer(entry: &mut Map<String, Value>, what: &What) {
    if let Some(issuer) = &what.issuer {
        entry.insert("issuer".into(), issuer.as_str().into());
    }
}

fn names(what: &What) -> [(&'static str, Option<&String>); 4] {
    [
        ("subject", what.subject.as_ref()),
        ("session", what.session.as_ref()),
        ("client", what.client.as_ref()),
        ("token", what.token_id.as_ref()),
    ]
}

fn is_named(what: &What) -> bool {
    what.whole_issuer
        || what.token_file.is_some()
        || what.claim.is_some()
        || names(what).iter().any(|(_, id)| id.is_some())
}

fn named(mut entry: Map<String, Value>, what: &What) -> Result<Map<String, Value>, String> {
    issuer(&mut entry, what);
    if let Some(path) = &what.token_file {
        let token = token(path).map_err(|error| format!("the token in {}: {error}", path.display()))?;
        entry.insert("token".into(), token.into());
        return Ok(entry);
    }
    if what.issuer.is_none() {
        return Err("say --issuer, by its name in the config".into());
    }
    if let Some(claim) = &what.claim {
        let (name, value) = claim.split_once('=').ok_or("--claim: write NAME=VALUE")?;
        let members = [("type", "claim"), ("claim", name), ("id", value)];
        entry.extend(members.map(|(member, text)| (member.to_owned(), text.into())));
        return Ok(entry);
    }
    let found = names(what).into_iter().find_map(|(kind, id)| Some((kind, id?)));
    match found {
        Some((kind, id)) => entry.extend([("type".to_owned(), kind.into()), ("id".to_owned(), id.as_str().into())]),
        None if what.whole_issuer => entry.extend([("type".to_owned(), "issuer".into())]),
        None => {
            let all = "--subject, --session, --client, --claim, --token-id, --whole-issuer or --token-file";
            return Err(format!("say what is meant: {all}"));
        }
    }
    Ok(entry)
}

fn tell(admin: &Admin, answered: &Value, exit: Exit) -> Exit {
    let text = if admin.json { format!("{answered:#}\n") } else { words(answered) };
    match print(text.as_bytes()) {
        Exit::Done => exit,
        broke => broke,
    }
}

/// Members as `name: value`, a line each; lists one item after the other.
fn words(answered: &Value) -> String {
    let mut text = String::new();
    for (name, value) in answered.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) => {
                let _ = writeln!(text, "{name}: {}", items.len());
                items.iter().for_each(|item| text.push_str(&item_words(item)));
            }
            value => {
                let _ = writeln!(text, "{name}: {}", word(value));
            }
        }
    }
    text
}

fn item_words(item: &Value) -> String {
    let members = item.as_object().into_iter().flatten();
    let told: Vec<String> = members.map(|(name, value)| format!("{name} {}", word(value))).collect();
    format!("  - {}\n", told.join(", "))
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
