//! One instance tells what is due, and looks whether the store is still there.

use super::bond::Bond;
use super::share::{BATCH, Joined, Share};
use super::words::part;
use crate::decide::id::Fingerprint;
use crate::decide::session::Life;
use crate::idp::fleet::ServerError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How often it is looked what is due.
const TICK: Duration = Duration::from_millis(50);

/// How often it is looked whether the store is still there.
const SEEN: Duration = Duration::from_millis(500);

/// How often the store is told to stay.
const KEPT: Duration = Duration::from_secs(60);

/// How many of these are told by one command, so that nobody else waits for long meanwhile.
const AT_A_TIME: usize = 128;

/// How soon what could not be told is told again.
const AGAIN: Duration = Duration::from_millis(500);

impl Share {
    /// Until it fails.
    pub(super) async fn telling(&self, joined: &Joined) -> ServerError {
        let (mut seen, mut kept, mut settled) = (Duration::ZERO, self.clock.steady(), None);
        loop {
            let now = self.clock.steady();
            let owes = self.bond.owes();
            // As long as something is owed to a store that was lost, nobody is to believe that it is not there; and to one that
            // was out of reach, that a session was left alone.
            if owes && settled.is_none_or(|settled| now >= settled + SEEN) {
                settled = Some(now);
                if let Err(error) = self.settle(joined).await {
                    return error;
                }
            }
            let told = match self.tell(joined).await {
                Ok(told) => told,
                Err(error) => return error,
            };
            self.bond.pays(&self.sessions);
            // Whether it is still there, and still the same, is seen though nothing is to be told.
            if now >= seen + SEEN {
                let keeps = now >= kept + KEPT;
                (seen, kept) = (now, if keeps { now } else { kept });
                if let Err(error) = self.see(joined, keeps).await {
                    return error;
                }
            }
            if told < BATCH && !self.bond.owes() {
                tokio::time::sleep(TICK).await;
            }
        }
    }

    async fn settle(&self, joined: &Joined) -> Result<(), ServerError> {
        joined.link.clone().ask(&self.bond.settle(), self.server.timeout()).await
    }

    async fn see(&self, joined: &Joined, keeps: bool) -> Result<(), ServerError> {
        let (terms, link) = (self.desk.terms(), &mut joined.link.clone());
        let (keep, strictest) = (keeps.then_some(&terms), self.sessions.strictest());
        let words = self.bond.see(&joined.store, keep, strictest, self.clock.steady());
        let answers = link.ask(&words, self.server.timeout()).await?;
        self.bond.seen(answers, &joined.store, &terms, self.clock.steady())
    }

    /// Tells what is due, and how many that were. What could not be told is not lost.
    pub(super) async fn tell(&self, joined: &Joined) -> Result<usize, ServerError> {
        let mut due = self.sessions.due(self.clock.now(), BATCH);
        due.sort_unstable_by_key(|(print, _)| part(*print));
        let (within, count) = (self.server.timeout(), due.len());
        let mut taken = Taken { share: self, due };
        while !taken.due.is_empty() {
            let some = taken.due.len().min(AT_A_TIME);
            let told = taken.due.get(..some).unwrap_or_default();
            let words = self.bond.tell(&joined.store, told, &self.desk.terms(), self.clock.steady());
            Bond::told(joined.link.clone().ask(&words, within).await?)?;
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
