//! One instance asks for those who wait at the desk.

use super::joined::Joined;
use super::record::Found;
use super::share::{BATCH, Share};
use super::words::SKEW;
use crate::decide::id::Fingerprint;
use crate::decide::session::Life;
use crate::decide::time::millis;
use crate::idp::fleet::ServerError;
use crate::state::sessions::{Question, Questions};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::sync::atomic::Ordering::Relaxed;

/// How many times others are asked before the first answer came.
const AT_ONCE: usize = 32;

impl Share {
    /// Until it fails. What comes while others are asked is asked together.
    pub(super) async fn answering(&self, joined: &Joined, questions: &mut Questions) -> ServerError {
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
        let (terms, within, at) = (self.desk.terms(), self.server.timeout(), self.count.late(self.clock.steady()));
        let (link, mark) = (&mut joined.link.clone(), self.mark.load(Relaxed));
        let looked = match self.keys.look(link, (&joined.store, at, mark), &prints, &terms, within).await {
            // Whoever waited was not answered; whether it is there at all is seen by the one who tells.
            Err(ServerError::Time) => return Ok(()),
            looked => looked?,
        };
        let now = self.clock.now();
        self.count.is_late(looked.late, now.steady);
        // Until all have told what they hold, one may know more than what is found: a later activity, or an end.
        let settles = looked.settles || millis(now.steady) < self.settles.load(Relaxed);
        // Nor does it tell of what is not there, if that was sought by a time that it was not.
        let tells = looked.late.saturating_sub(at).abs() <= SKEW;
        // Nor is a silence that ends it known, if it may have been broken while nobody could tell.
        let strictest = if looked.was_away { self.sessions.strictest() } else { i64::MAX };
        let is_silent = |life: &Life| looked.late.saturating_sub(life.last).max(life.doubted()) > strictest;
        let mut missing = Vec::new();
        for (print, found) in looked.found {
            let theirs = match found {
                _ if settles => None,
                _ if looked.was_away && self.sessions.doubted(print) > strictest => None,
                Found::Life(life) if is_silent(&life) => None,
                Found::Life(life) => {
                    within_reach(&life, looked.late).map(|life| Some(life.moved(self.count.ahead().saturating_neg())))
                }
                Found::Nothing => tells.then_some(None),
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
}

/// What was done there when it was not yet so late says nothing of how long nothing was done.
fn within_reach(life: &Life, late: i64) -> Option<Life> {
    Some(*life).filter(|life| life.last <= late.saturating_add(SKEW))
}
