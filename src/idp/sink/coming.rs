//! What is still coming, taken in entry by entry, so that it is never in memory as a whole.

use super::{Batch, Sink, picked};
use crate::decide::time::Timestamp;
use crate::idp::feed::Understood;
use crate::idp::place::Place;
use crate::idp::sources::poll::Percent;
use crate::settings::OrOff;
use crate::state::journal::sum;
use crate::state::revocations::Revoked;

/// So many entries of a delta are taken in at once.
const PIECE: usize = 4096;

impl Sink {
    /// Takes in what is still coming, entry by entry; `complete` says whether these will be all. What the source said
    /// before and is not among them is taken back once they came to their good end, never before, and not if that is more
    /// than `max_shrink` percent of it, which is told as held back. Blocks for as long as
    /// they come: not for a task. Whether the source is fresh by it is left to who asked; the place is where the next poll
    /// goes on, also after a restart.
    ///
    /// # Errors
    /// The first fault: of those that were coming, or that not all could be kept. Then nothing is taken back.
    pub fn take_in<E: std::fmt::Display>(
        &self,
        entries: impl Iterator<Item = Result<Understood, E>>,
        complete: bool,
        place: &Place,
        max_shrink: OrOff<Percent>,
    ) -> Result<(), String> {
        let learned = self.clock.now().wall;
        let told = entries.map(|entry| entry.map_err(|fault| fault.to_string()));
        let cursor = place.kept(&self.mark);
        let batch = Batch::default();
        let taken = if complete {
            self.exchange(told, learned, cursor, (max_shrink, &batch))
        } else {
            self.take_more(told, learned, cursor, &batch)
        };
        self.audit_batch(&batch, taken.is_ok());
        taken
    }

    /// Takes in all that the source says, in place of what it said.
    fn exchange(
        &self,
        mut entries: impl Iterator<Item = Result<Understood, String>>,
        learned: Timestamp,
        cursor: Option<Vec<u8>>,
        (max_shrink, batch): (OrOff<Percent>, &Batch),
    ) -> Result<(), String> {
        let mut snapshot = self.revocations.begin(&self.feed, learned).ok_or("another snapshot is under way")?;
        let (mut said, late) = (0, self.late(true));
        entries.try_for_each(|entry| {
            let entry = entry?;
            let what = self.revoked(&entry, learned);
            said = sum(said, &Revoked { until: entry.until, ..what });
            let news = snapshot.put(&what).map_err(|full| full.to_string())?;
            batch.saw(Some(&what), news);
            late.tell(news, entry.happened);
            Ok::<(), String>(())
        })?;
        self.finish(snapshot, max_shrink, batch)?;
        if let Some(account) = &self.account {
            account.turn().exchanged(said, learned, cursor.as_deref());
        }
        Ok(())
    }

    /// Takes in what the source says besides, in pieces.
    fn take_more(
        &self,
        mut entries: impl Iterator<Item = Result<Understood, String>>,
        learned: Timestamp,
        cursor: Option<Vec<u8>>,
        batch: &Batch,
    ) -> Result<(), String> {
        let late = self.late(false);
        loop {
            let mut fault = None;
            let understood =
                entries.by_ref().take(PIECE).map_while(|entry| entry.map_err(|why| fault = Some(why)).ok());
            let said: Vec<Understood> = understood.collect();
            let piece: Vec<Revoked> = said.iter().map(|entry| self.revoked(entry, learned)).collect();
            let turn = self.account.as_ref().map(|account| account.turn());
            // It may break off, and then it is said again and again: what is written down is not written once more.
            let unwritten = turn.as_ref().map(|_| picked(&piece, &self.unwritten(&said, &piece))).unwrap_or_default();
            let taken = self.add(&piece, learned, |at, news| {
                batch.saw(piece.get(at), news);
                late.tell(news, said.get(at).and_then(|entry| entry.happened));
            });
            let ended = piece.len() < PIECE;
            let cursor = cursor.as_deref().filter(|_| ended && fault.is_none() && taken.is_ok());
            let fit = self.fitting(&unwritten, taken.is_ok());
            turn.into_iter().for_each(|turn| turn.polled(&fit, learned, cursor));
            taken.map_err(|full| full.to_string())?;
            match fault {
                Some(fault) => return Err(fault),
                None if ended => return Ok(()),
                None => {}
            }
        }
    }
}
