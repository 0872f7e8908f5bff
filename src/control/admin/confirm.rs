//! What a feed says that is held back because it is suspiciously small, confirmed by an operator.

use super::body::{self, Kind};
use super::guard::Who;
use super::misread;
use super::operations::Operations;
use super::problem::{Answer, Problem, json};
use crate::idp::held_back::{Shrunk, Unconfirmed};
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};

/// No reason and no name of who wants it is longer.
const MAX_TEXT: usize = 1024;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The feed, by its name in the config.
    feed: String,
    /// How many entries the snapshot has, as whoever confirms was told.
    entries: Option<usize>,
    reason: Option<String>,
    actor: Option<String>,
}

/// What was confirmed.
#[derive(Serialize)]
struct Confirmed {
    feed: String,
    before: usize,
    entries: usize,
}

impl Operations {
    /// What is held back is meant so.
    ///
    /// # Errors
    /// If there is nothing of the kind, or something else than whoever confirms has seen.
    pub async fn confirm(&self, headers: &HeaderMap, body: Incoming, who: &Who) -> Result<Answer, Problem> {
        if body::kind(headers)? == Kind::Lines {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "confirm one at a time, as JSON"));
        }
        let unread = |error| Problem::bad(format!("this is no confirmation in JSON: {}", misread::why(&error)));
        let asked: Asked = serde_json::from_slice(&body::whole(body).await?).map_err(unread)?;
        if [&asked.reason, &asked.actor].into_iter().flatten().any(|text| text.len() > MAX_TEXT) {
            return Err(Problem::bad("`reason` or `actor` is longer than 1024 bytes"));
        }
        let idp = self.reload.idp();
        let waits = idp.held_back(&asked.feed).map_err(unconfirmed)?;
        let call = self.audit.call(who, "confirm");
        let grounds = (asked.actor.as_deref(), asked.reason.as_deref());
        let unwritten = |error: std::io::Error| {
            tracing::error!(%error, "the audit log cannot be written");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the audit log cannot be written")
        };
        call.feed(&asked.feed, "asked", waits.now, grounds, self.now().wall).await.map_err(unwritten)?;
        let confirmed = idp.confirm(&asked.feed, asked.entries);
        let result = confirmed.map_or("failed", |_| "confirmed");
        let told = call.feed(&asked.feed, result, waits.now, grounds, self.now().wall).await;
        let Shrunk { before, now } = confirmed.map_err(unconfirmed)?;
        told.map_err(unwritten)?;
        Ok(json(&Confirmed { feed: asked.feed, before, entries: now }))
    }
}

fn unconfirmed(why: Unconfirmed) -> Problem {
    match why {
        Unconfirmed::NoSource => Problem::new(StatusCode::NOT_FOUND, "there is no such feed in the config"),
        Unconfirmed::Nothing => Problem::new(StatusCode::CONFLICT, "nothing that this feed says is held back"),
        Unconfirmed::Other(Shrunk { before, now }) => {
            let detail = format!("what is held back has {now} entries, where there were {before}");
            Problem::new(StatusCode::CONFLICT, detail)
        }
    }
}
