//! What a source was told that is no more, dropped by an operator: its feed ends here. What the others of a
//! fleet were told of the same stays enforced, there and, once they tell it again, here too; so they are named.

use super::body::{self, Kind};
use super::guard::Who;
use super::misread;
use super::operations::Operations;
use super::problem::{Answer, Problem, json};
use crate::idp::former::{Gone, Undropped};
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::runtime::Handle;

/// No reason and no name of who wants it is longer.
const MAX_TEXT: usize = 1024;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The feed: `former/`, the issuer and the source.
    feed: String,
    reason: Option<String>,
    actor: Option<String>,
}

/// What was dropped.
#[derive(Serialize)]
struct Dropped {
    feed: String,
    dropped: usize,
    /// Of how many of these something is enforced here still.
    still_named: usize,
    /// Who holds what was told of them to the fleet.
    instances: Vec<Other>,
}

/// Another instance of the fleet.
#[derive(Serialize)]
struct Other {
    name: String,
}

impl Operations {
    /// What a former source was told is not enforced any more.
    ///
    /// # Errors
    /// If there is no such feed, or if it would come back over a restart.
    pub async fn drop_former(&self, headers: &HeaderMap, body: Incoming, who: &Who) -> Result<Answer, Problem> {
        if body::kind(headers)? == Kind::Lines {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "drop one at a time, as JSON"));
        }
        let unread = |error| Problem::bad(format!("this names no feed in JSON: {}", misread::why(&error)));
        let asked: Asked = serde_json::from_slice(&body::whole(body).await?).map_err(unread)?;
        if [&asked.reason, &asked.actor].into_iter().flatten().any(|text| text.len() > MAX_TEXT) {
            return Err(Problem::bad("`reason` or `actor` is longer than 1024 bytes"));
        }
        let held = self
            .feed(&asked.feed)
            .filter(|_| asked.feed.starts_with("former/"))
            .ok_or_else(|| undropped(Undropped::NoFeed))?;
        let call = self.audit.call(who, "drop");
        let grounds = (asked.actor.as_deref(), asked.reason.as_deref());
        let unwritten = |error: std::io::Error| {
            tracing::error!(%error, "the audit log cannot be written");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the audit log cannot be written")
        };
        call.feed(&asked.feed, "asked", held.entries, grounds, self.now().wall).await.map_err(unwritten)?;
        // A reload may be under way, and that waits for the disk.
        let (reload, name, runtime) = (Arc::clone(&self.reload), asked.feed.clone(), Handle::current());
        let work = move || runtime.block_on(reload.idp().drop_former(&name));
        let gone = tokio::task::spawn_blocking(work).await.unwrap_or(Err(Undropped::Unknown));
        let (result, entries) = gone.map_or(("failed", held.entries), |gone| ("dropped", gone.entries));
        let told = call.feed(&asked.feed, result, entries, grounds, self.now().wall).await;
        let Gone { entries: dropped, still_named } = gone.map_err(undropped)?;
        told.map_err(unwritten)?;
        let fleet = self.reload.idp().propagation().unwrap_or_default().instances.into_iter();
        let instances = fleet.filter(|one| !one.here).map(|one| Other { name: one.name }).collect();
        Ok(json(&Dropped { feed: asked.feed, dropped, still_named, instances }))
    }
}

fn undropped(why: Undropped) -> Problem {
    let status = match why {
        Undropped::NoFeed => StatusCode::NOT_FOUND,
        Undropped::NotKept(_) => StatusCode::SERVICE_UNAVAILABLE,
        Undropped::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, why.to_string())
}
