//! One instance among those that share their sessions: it tells behind, in batches, and asks with a bound.

use super::words::Keys;
use crate::decide::id::Fingerprint;
use crate::decide::session::Life;
use crate::decide::time::millis;
use crate::idp::backoff::Backoff;
use crate::idp::fleet::settings::RedisSettings;
use crate::idp::fleet::{Link, Server, ServerError};
use crate::notice::Trouble;
use crate::state::clock::Clock;
use crate::state::fingerprint::{Fingerprints, Kind};
use crate::state::sessions::{Sessions, Terms};
use arc_swap::ArcSwapOption;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked what is due.
const TICK: Duration = Duration::from_millis(50);

/// In so many ticks it is looked once whether the store is still there.
const SEEN: u32 = 10;

/// How many sessions are told at once.
const BATCH: usize = 256;

/// How soon what could not be told is told again.
const AGAIN: Duration = Duration::from_millis(500);

/// After so many look-ups in a row without an answer nobody waits for one, but one in each `REST`.
const PATIENCE: u32 = 5;
const REST: Duration = Duration::from_secs(1);

/// The store gave no answer in time: what it knows of the session is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sessions' store does not answer")]
pub struct Unknown;

/// A store that was joined.
struct Joined {
    name: String,
    link: Link,
    /// Redis's time minus ours, in milliseconds, or a little less: what is told was never later than it was.
    ahead: i64,
}

/// One instance.
pub struct Share {
    server: Server,
    keys: Keys,
    sessions: Arc<Sessions>,
    prints: Arc<Fingerprints>,
    clock: Arc<dyn Clock>,
    terms: Terms,
    joined: ArcSwapOption<Joined>,
    /// How many look-ups failed in a row, and until when nobody waits for another.
    failed: AtomicU32,
    rests: AtomicI64,
    looked: AtomicU64,
    lost: AtomicU64,
    away: Trouble,
}

impl Share {
    /// Reads what is needed to reach the Redis, and opens nothing.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn new(
        (settings, prefix): (&RedisSettings, &str),
        sessions: Arc<Sessions>,
        prints: Arc<Fingerprints>,
        clock: Arc<dyn Clock>,
        terms: Terms,
    ) -> Result<Self, String> {
        let server = Server::new(settings).map_err(|error| error.to_string())?;
        let (joined, rests, away) = (ArcSwapOption::empty(), AtomicI64::new(i64::MIN), Trouble::default());
        let (failed, looked, lost) = (AtomicU32::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let keys = Keys::new(prefix);
        Ok(Self { server, keys, sessions, prints, clock, terms, joined, failed, rests, looked, lost, away })
    }

    /// Looks a session up, and has the store learn it. Waits so long at most, and not at all while others waited in vain.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn look_up(&self, print: Fingerprint, within: Duration) -> Result<(), Unknown> {
        self.looked.fetch_add(1, Relaxed);
        let answer = match self.joined.load_full().filter(|_| self.may_ask()) {
            Some(joined) => self.look(&joined, print, within).await,
            None => Err(Unknown),
        };
        self.lost.fetch_add(u64::from(answer.is_err()), Relaxed);
        answer
    }

    async fn look(&self, joined: &Joined, print: Fingerprint, within: Duration) -> Result<(), Unknown> {
        let found = self.keys.look(&mut joined.link.clone(), &joined.name, &[print], within).await;
        let Ok(found) = found else {
            if self.failed.fetch_add(1, Relaxed) + 1 >= PATIENCE {
                self.rests.store(millis(self.clock.steady() + REST), Relaxed);
            }
            return Err(Unknown);
        };
        self.failed.store(0, Relaxed);
        let theirs = found.into_iter().flatten().next().map(|life| life.moved(joined.ahead.saturating_neg()));
        self.sessions.learn(print, theirs, self.clock.now(), &self.terms);
        Ok(())
    }

    /// Whether it is worth to ask: while it rests, one does so that it is seen when there are answers again.
    fn may_ask(&self) -> bool {
        if self.failed.load(Relaxed) < PATIENCE {
            return true;
        }
        let (now, rests) = (millis(self.clock.steady()), self.rests.load(Relaxed));
        let next = now.saturating_add(millis(REST));
        now >= rests && self.rests.compare_exchange(rests, next, Relaxed, Relaxed).is_ok()
    }

    /// How many look-ups there were, and how many without an answer.
    pub fn counts(&self) -> (u64, u64) {
        (self.looked.load(Relaxed), self.lost.load(Relaxed))
    }

    /// Whether a store is joined.
    pub fn is_joined(&self) -> bool {
        self.joined.load().is_some()
    }

    /// Tells what is due, until cancelled; then all that waits, once.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let mut known = None;
        loop {
            let Some(ended) = cancel.run_until_cancelled(self.stay(&mut known, &mut backoff)).await else { break };
            self.joined.store(None);
            if let Err(error) = ended
                && let Some(repeats) = self.away.met(&error.to_string())
            {
                tracing::warn!(%error, repeats, "the sessions' store is not to be had; policies say what holds meanwhile");
            }
            if cancel.run_until_cancelled(tokio::time::sleep(backoff.failed())).await.is_none() {
                break;
            }
        }
        self.sessions.hurry();
        if let Some(joined) = self.joined.swap(None) {
            while self.tell(&joined).await.is_ok_and(|told| told > 0) {}
        }
    }

    async fn stay(&self, known: &mut Option<String>, backoff: &mut Backoff) -> Result<(), ServerError> {
        let joined = Arc::new(self.join().await?);
        if known.as_ref().is_some_and(|known| *known != joined.name) {
            self.sessions.tell_all(self.clock.now());
        }
        *known = Some(joined.name.clone());
        self.joined.store(Some(Arc::clone(&joined)));
        backoff.succeeded();
        if let Some(out) = self.away.over() {
            tracing::info!(%out, "joined the sessions' store again");
        }
        let mut ticks = 0_u32;
        loop {
            if self.tell(&joined).await? < BATCH {
                tokio::time::sleep(TICK).await;
                ticks = ticks.wrapping_add(1);
            }
            // Whether it is still there, and still the same, is seen though nothing is to be told.
            if ticks % SEEN == 0 {
                self.keys.look(&mut joined.link.clone(), &joined.name, &[], self.server.timeout()).await?;
            }
        }
    }

    async fn join(&self) -> Result<Joined, ServerError> {
        let within = self.server.timeout();
        let mut link = self.server.connect(Duration::ZERO).await?;
        let mut name = [0; 16];
        // Without randomness the time tells two stores from each other.
        let _ = aws_lc_rs::rand::fill(&mut name);
        let name = format!("{}-{}", hex(name), self.clock.now().wall.millis());
        let key = hex(self.prints.of(Kind::Fleet, "sessions", b"").0);
        let (name, theirs, time) = self.keys.join(&mut link, (&name, &key), within).await?;
        let ahead = time.saturating_sub(millis(self.clock.steady()));
        if theirs == key { Ok(Joined { name, link, ahead }) } else { Err(ServerError::OtherKey) }
    }

    /// Tells what is due, and how many that were. What could not be told is not lost.
    async fn tell(&self, joined: &Joined) -> Result<usize, ServerError> {
        let due = self.sessions.due(self.clock.now(), BATCH);
        if due.is_empty() {
            return Ok(0);
        }
        let theirs: Vec<(Fingerprint, Life)> = due.iter().map(|(at, life)| (*at, life.moved(joined.ahead))).collect();
        let (within, count) = (self.server.timeout(), due.len());
        let mut taken = Taken { share: self, due };
        self.keys.tell(&mut joined.link.clone(), &joined.name, &theirs, &self.terms, within).await?;
        taken.due.clear();
        Ok(count)
    }
}

/// What was taken to be told, and waits again if it was not: also when nobody waits for it any more.
struct Taken<'a> {
    share: &'a Share,
    due: Vec<(Fingerprint, Life)>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let until = self.share.clock.steady() + AGAIN;
        self.share.sessions.untold(self.due.iter().map(|(at, _)| *at), until);
    }
}

fn hex(bytes: [u8; 16]) -> String {
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
