//! What operators ask of decision records: find, list, group, follow. Which are meant is read in `asked`.

use super::asked::{MOST, read};
use super::problem::{Answer, Problem, json};
use crate::decide::time::millis;
use crate::proxy::gate::Shared;
use crate::telemetry::records::{DecisionRecord, Filter, Groups, Records, Standing};
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many groups of a kind there are in an answer.
const GROUPS: usize = 10;
/// How long a follower waits, at most, for something to come.
const WAIT: Duration = Duration::from_secs(20);
/// How many may follow at once: the other connections are for those who act.
const FOLLOWERS: usize = 16;
/// How far back a chart goes unless told otherwise, and how many steps it has at most.
const QUARTER: Duration = Duration::from_secs(900);
const STEPS: i64 = 500;

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
        let (filter, limit) = (Filter { before: asked.cursor, ..asked.filter(&self.shared)? }, asked.limit()?);
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
        let (filter, most) = (asked.filter(&self.shared)?, asked.limit.unwrap_or(GROUPS).min(MOST));
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
        let filter = asked.filter(&self.shared)?;
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
        let (filter, limit) = (asked.filter(&self.shared)?, asked.limit()?);
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
}
