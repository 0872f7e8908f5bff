//! Of one issuer: where a request gets its answer. At once if it is known, if too many questions are open, or if the
//! issuer is left alone; else after a wait, which all that ask about the same token share, and which is bounded.

use super::breaker::Breaker;
use super::shelf::{Kept, Name, Shelf};
use crate::decide::introspection::{Answer, Had, Told};
use crate::decide::time::{Moment, Timestamp};
use crate::state::clock::Clock;
use crate::state::fingerprint::Fingerprints;
use crate::state::verified::Verified;
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

/// How many parts it has, each with a lock of its own.
const SHARDS: usize = 16;

/// What is done before the answer of the one who asks can reach those who wait.
const MARGIN: Duration = Duration::from_millis(250);

/// How much is asked at most, and how long an answer is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long `active` is good for.
    pub active_for: Duration,
    /// How long `inactive` is good for.
    pub inactive_for: Duration,
    /// How many answers of each kind are kept.
    pub entries: usize,
    /// How many questions may be open.
    pub in_flight: usize,
    /// How long one may be open.
    pub timeout: Duration,
    /// After so many failures in a row the issuer is left alone,
    pub failures: u32,
    /// for so long.
    pub pause: Duration,
}

/// What a request asks.
pub struct Question<'a> {
    /// The token as it was presented.
    pub token: &'a str,
    /// What was verified of it: the answer must not contradict that.
    pub verified: &'a Arc<Verified>,
    /// When.
    pub now: Moment,
    /// How often something had been taken back from the revocation set.
    pub lifts: u64,
    /// By which it is told how long it took.
    pub clock: &'a dyn Clock,
}

/// A question for the issuer. Whoever drops it leaves those who wait without an answer.
pub struct Inquiry {
    /// The token.
    pub token: SecretString,
    /// What was verified of it.
    pub verified: Arc<Verified>,
    name: Name,
    asked: Duration,
    lifts: u64,
    answer: watch::Sender<Option<Answer>>,
    _open: OwnedSemaphorePermit,
}

/// The questions for one issuer.
pub type Inquiries = mpsc::Receiver<Inquiry>;

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The token is active, and ends then, as the issuer says.
    Active(Option<Timestamp>),
    /// It is not.
    Inactive,
    /// The answer is about something else than was asked: the issuer is there, and this token cannot be told.
    Odd(&'static str),
    /// The issuer cannot be asked: why, in words of our own.
    Failed(&'static str),
}

/// What metrics tell of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How often the issuer said `active`.
    pub active: u64,
    /// How often it said `inactive`.
    pub inactive: u64,
    /// How often it was asked and nothing could be learnt.
    pub unknown: u64,
    /// How often an answer was known already.
    pub cached: u64,
    /// How often it was not asked because too many questions were open.
    pub busy: u64,
    /// How often it was not asked because it is left alone.
    pub paused: u64,
    /// How many answers are kept.
    pub entries: usize,
    /// Is it left alone now?
    pub open: bool,
}

#[derive(Default)]
struct Counts {
    active: AtomicU64,
    inactive: AtomicU64,
    unknown: AtomicU64,
    cached: AtomicU64,
    busy: AtomicU64,
    paused: AtomicU64,
}

struct Shard {
    active: Shelf,
    inactive: Shelf,
    open: HashMap<Name, watch::Receiver<Option<Answer>>>,
}

enum Seat {
    Known(Told),
    Waits(watch::Receiver<Option<Answer>>),
}

/// The desk.
pub struct Desk {
    shards: [Mutex<Shard>; SHARDS],
    fingerprints: Arc<Fingerprints>,
    wait: Duration,
    room: Arc<Semaphore>,
    questions: mpsc::Sender<Inquiry>,
    breaker: Breaker,
    counts: Counts,
}

const BUSY: &str = "too many questions are open";
const PAUSED: &str = "its issuer failed too often, and is left alone for a while";
const LATE: &str = "no answer in time";
const LOST: &str = "the question was lost";

impl Desk {
    /// A desk, and where its questions go.
    #[must_use]
    pub fn new(limits: &Limits, fingerprints: Arc<Fingerprints>) -> (Self, Inquiries) {
        let bound = limits.entries.div_ceil(SHARDS);
        let shard = || Shard {
            active: Shelf::new(limits.active_for, bound),
            inactive: Shelf::new(limits.inactive_for, bound),
            open: HashMap::new(),
        };
        let room = limits.in_flight.clamp(1, Semaphore::MAX_PERMITS);
        let (questions, inquiries) = mpsc::channel(room);
        let wait = limits.timeout.saturating_add(MARGIN);
        let desk = Self {
            shards: std::array::from_fn(|_| Mutex::new(shard())),
            fingerprints,
            wait,
            room: Arc::new(Semaphore::new(room)),
            questions,
            breaker: Breaker::new(limits.failures, limits.pause, wait),
            counts: Counts::default(),
        };
        (desk, inquiries)
    }

    /// What the issuer says of the token. Waits for a bounded time, and only if nobody knows.
    pub async fn ask(&self, question: Question<'_>) -> Told {
        let mut open = match self.seat(&question) {
            Seat::Known(told) => return told,
            Seat::Waits(open) => open,
        };
        let began = question.clock.steady();
        let answer = match tokio::time::timeout(self.wait, open.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.unwrap_or(Answer::Unknown(LOST)),
            Ok(Err(_)) => Answer::Unknown(LOST),
            Err(_) => Answer::Unknown(LATE),
        };
        Told { answer, had: Had::Asked(question.clock.steady().saturating_sub(began)) }
    }

    fn seat(&self, question: &Question<'_>) -> Seat {
        let name = self.fingerprints.whole(question.token.as_bytes());
        let mut shard = self.shard(&name);
        let known = |answer: Answer, had: Had| Seat::Known(Told { answer, had });
        let kept = |shelf: &Shelf| shelf.age(&name, question.now, question.lifts);
        let found = kept(&shard.inactive).map(|age| (Answer::Inactive, age));
        if let Some((answer, age)) = found.or_else(|| kept(&shard.active).map(|age| (Answer::Active, age))) {
            self.counts.cached.fetch_add(1, Relaxed);
            return known(answer, Had::Cached(age));
        }
        // One whose asker is gone is asked anew.
        if let Some(open) = shard.open.get(&name).filter(|open| open.has_changed().is_ok()) {
            return Seat::Waits(open.clone());
        }
        match self.open(name, question) {
            Ok(open) => {
                // There is room for no more than that: the others are of askers that are gone.
                if shard.open.len() >= self.questions.max_capacity() {
                    shard.open.retain(|_, open| open.has_changed().is_ok());
                }
                shard.open.insert(name, open.clone());
                Seat::Waits(open)
            }
            Err(why) => known(Answer::Unknown(why), Had::Asked(Duration::ZERO)),
        }
    }

    fn open(&self, name: Name, question: &Question<'_>) -> Result<watch::Receiver<Option<Answer>>, &'static str> {
        let refused = |counter: &AtomicU64, why| {
            counter.fetch_add(1, Relaxed);
            why
        };
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| refused(&self.counts.busy, BUSY))?;
        if !self.breaker.permits(question.now.steady) {
            return Err(refused(&self.counts.paused, PAUSED));
        }
        let (answer, open) = watch::channel(None);
        let inquiry = Inquiry {
            token: SecretString::from(question.token),
            verified: Arc::clone(question.verified),
            name,
            asked: question.now.steady,
            lifts: question.lifts,
            answer,
            _open: room,
        };
        self.questions.try_send(inquiry).map_err(|_| refused(&self.counts.busy, BUSY))?;
        Ok(open)
    }

    /// The one who asks: what became of it. From now on it is known, and those who wait are told.
    pub fn settle(&self, inquiry: Inquiry, outcome: Outcome, now: Duration) {
        let (answer, counter) = match outcome {
            Outcome::Active(_) => (Answer::Active, &self.counts.active),
            Outcome::Inactive => (Answer::Inactive, &self.counts.inactive),
            Outcome::Odd(why) | Outcome::Failed(why) => (Answer::Unknown(why), &self.counts.unknown),
        };
        counter.fetch_add(1, Relaxed);
        match outcome {
            Outcome::Failed(_) => self.breaker.failed(now),
            Outcome::Active(_) | Outcome::Inactive | Outcome::Odd(_) => self.breaker.succeeded(),
        }
        let Inquiry { name, asked, lifts, answer: tell, .. } = inquiry;
        let kept = |expires| Kept { asked, expires, lifts };
        let mut shard = self.shard(&name);
        shard.open.remove(&name);
        match outcome {
            Outcome::Active(expires) => {
                shard.inactive.remove(&name);
                shard.active.put(name, kept(expires), now);
            }
            Outcome::Inactive => {
                shard.active.remove(&name);
                shard.inactive.put(name, kept(None), now);
            }
            Outcome::Odd(_) | Outcome::Failed(_) => {}
        }
        drop(shard);
        tell.send_replace(Some(answer));
    }

    /// What metrics tell of it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let held = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.active.len() + shard.inactive.len()
        };
        Standing {
            active: read(&self.counts.active),
            inactive: read(&self.counts.inactive),
            unknown: read(&self.counts.unknown),
            cached: read(&self.counts.cached),
            busy: read(&self.counts.busy),
            paused: read(&self.counts.paused),
            entries: self.shards.iter().map(held).sum(),
            open: self.breaker.is_open(),
        }
    }

    fn shard(&self, name: &Name) -> MutexGuard<'_, Shard> {
        // A name is drawn under a secret key, so that any part of it is a fair place.
        let [first, ..] = name;
        let [zero, ..] = &self.shards;
        self.shards.get(usize::from(*first) % SHARDS).unwrap_or(zero).lock().unwrap_or_else(PoisonError::into_inner)
    }
}
