//! What operators ask of decision records: find, list, group, follow. A subject is given as it is and hashed here, so
//! that nobody needs the key; it is in the body, so that no log of addresses has it.

use super::body::{self, Kind};
use super::entry::When;
use super::misread;
use super::problem::{Answer, Problem, json};
use crate::decide::time::{Timestamp, millis};
use crate::proxy::gate::Shared;
use crate::settings::Span;
use crate::state::fingerprint::Kind as Hashed;
use crate::telemetry::records::{DecisionRecord, Filter, Groups, Records, Standing};
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many records one answer has, unless told otherwise, and at most.
const FEW: usize = 50;
const MOST: usize = 1000;
/// How many groups of a kind there are in an answer.
const GROUPS: usize = 10;
/// How long a follower waits, at most, for something to come.
const WAIT: Duration = Duration::from_secs(20);
/// How many may follow at once: the other connections are for those who act.
const FOLLOWERS: usize = 16;
/// How far back a chart goes unless told otherwise, and how many steps it has at most.
const QUARTER: Duration = Duration::from_secs(900);
const STEPS: i64 = 500;
/// No id and no name is longer.
const LONGEST: usize = 4096;

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    id: Option<String>,
    since: Option<Since>,
    until: Option<Since>,
    route: Option<String>,
    reason: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
    subject_hash: Option<String>,
    admissions: bool,
    shadow: bool,
    limit: Option<usize>,
    cursor: Option<u64>,
    step: Option<Span>,
}

/// A time, or how long ago.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Since {
    Ago(Span),
    At(When),
}

/// What operators are told of records.
pub struct Told {
    shared: Arc<Shared>,
    followers: Semaphore,
}

#[derive(Serialize)]
struct Listed {
    records: Vec<DecisionRecord>,
    /// From where to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<u64>,
    standing: Stands,
}

#[derive(Serialize)]
struct Grouped {
    #[serde(flatten)]
    groups: Groups,
    /// Whether it is one client or many.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    standing: Stands,
}

/// Why a record may not be there.
#[derive(Serialize)]
struct Stands {
    kept: usize,
    oldest: Option<String>,
    dropped: u64,
    in_memory: bool,
}

impl From<Standing> for Stands {
    fn from(from: Standing) -> Self {
        Self {
            kept: from.kept,
            oldest: from.oldest.map(|at| at.to_string()),
            dropped: from.dropped_queue.saturating_add(from.dropped_disk),
            in_memory: from.in_memory,
        }
    }
}

impl Told {
    /// Of what this gateway keeps.
    #[must_use]
    pub fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), followers: Semaphore::new(FOLLOWERS) }
    }

    fn records(&self) -> &Arc<Records> {
        self.shared.telemetry.records()
    }

    /// The newest of what was asked for, the newest first.
    ///
    /// # Errors
    /// What is wrong with the question, or with the disk.
    pub async fn query(&self, headers: &HeaderMap, body: Incoming) -> Result<Answer, Problem> {
        let asked = read(headers, body).await?;
        let (filter, limit) = (Filter { before: asked.cursor, ..self.filter(&asked)? }, limit(&asked)?);
        self.records().settle().await;
        let records = self.blocking(move |records| records.newest(&filter, limit)).await?;
        let cursor = records.last().filter(|_| records.len() == limit).map(|last| last.seq);
        Ok(json(&Listed { records, cursor, standing: self.records().standing().into() }))
    }

    /// What they have in common.
    ///
    /// # Errors
    /// What is wrong with the question.
    pub async fn groups(&self, headers: &HeaderMap, body: Incoming) -> Result<Answer, Problem> {
        let asked = read(headers, body).await?;
        let (filter, most) = (self.filter(&asked)?, asked.limit.unwrap_or(GROUPS).min(MOST));
        self.records().settle().await;
        let groups = self.blocking(move |records| Ok(records.groups(&filter, most))).await?;
        let verdict = groups.verdict();
        Ok(json(&Grouped { groups, verdict, standing: self.records().standing().into() }))
    }

    /// When they were: counted by reason, in steps, of the last quarter of an hour unless told otherwise.
    ///
    /// # Errors
    /// What is wrong with the question.
    pub async fn buckets(&self, headers: &HeaderMap, body: Incoming) -> Result<Answer, Problem> {
        let asked = read(headers, body).await?;
        let filter = self.filter(&asked)?;
        let now = self.shared.state.clock.now().wall;
        let until = filter.until.unwrap_or_else(|| now.millis().saturating_add(1));
        let since = filter.since.unwrap_or_else(|| until.saturating_sub(millis(QUARTER)));
        let step = asked.step.map_or_else(|| (until - since) / 60, |step| millis(step.get())).max(1000);
        if until.saturating_sub(since) / step > STEPS {
            return Err(Problem::bad(format!("more than {STEPS} steps: make `step` longer")));
        }
        let most = asked.limit.unwrap_or(GROUPS).clamp(1, MOST);
        let filter = Filter { since: Some(since), until: Some(until), ..filter };
        self.records().settle().await;
        let buckets = self.blocking(move |records| Ok(records.buckets(&filter, step, most))).await?;
        Ok(json(&buckets))
    }

    /// What comes after a cursor, the oldest first; without one, what comes from now on. If there is nothing yet, it is
    /// waited for, a while.
    ///
    /// # Errors
    /// What is wrong with the question, or with the disk; or if too many follow already.
    pub async fn follow(&self, headers: &HeaderMap, body: Incoming) -> Result<Answer, Problem> {
        let asked = read(headers, body).await?;
        let busy = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("{FOLLOWERS} follow already: ask later"));
        let _place = self.followers.try_acquire().map_err(busy)?;
        let (filter, limit) = (self.filter(&asked)?, limit(&asked)?);
        let Some(after) = asked.cursor else {
            self.records().settle().await;
            let cursor = Some(self.records().next().saturating_sub(1));
            return Ok(json(&Listed { records: Vec::new(), cursor, standing: self.records().standing().into() }));
        };
        let mut seen = after;
        let came = tokio::time::timeout(WAIT, self.comes(&filter, limit, &mut seen)).await;
        let records = came.unwrap_or_else(|_| Ok(Vec::new()))?;
        let cursor = seen;
        Ok(json(&Listed { records, cursor: Some(cursor), standing: self.records().standing().into() }))
    }

    /// What comes after what was seen; what was looked at without being asked for was seen, too.
    async fn comes(&self, filter: &Filter, limit: usize, seen: &mut u64) -> Result<Vec<DecisionRecord>, Problem> {
        loop {
            let next = self.records().next();
            let filter = Filter { after: Some(*seen), ..filter.clone() };
            let records = self.blocking(move |records| records.oldest(&filter, limit)).await?;
            let last = records.last().map_or(*seen, |last| last.seq);
            *seen = if records.len() == limit { last } else { last.max(next.saturating_sub(1)) };
            if !records.is_empty() {
                return Ok(records);
            }
            self.records().comes(seen.saturating_add(1)).await;
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Records) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let records = Arc::clone(self.records());
        let done = tokio::task::spawn_blocking(move || what(&records)).await;
        let failed = |error: std::io::Error| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the records cannot be read: {error}"))
        };
        let broke = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "looking failed: the log has the details");
        done.map_err(broke)?.map_err(failed)
    }

    fn filter(&self, asked: &Asked) -> Result<Filter, Problem> {
        let texts = [&asked.id, &asked.route, &asked.reason, &asked.issuer, &asked.subject, &asked.subject_hash];
        if texts.into_iter().flatten().any(|text| text.len() > LONGEST) {
            return Err(Problem::bad(format!("a name of more than {LONGEST} bytes")));
        }
        if let Some(code) = &asked.reason
            && crate::decide::reason::Reason::from_code(code).is_none()
        {
            return Err(Problem::bad("no such `reason`: the runbook's page of reasons has their codes"));
        }
        let now = self.shared.state.clock.now().wall;
        let instant = |since: &Option<Since>| since.as_ref().map(|since| since.instant(now).millis());
        Ok(Filter {
            id: asked.id.clone(),
            since: instant(&asked.since),
            until: instant(&asked.until),
            route: asked.route.clone(),
            reason: asked.reason.clone(),
            issuer: asked.issuer.clone(),
            subjects: self.subjects(asked),
            admissions: asked.admissions,
            shadow: asked.shadow,
            before: None,
            after: None,
        })
    }

    /// A subject is one of an issuer: without one, it is looked for with all of them.
    fn subjects(&self, asked: &Asked) -> Option<Vec<String>> {
        let mut hashes: Option<Vec<String>> = asked.subject_hash.clone().map(|hash| vec![hash]);
        if let Some(subject) = &asked.subject {
            let plan = self.shared.plan.load();
            let issuers = plan.issuers.iter().map(|issuer| &issuer.rules);
            let asked = issuers.filter(|rules| asked.issuer.as_deref().is_none_or(|name| name == rules.name.as_str()));
            let prints = &self.shared.state.fingerprints;
            let all = asked.map(|rules| prints.of(Hashed::Subject, &rules.issuer, subject.as_bytes()).to_string());
            hashes.get_or_insert_default().extend(all);
        }
        hashes
    }
}

impl Since {
    fn instant(&self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(span) => now.minus(span.get()),
            Self::At(when) => when.at(now),
        }
    }
}

async fn read(headers: &HeaderMap, body: Incoming) -> Result<Asked, Problem> {
    if body::kind(headers)? == Kind::Lines {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "ask one question at a time, as JSON"));
    }
    let bytes = body::whole(body).await?;
    let times = |place| format!("{place}; times are `15m` (ago), `now`, RFC 3339 or seconds since 1970");
    let told = |error: &serde_json::Error| misread::told(error).unwrap_or_else(times);
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::bad(format!("this is no question in JSON: {}", told(&error))))
}

fn limit(asked: &Asked) -> Result<usize, Problem> {
    match asked.limit {
        None => Ok(FEW),
        Some(limit @ 1..=MOST) => Ok(limit),
        Some(_) => Err(Problem::bad(format!("`limit` is from 1 to {MOST}: go on with `cursor`"))),
    }
}
