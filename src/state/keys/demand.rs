//! The one refetch that many requests may ask for: at most one per cool-down, shared by all who wait, and
//! never for a name that was just looked for in vain (MD-05, MD-06). The fetching itself is `idp`'s.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// No more names are remembered as unknown; further ones are held back by the cool-down alone.
const MAX_UNKNOWN: usize = 1024;

/// Who asks, who answers.
pub(super) struct Demand {
    cooldown: Duration,
    wait: Duration,
    asked: Mutex<Asked>,
    wake: Notify,
    answered: watch::Sender<u64>,
}

#[derive(Default)]
struct Asked {
    /// How many refetches were asked for.
    ticket: u64,
    /// The steady time of the last of them.
    at: Option<Duration>,
    /// Names that a refetch did not bring, hashed, and until when they are not asked for again.
    unknown: HashMap<u64, Duration>,
    hasher: RandomState,
}

impl Asked {
    fn is_unknown(&self, kid: &str, now: Duration) -> bool {
        self.unknown.get(&self.hasher.hash_one(kid)).is_some_and(|until| now < *until)
    }
}

impl Demand {
    pub(super) fn new(cooldown: Duration, wait: Duration) -> Self {
        let (answered, _) = watch::channel(0);
        Self { cooldown, wait, asked: Mutex::default(), wake: Notify::new(), answered }
    }

    /// Would a refetch for this name be made, or be joined, now?
    pub(super) fn may(&self, kid: Option<&str>, now: Duration) -> bool {
        let asked = self.asked();
        let cooling = asked.at.is_some_and(|at| now.saturating_sub(at) < self.cooldown);
        (!cooling || self.is_under_way(&asked, now)) && !kid.is_some_and(|kid| asked.is_unknown(kid, now))
    }

    /// Asks for a refetch, or joins the one under way; waits until it is answered, for a bounded time.
    /// Says whether it was answered.
    pub(super) async fn ask(&self, kid: Option<&str>, now: Duration) -> bool {
        if !self.may(kid, now) {
            return false;
        }
        let mut answers = self.answered.subscribe();
        let ticket = self.ticket(now);
        let answer = answers.wait_for(|answered| *answered >= ticket);
        tokio::time::timeout(self.wait, answer).await.is_ok_and(|answer| answer.is_ok())
    }

    fn ticket(&self, now: Duration) -> u64 {
        let mut asked = self.asked();
        if !self.is_under_way(&asked, now) {
            asked.ticket += 1;
            asked.at = Some(now);
            self.wake.notify_one();
        }
        asked.ticket
    }

    /// One that was never answered is given up after the wait, so a dead task does not hold the door.
    fn is_under_way(&self, asked: &Asked, now: Duration) -> bool {
        let open = *self.answered.borrow() < asked.ticket;
        open && asked.at.is_some_and(|at| now.saturating_sub(at) <= self.wait)
    }

    /// The task: waits until somebody asks.
    pub(super) async fn asked_for(&self) {
        self.wake.notified().await;
    }

    /// The task, before it fetches: what it is about to answer.
    pub(super) fn open_ticket(&self) -> u64 {
        self.asked().ticket
    }

    /// The task, after it fetched.
    pub(super) fn answer(&self, ticket: u64) {
        self.answered.send_if_modified(|answered| std::mem::replace(answered, ticket.max(*answered)) < ticket);
    }

    /// A refetch did not bring this name: it is not asked for again until the cool-down has passed.
    pub(super) fn in_vain(&self, kid: &str, now: Duration) {
        let mut asked = self.asked();
        if asked.unknown.len() >= MAX_UNKNOWN {
            asked.unknown.retain(|_, until| now < *until);
        }
        if asked.unknown.len() < MAX_UNKNOWN {
            let name = asked.hasher.hash_one(kid);
            asked.unknown.insert(name, now.saturating_add(self.cooldown));
        }
    }

    /// Was it asked for this name lately, and not brought?
    pub(super) fn was_in_vain(&self, kid: &str, now: Duration) -> bool {
        self.asked().is_unknown(kid, now)
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
