//! One instance asks for those who wait at the desk.

use super::share::{BATCH, Joined, Share};
use crate::decide::id::Fingerprint;
use crate::idp::fleet::ServerError;
use crate::state::sessions::{Question, Questions};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

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
        let (terms, link) = (self.desk.terms(), &mut joined.link.clone());
        let look = self.bond.look(&joined.store, prints, &terms, self.clock.steady());
        let answers = match link.ask(&look.words, self.server.timeout()).await {
            // Whoever waited was not answered; whether it is there at all is seen by the one who tells.
            Err(ServerError::Time) => return Ok(()),
            answers => answers?,
        };
        let missing = self.bond.learn(&look, answers, (&self.sessions, &terms), self.clock.now())?;
        for question in batch {
            let known = !missing.contains(&question.print);
            question.answered(known);
        }
        Ok(())
    }
}
