//! One instance among those that share their sessions: it tells behind, in batches, and asks for those who wait at the desk.

use super::bond::Bond;
use super::words::Store;
use crate::idp::backoff::Backoff;
use crate::idp::fleet::settings::RedisSettings;
use crate::idp::fleet::{Link, Server, ServerError};
use crate::notice::{Trouble, supervised_with};
use crate::state::clock::Clock;
use crate::state::fingerprint::{Fingerprints, Kind};
use crate::state::sessions::{Desk, Questions, Sessions};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

/// How many sessions are told, or asked about, at once.
pub(super) const BATCH: usize = 1024;

/// A store that was joined.
pub(super) struct Joined {
    pub(super) store: Store,
    pub(super) link: Link,
}

/// One instance.
pub struct Share {
    pub(super) server: Server,
    pub(super) bond: Bond,
    pub(super) sessions: Arc<Sessions>,
    pub(super) desk: Arc<Desk>,
    prints: Arc<Fingerprints>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) told: AtomicU64,
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
        let (bond, told) = (Bond::new(prefix, &random()?, settle), AtomicU64::new(0));
        Ok(Self { server, bond, sessions, desk, prints, clock, told, away: Trouble::default() })
    }

    /// How often a session was told.
    pub fn told(&self) -> u64 {
        self.told.load(Relaxed)
    }

    /// Whether it was tried to join, and what was joined first had settled: what comes of it later is for policies.
    pub fn was_tried(&self) -> bool {
        self.bond.was_tried()
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
        self.bond.tried();
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
        let (terms, strictest) = (self.desk.terms(), self.sessions.strictest());
        let mut link = self.server.connect(Duration::ZERO).await?;
        let key = hex(self.prints.of(Kind::Fleet, "sessions", b"").0);
        let now = self.clock.now();
        // Without randomness the time tells two stores from each other.
        let name = format!("{}-{}", random().unwrap_or_default(), now.wall.millis());
        let words = self.bond.join((&name, &key), (&terms, strictest), now.steady);
        let answers = link.ask(&words, self.server.timeout()).await?;
        let (store, since) = self.bond.joined(answers, &key, &terms, self.clock.steady())?;
        since.into_iter().for_each(|since| self.sessions.tell_again(since));
        Ok(Joined { store, link })
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
