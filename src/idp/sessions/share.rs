//! One instance among those that share their sessions: it tells behind, in batches, and asks for those who wait at the desk.

use super::joined::{Count, Joined};
use super::words::{Asks, Keys, Store};
use crate::decide::time::millis;
use crate::idp::backoff::Backoff;
use crate::idp::fleet::settings::RedisSettings;
use crate::idp::fleet::{Server, ServerError};
use crate::notice::{Trouble, supervised_with};
use crate::state::clock::Clock;
use crate::state::fingerprint::{Fingerprints, Kind};
use crate::state::sessions::{Desk, Questions, Sessions};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

/// How many sessions are told, or asked about, at once.
pub(super) const BATCH: usize = 1024;

/// What was told so long before a store went away may not be there when it is joined again: another may have taken its place.
const MEANWHILE: Duration = Duration::from_secs(30);

/// What was used while it was out of reach for longer may be told for so long that others, who find it left alone, believe it
/// (`see.lua`).
const AWAY: Duration = Duration::from_millis(1500);

/// Who was away for so long cannot tell whether an old copy has taken its place: for so long its mark is there (`see.lua`).
const MARKED: Duration = Duration::from_secs(7200);

/// One instance.
pub struct Share {
    pub(super) server: Server,
    pub(super) keys: Keys,
    pub(super) sessions: Arc<Sessions>,
    pub(super) desk: Arc<Desk>,
    prints: Arc<Fingerprints>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) told: AtomicU64,
    /// Whether it was tried to join, and what was joined had settled.
    pub(super) tried: AtomicBool,
    /// So long after a store was lost, all instances have told it again what they hold. Until then one of them may know
    /// more than is there.
    pub(super) settle: Duration,
    /// Until when that is, in steady milliseconds, of one that was seen to be lost.
    pub(super) settles: AtomicI64,
    /// Whether a store that was lost, or out of reach, is owed what is held here: also if it is joined again before all of that
    /// was told.
    pub(super) owes: AtomicBool,
    /// Whether it was lost: then it is owed all.
    pub(super) lost: AtomicBool,
    /// How late it is at the store.
    pub(super) count: Count,
    /// What was written to the store last, to see whether it is still there: how late it was.
    pub(super) mark: AtomicI64,
    /// The store that was joined last.
    known: Mutex<Option<Store>>,
    away: Trouble,
}

impl Share {
    /// Reads what is needed to reach the Redis, and opens nothing.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn new(
        (settings, prefix, settle): (&RedisSettings, &str, Duration),
        (sessions, desk): (Arc<Sessions>, Arc<Desk>),
        prints: Arc<Fingerprints>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let server = Server::new(settings).map_err(|error| error.to_string())?;
        let (keys, told, tried) = (Keys::new(prefix, &random()?), AtomicU64::new(0), AtomicBool::new(false));
        Ok(Self {
            server,
            keys,
            sessions,
            desk,
            prints,
            clock,
            told,
            tried,
            settle,
            settles: AtomicI64::new(0),
            owes: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            count: Count::default(),
            mark: AtomicI64::new(0),
            known: Mutex::new(None),
            away: Trouble::default(),
        })
    }

    /// How often a session was told.
    pub fn told(&self) -> u64 {
        self.told.load(Relaxed)
    }

    /// Whether it was tried to join, and what was joined first had settled: what comes of it later is for policies.
    pub fn was_tried(&self) -> bool {
        self.tried.load(Relaxed)
    }

    /// Tells what is due and asks what is to be known, until cancelled; then tells all that waits, once. Until what died
    /// is begun anew, nobody is asked.
    pub async fn run(&self, cancel: CancellationToken) {
        let Some(questions) = self.desk.take() else { return };
        let cancel = &cancel;
        let serve = |mut own: OwnedMutexGuard<(Questions, bool)>| async move {
            let (questions, anew) = &mut *own;
            if std::mem::replace(anew, true) {
                self.forsake(questions);
            }
            let _closed = Closed(&self.desk);
            self.serve(cancel, questions).await;
        };
        supervised_with("sharing sessions", (questions, false), serve).await;
    }

    async fn serve(&self, cancel: &CancellationToken, questions: &mut Questions) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let mut joined = None;
        loop {
            let stay = self.stay(&mut joined, questions, &mut backoff);
            let Some(ended) = cancel.run_until_cancelled(stay).await else { break };
            joined = None;
            self.lost(&ended, questions);
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

    /// Nobody waits for what was not asked.
    fn forsake(&self, questions: &mut Questions) {
        self.desk.set_open(false);
        self.tried.store(true, Relaxed);
        while questions.try_recv().is_ok() {}
    }

    fn lost(&self, error: &ServerError, questions: &mut Questions) {
        self.forsake(questions);
        if let Some(repeats) = self.away.met(&error.to_string()) {
            tracing::warn!(%error, repeats, "the sessions' store is not to be had; policies say what holds meanwhile");
        }
    }

    async fn stay(
        &self,
        place: &mut Option<Arc<Joined>>,
        questions: &mut Questions,
        backoff: &mut Backoff,
    ) -> ServerError {
        let joined = match self.join().await {
            Ok(joined) => Arc::new(joined),
            Err(error) => return error,
        };
        *place = Some(Arc::clone(&joined));
        self.desk.set_open(true);
        backoff.succeeded();
        if let Some(out) = self.away.over() {
            tracing::info!(%out, "joined the sessions' store again");
        }
        tokio::select! {
            error = self.telling(&joined) => error,
            error = self.answering(&joined, questions) => error,
        }
    }

    /// Joins, and has everything told again that may not be there.
    async fn join(&self) -> Result<Joined, ServerError> {
        let (terms, within) = (self.desk.terms(), self.server.timeout());
        let mut link = self.server.connect(Duration::ZERO).await?;
        let key = hex(self.prints.of(Kind::Fleet, "sessions", b"").0);
        let counted = self.count.least(self.clock.steady());
        // When it was last heard of before, by our clock.
        let left = self.mark.load(Relaxed).saturating_sub(self.count.ahead());
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Without randomness the time tells two stores from each other.
        let name = Store::named(
            &format!("{}-{}", random().unwrap_or_default(), self.clock.now().wall.millis()),
            &terms,
            known.as_ref(),
        );
        let (settle, mark) = (self.settle, self.mark.load(Relaxed));
        let strictest = self.sessions.strictest();
        let asks = Asks { keep: Some(&terms), settle, counted, mark, strictest, known: known.as_ref() };
        let (store, seen) = self.keys.join(&mut link, (&name, &key), &asks, within).await?;
        if seen.check != key {
            return Err(ServerError::OtherKey);
        }
        if !store.bears(&terms) {
            return Err(ServerError::TooLong);
        }
        self.mark.store(seen.late, Relaxed);
        self.count.is_late(seen.late, self.clock.steady());
        let joined = Joined { store, link };
        if !seen.settles {
            self.tried.store(true, Relaxed);
        }
        self.tell_again(&joined, left);
        Ok(joined)
    }

    fn tell_again(&self, joined: &Joined, left: i64) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).replace(joined.store.clone());
        let Some(known) = known else { return };
        let (now, left) = (self.clock.steady(), Duration::from_millis(u64::try_from(left).unwrap_or_default()));
        let is_lost = known != joined.store;
        if is_lost {
            self.settles.store(millis(now + self.settle), Relaxed);
        }
        self.lost.fetch_or(is_lost, Relaxed);
        self.owes.fetch_or(is_lost || now.saturating_sub(left) > AWAY, Relaxed);
        let is_all = self.lost.load(Relaxed) || now.saturating_sub(left) >= MARKED;
        self.sessions.tell_again(if is_all { Duration::ZERO } else { left.saturating_sub(MEANWHILE) });
    }
}

/// However it ends, nobody is asked any more.
struct Closed<'a>(&'a Desk);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.set_open(false);
    }
}

fn random() -> Result<String, String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "the system gives no randomness")?;
    Ok(hex(bytes))
}

fn hex(bytes: [u8; 16]) -> String {
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
