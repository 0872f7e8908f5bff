//! One instance among those that share their sessions: it tells behind, in batches, and asks for those who wait at the desk.

use super::record::Found;
use super::words::{Keys, Store, part};
use crate::decide::id::Fingerprint;
use crate::decide::session::Life;
use crate::decide::time::millis;
use crate::idp::backoff::Backoff;
use crate::idp::fleet::settings::RedisSettings;
use crate::idp::fleet::{Link, Server, ServerError};
use crate::notice::Trouble;
use crate::state::clock::Clock;
use crate::state::fingerprint::{Fingerprints, Kind};
use crate::state::sessions::{Desk, Question, Questions, Sessions};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked what is due.
const TICK: Duration = Duration::from_millis(50);

/// In so many ticks it is looked once whether the store is still there.
const SEEN: u32 = 10;

/// How many sessions are told, or asked about, at once.
const BATCH: usize = 1024;

/// How many of these are told by one command, so that nobody else waits for long meanwhile.
const AT_A_TIME: usize = 128;

/// How many times others are asked before the first answer came.
const AT_ONCE: usize = 32;

/// How soon what could not be told is told again.
const AGAIN: Duration = Duration::from_millis(500);

/// What was told so long before a store was joined again may not be there: another may have taken its place.
const MEANWHILE: Duration = Duration::from_secs(30);

/// So long after a store was lost, all instances have told it again what they hold. Until then what is not there may be
/// known to one of them.
const SETTLES: Duration = Duration::from_secs(10);

/// In so many ticks the store is told once to stay.
const KEPT: u32 = 1200;

/// A store that was joined.
struct Joined {
    store: Store,
    link: Link,
    /// Redis's time minus ours, in milliseconds, or a little less: what is told was never later than it was.
    ahead: i64,
}

impl Joined {
    fn now(&self, clock: &dyn Clock) -> i64 {
        millis(clock.steady()).saturating_add(self.ahead)
    }
}

/// One instance.
pub struct Share {
    server: Server,
    keys: Keys,
    sessions: Arc<Sessions>,
    desk: Arc<Desk>,
    prints: Arc<Fingerprints>,
    clock: Arc<dyn Clock>,
    told: AtomicU64,
    /// Whether it was tried to join.
    tried: AtomicBool,
    /// Until when what the store does not have may be known to others, in steady milliseconds.
    settles: AtomicI64,
    away: Trouble,
}

impl Share {
    /// Reads what is needed to reach the Redis, and opens nothing.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn new(
        (settings, prefix): (&RedisSettings, &str),
        (sessions, desk): (Arc<Sessions>, Arc<Desk>),
        prints: Arc<Fingerprints>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let server = Server::new(settings).map_err(|error| error.to_string())?;
        let (keys, told, tried) = (Keys::new(prefix), AtomicU64::new(0), AtomicBool::new(false));
        Ok(Self {
            server,
            keys,
            sessions,
            desk,
            prints,
            clock,
            told,
            tried,
            settles: AtomicI64::new(0),
            away: Trouble::default(),
        })
    }

    /// How often a session was told.
    pub fn told(&self) -> u64 {
        self.told.load(Relaxed)
    }

    /// Whether it was tried to join: what comes of it later is for policies.
    pub fn was_tried(&self) -> bool {
        self.tried.load(Relaxed)
    }

    /// Tells what is due and asks what is to be known, until cancelled; then tells all that waits, once.
    pub async fn run(&self, cancel: CancellationToken) {
        let Some(mut questions) = self.desk.take() else { return };
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let (mut known, mut joined) = (None, None);
        loop {
            let stay = self.stay(&mut known, &mut joined, &mut questions, &mut backoff);
            let Some(ended) = cancel.run_until_cancelled(stay).await else { break };
            joined = None;
            self.lost(&ended, &mut questions);
            if cancel.run_until_cancelled(tokio::time::sleep(backoff.failed())).await.is_none() {
                break;
            }
        }
        self.desk.set_open(false);
        self.sessions.hurry();
        if let Some(joined) = joined {
            while self.tell(&joined).await.is_ok_and(|told| told > 0) {}
        }
    }

    fn lost(&self, error: &ServerError, questions: &mut Questions) {
        self.desk.set_open(false);
        self.tried.store(true, Relaxed);
        // Nobody waits for what was not asked.
        while questions.try_recv().is_ok() {}
        if let Some(repeats) = self.away.met(&error.to_string()) {
            tracing::warn!(%error, repeats, "the sessions' store is not to be had; policies say what holds meanwhile");
        }
    }

    async fn stay(
        &self,
        known: &mut Option<Store>,
        place: &mut Option<Arc<Joined>>,
        questions: &mut Questions,
        backoff: &mut Backoff,
    ) -> ServerError {
        let joined = match self.join(known.as_ref()).await {
            Ok(joined) => Arc::new(joined),
            Err(error) => return error,
        };
        let now = self.clock.now();
        let is_new = known.as_ref().is_some_and(|known| *known != joined.store);
        let since = if is_new { Duration::ZERO } else { now.steady.saturating_sub(MEANWHILE) };
        if known.replace(joined.store.clone()).is_some() {
            self.sessions.tell_again(since, now);
        }
        *place = Some(Arc::clone(&joined));
        self.desk.set_open(true);
        self.tried.store(true, Relaxed);
        backoff.succeeded();
        if let Some(out) = self.away.over() {
            tracing::info!(%out, "joined the sessions' store again");
        }
        tokio::select! {
            error = self.telling(&joined) => error,
            error = self.answering(&joined, questions) => error,
        }
    }

    /// Until it fails.
    async fn telling(&self, joined: &Joined) -> ServerError {
        let mut ticks = 0_u32;
        loop {
            match self.tell(joined).await {
                Ok(told) if told < BATCH => {
                    tokio::time::sleep(TICK).await;
                    ticks = ticks.wrapping_add(1);
                }
                Ok(_) => {}
                Err(error) => return error,
            }
            // Whether it is still there, and still the same, is seen though nothing is to be told.
            if ticks.is_multiple_of(SEEN) {
                let terms = ticks.is_multiple_of(KEPT).then(|| self.desk.terms());
                let (link, within) = (&mut joined.link.clone(), self.server.timeout());
                if let Err(error) = self.keys.see(link, &joined.store, terms.as_ref(), within).await {
                    return error;
                }
            }
        }
    }

    /// Until it fails. What comes while others are asked is asked together.
    async fn answering(&self, joined: &Joined, questions: &mut Questions) -> ServerError {
        let mut under_way = FuturesUnordered::new();
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                // The desk is there for as long as this is.
                _ = questions.recv_many(&mut batch, BATCH), if under_way.len() < AT_ONCE => {
                    under_way.push(self.look(joined, batch));
                }
                Some(looked) = under_way.next(), if !under_way.is_empty() => {
                    if let Err(error) = looked {
                        return error;
                    }
                }
            }
        }
    }

    async fn look(&self, joined: &Joined, mut batch: Vec<Question>) -> Result<(), ServerError> {
        batch.retain(|question| !question.is_over());
        let mut prints: Vec<Fingerprint> = batch.iter().map(|question| question.print).collect();
        prints.sort_unstable_by_key(|print| print.0);
        prints.dedup();
        if prints.is_empty() {
            return Ok(());
        }
        let (terms, within, at) = (self.desk.terms(), self.server.timeout(), joined.now(&*self.clock));
        let link = &mut joined.link.clone();
        let found = match self.keys.look(link, (&joined.store, at), &prints, &terms, within).await {
            // Whoever waited was not answered; whether it is there at all is seen by the one who tells.
            Err(ServerError::Time) => return Ok(()),
            found => found?,
        };
        let now = self.clock.now();
        let mut missing = Vec::new();
        let settles = millis(now.steady) < self.settles.load(Relaxed);
        for (print, found) in found {
            let theirs = match found {
                Found::Life(life) => Some(Some(life.moved(joined.ahead.saturating_neg()))),
                Found::Nothing => (!settles).then_some(None),
                Found::Unreadable => None,
            };
            if theirs.is_none_or(|theirs| !self.sessions.learn(print, theirs, now, &terms)) {
                missing.push(print);
            }
        }
        for question in batch {
            let known = !missing.contains(&question.print);
            question.answered(known);
        }
        Ok(())
    }

    async fn join(&self, known: Option<&Store>) -> Result<Joined, ServerError> {
        let (terms, within) = (self.desk.terms(), self.server.timeout());
        let mut link = self.server.connect(Duration::ZERO).await?;
        let mut name = [0; 16];
        // Without randomness the time tells two stores from each other.
        let _ = aws_lc_rs::rand::fill(&mut name);
        let name = Store::named(&format!("{}-{}", hex(name), self.clock.now().wall.millis()), &terms);
        let key = hex(self.prints.of(Kind::Fleet, "sessions", b"").0);
        let (store, theirs, time) = self.keys.join(&mut link, (&name, &key), &terms, within).await?;
        let now = self.clock.steady();
        let ahead = time.saturating_sub(millis(now));
        if known.is_some_and(|known| *known != store) {
            self.settles.store(millis(now + SETTLES), Relaxed);
        }
        if theirs == key { Ok(Joined { store, link, ahead }) } else { Err(ServerError::OtherKey) }
    }

    /// Tells what is due, and how many that were. What could not be told is not lost.
    async fn tell(&self, joined: &Joined) -> Result<usize, ServerError> {
        let mut due = self.sessions.due(self.clock.now(), BATCH);
        due.sort_unstable_by_key(|(print, _)| part(*print));
        let (within, count) = (self.server.timeout(), due.len());
        let mut taken = Taken { share: self, due };
        while !taken.due.is_empty() {
            let some = taken.due.len().min(AT_A_TIME);
            let theirs = taken.due.iter().take(some).map(|(print, life)| (*print, life.moved(joined.ahead)));
            let theirs: Vec<(Fingerprint, Life)> = theirs.collect();
            let (link, at) = (&mut joined.link.clone(), (&joined.store, joined.now(&*self.clock)));
            self.keys.tell(link, at, &theirs, &self.desk.terms(), within).await?;
            taken.due.drain(..some);
            self.told.fetch_add(some as u64, Relaxed);
        }
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
