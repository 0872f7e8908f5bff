//! Which connections are live: WebSockets, and answers that last, of those who came with a token. Nothing is kept for it:
//! who asks leaves the question with the workers, and each answers it when it next looks at what is under way (`vigil`).

use super::plan::Route;
use super::report::Report;
use crate::decide::id::Fingerprint;
use crate::decide::reason::Reason;
use crate::decide::time::{Moment, Timestamp, millis};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Any other answer is a request like others until it has lasted this long.
const LASTING: Duration = Duration::from_secs(1);

/// Workers look four times a second; who is busy for longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// What lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A WebSocket, over either version of HTTP.
    WebSocket,
    /// A stream of gRPC.
    Grpc,
    /// Server-sent events.
    Events,
    /// Any other answer.
    #[default]
    Download,
}

impl Kind {
    /// All, by the words for them.
    pub const ALL: [(&'static str, Self); 4] =
        [("websocket", Self::WebSocket), ("grpc", Self::Grpc), ("events", Self::Events), ("download", Self::Download)];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("download", |(name, _)| name)
    }

    /// That of an answer with these fields.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default() {
            kind if kind.starts_with(b"text/event-stream") => Self::Events,
            _ if super::grpc::is_grpc(headers) => Self::Grpc,
            _ => Self::Download,
        }
    }
}

/// One that is live.
#[derive(Clone)]
pub struct Connection {
    /// What it is.
    pub kind: Kind,
    /// The route it took.
    pub route: Arc<Route>,
    /// The hash of its session's id, as traces and records have it.
    pub session: Option<Fingerprint>,
    /// Its trace.
    pub trace: u128,
    /// Since when.
    pub since: Timestamp,
    /// When it will be ended, and what that means, if nothing happens before.
    pub ends: Option<(Timestamp, Reason)>,
}

/// Which are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// At most so many, those that have lasted longest.
    pub limit: usize,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Of the route of this name.
    pub route: Option<String>,
    /// Of the session with this hash.
    pub session: Option<String>,
}

impl Wanted {
    fn wants(&self, one: &Connection) -> bool {
        let session = |wanted: &String| one.session.is_some_and(|session| session.to_string() == *wanted);
        self.kind.is_none_or(|kind| kind == one.kind)
            && self.route.as_ref().is_none_or(|route| **route == *one.route.meter.name)
            && self.session.as_ref().is_none_or(session)
    }
}

/// What was found.
#[derive(Default)]
pub struct Found {
    /// The connections, those that have lasted longest first.
    pub connections: Vec<Connection>,
    /// How many there are, listed or not, by the names of their routes.
    pub routes: BTreeMap<Arc<str>, usize>,
    /// How many workers have answered.
    answers: usize,
    /// Whether all did.
    pub complete: bool,
}

impl Found {
    fn add(&mut self, one: Connection, limit: usize) {
        *self.routes.entry(Arc::clone(&one.route.meter.name)).or_default() += 1;
        self.connections.push(one);
        if self.connections.len() >= limit.saturating_mul(2) {
            self.shorten(limit);
        }
    }

    fn shorten(&mut self, limit: usize) {
        self.connections.sort_by_key(|one| (one.since, one.trace));
        self.connections.truncate(limit);
    }
}

/// A question, while workers answer it.
pub(super) struct Question {
    number: u64,
    wanted: Wanted,
    found: Mutex<Found>,
    answered: Notify,
}

impl Question {
    /// Some of a worker's connections.
    pub(super) fn hear(&self, some: impl Iterator<Item = Connection>) {
        let mut found = held(&self.found);
        some.filter(|one| self.wanted.wants(one)).for_each(|one| found.add(one, self.wanted.limit));
    }

    /// A worker has told all of its own.
    pub(super) fn done(&self) {
        held(&self.found).answers += 1;
        self.answered.notify_one();
    }
}

/// Where is asked, and found what was asked.
#[derive(Default)]
pub struct Live {
    /// How many workers have anything to tell.
    present: AtomicUsize,
    /// The number of the last question.
    number: AtomicU64,
    question: Mutex<Option<Arc<Question>>>,
    /// One question at a time.
    turn: tokio::sync::Mutex<()>,
}

impl Live {
    /// Asks all workers, and waits for them, but not for long.
    pub async fn ask(&self, wanted: Wanted) -> Found {
        let _turn = self.turn.lock().await;
        let number = self.number.load(Ordering::Acquire).wrapping_add(1);
        let (limit, found, answered) = (wanted.limit, Mutex::default(), Notify::new());
        let question = Arc::new(Question { number, wanted, found, answered });
        *held(&self.question) = Some(Arc::clone(&question));
        self.number.store(number, Ordering::Release);
        let all = async {
            while held(&question.found).answers < self.present.load(Ordering::Acquire) {
                question.answered.notified().await;
            }
        };
        let complete = tokio::time::timeout(PATIENCE, all).await.is_ok();
        *held(&self.question) = None;
        let mut found = std::mem::take(&mut *held(&question.found));
        found.shorten(limit);
        Found { complete, ..found }
    }

    /// A worker's connections are asked about from now on.
    pub(super) fn join(self: &Arc<Self>) -> Joined {
        self.present.fetch_add(1, Ordering::AcqRel);
        Joined { live: Arc::clone(self), told: self.number.load(Ordering::Acquire) }
    }
}

/// A worker that has something to tell, as long as this lives.
pub(super) struct Joined {
    live: Arc<Live>,
    told: u64,
}

impl Joined {
    /// The question that was not answered yet, if there is one.
    pub(super) fn question(&mut self) -> Option<Arc<Question>> {
        if self.live.number.load(Ordering::Acquire) == self.told {
            return None;
        }
        let question = held(&self.live.question).clone();
        self.told = question.as_ref().map_or(self.told, |question| question.number);
        question
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.live.present.fetch_sub(1, Ordering::AcqRel);
        // Who waits for this one looks again.
        if let Some(question) = &*held(&self.live.question) {
            question.answered.notify_one();
        }
    }
}

/// A lock that a panic elsewhere cannot take from us: what it guards is whole after every statement.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Report {
    /// How it is listed, while it lasts; `bound` is how long it still may at most.
    pub(super) fn listed(&self, bound: Option<(Duration, Reason)>) -> Option<Connection> {
        let now = self.shared.state.clock.now();
        if self.kind == Kind::Download && now.steady.saturating_sub(self.moment.steady) < LASTING {
            return None;
        }
        let first = bound.into_iter().chain(self.idle_left(now)).min_by_key(|(left, _)| *left);
        Some(Connection {
            kind: self.kind,
            route: Arc::clone(self.route.as_ref()?),
            session: self.verified()?.token.handles.session,
            trace: self.trace.trace_id,
            since: self.moment.wall,
            ends: first.map(|(left, reason)| (now.wall.plus(left), reason)),
        })
    }

    /// How long its session may still be left alone.
    fn idle_left(&self, now: Moment) -> Option<(Duration, Reason)> {
        let (limit, sight) = self.quiet(now)?;
        let left = u64::try_from(millis(limit).saturating_sub(sight.quiet)).unwrap_or_default();
        Some((Duration::from_millis(left), Reason::SessionIdleTimeout))
    }
}
