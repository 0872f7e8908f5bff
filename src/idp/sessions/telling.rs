//! One instance tells what is due, and looks whether the store is still there.

use super::joined::Joined;
use super::share::{BATCH, Share};
use super::words::{Asks, part};
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
            let owes = self.owes.load(Relaxed);
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
            self.owes.store(owes && self.sessions.owes(), Relaxed);
            self.lost.fetch_and(self.owes.load(Relaxed), Relaxed);
            // Whether it is still there, and still the same, is seen though nothing is to be told.
            if now >= seen + SEEN {
                let keeps = now >= kept + KEPT;
                (seen, kept) = (now, if keeps { now } else { kept });
                if let Err(error) = self.see(joined, keeps).await {
                    return error;
                }
            }
            if told < BATCH && !self.owes.load(Relaxed) {
                tokio::time::sleep(TICK).await;
            }
        }
    }

    async fn settle(&self, joined: &Joined) -> Result<(), ServerError> {
        let how = (self.settle, self.lost.load(Relaxed));
        self.keys.settle(&mut joined.link.clone(), how, self.server.timeout()).await
    }

    async fn see(&self, joined: &Joined, keeps: bool) -> Result<(), ServerError> {
        let (terms, link) = (self.desk.terms(), &mut joined.link.clone());
        let (keep, counted) = (keeps.then_some(&terms), self.count.least(self.clock.steady()));
        let (mark, known) = (self.mark.load(Relaxed), Some(&joined.store));
        let (settle, strictest) = (self.settle, self.sessions.strictest());
        let asks = Asks { keep, settle, counted, mark, strictest, known };
        let seen = self.keys.see(link, &asks, self.server.timeout()).await?;
        self.mark.store(seen.late, Relaxed);
        self.count.is_late(seen.late, self.clock.steady());
        if !seen.settles {
            self.tried.store(true, Relaxed);
        }
        if joined.store.bears(&terms) { Ok(()) } else { Err(ServerError::TooLong) }
    }

    /// Tells what is due, and how many that were. What could not be told is not lost.
    pub(super) async fn tell(&self, joined: &Joined) -> Result<usize, ServerError> {
        let mut due = self.sessions.due(self.clock.now(), BATCH);
        due.sort_unstable_by_key(|(print, _)| part(*print));
        let (within, count) = (self.server.timeout(), due.len());
        let mut taken = Taken { share: self, due };
        while !taken.due.is_empty() {
            let some = taken.due.len().min(AT_A_TIME);
            let theirs =
                taken.due.iter().take(some).map(|(print, life)| (*print, life.moved(self.count.ahead_at(life.last))));
            let theirs: Vec<(Fingerprint, Life)> = theirs.collect();
            let (link, at) = (&mut joined.link.clone(), (&joined.store, self.count.late(self.clock.steady())));
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
