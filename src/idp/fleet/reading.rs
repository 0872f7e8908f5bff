//! What the others tell, taken in.

use super::block::{self, Block, Manner};
use super::member::Member;
use super::server::{Link, ServerError};
use super::stands::{Stand, Taken};
use super::words::{COUNT, Id};
use crate::idp::events::Outcome;
use crate::idp::told;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The stream is not read again from its beginning sooner than this after it was.
const REST: Duration = Duration::from_secs(15);

impl Member {
    /// Reads on from where it was, as long as the stream is the same.
    pub(super) async fn read(&self, link: &mut Link, epoch: &str) -> Result<(), ServerError> {
        loop {
            let (after, asked) = (self.progress().read, self.clock.now());
            let (name, entries) = self.keys.read(link, after, self.server.timeout()).await?;
            if name.as_deref() != Some(epoch) {
                return Err(ServerError::Lost);
            }
            let all = entries.len() < COUNT;
            for (at, content) in entries {
                self.take(at, content.as_deref());
                // A whole stream may have to be read: others have their turn in between.
                tokio::task::yield_now().await;
            }
            if all {
                self.stands.heard(asked);
                self.make_good();
            }
        }
    }

    /// Takes in one entry of the stream. What nobody of the fleet wrote says nothing, and is passed over.
    fn take(&self, at: Id, content: Option<&[u8]>) {
        match content.and_then(|content| block::read(&self.prints, content)) {
            Some(block) if block.origin == self.origin => {}
            Some(block) => self.enforce(&block),
            None => self.outcome(Outcome::Refused, 1),
        }
        self.progress().read = at;
        self.counts.position_ms.store(at.0, Relaxed);
    }

    fn enforce(&self, block: &Block) {
        let Taken { enforced, repeated, foreign, refused } = self.stands.take(&block.notes, self.clock.now().wall);
        self.outcome(Outcome::Enforced, enforced);
        self.outcome(Outcome::Repeated, repeated);
        if refused > 0 {
            self.outcome(Outcome::Failed, 1);
            return self.refused(refused);
        }
        self.outcome(Outcome::Ignored, foreign);
        if foreign > 0 {
            self.progress().foreign = true;
        }
        // What was written twice, because the first answer was lost, came when it came first.
        if let (Manner::News, Some(stand), 1..) = (block.manner, self.any(), enforced) {
            block.notes.iter().for_each(|note| told::lagged(&stand.providers, note.learned));
        }
    }

    /// There was no room for so many. That is told once each time that the stream is read.
    fn refused(&self, refused: u64) {
        let mut progress = self.progress();
        if progress.refused == 0 {
            tracing::error!("what the fleet tells is more than `revocation.fleet.max_entries`: it is incomplete here");
        }
        progress.refused += refused;
    }

    /// What there was no room for is in the stream still, or whoever cut that off has written it anew. So it is read once
    /// more from its beginning when there is room again, but not all the time; and what was read whole is whole.
    fn make_good(&self) {
        let (mut progress, now) = (self.progress(), self.clock.now());
        let rested = progress.made_good.is_none_or(|last| now.steady.saturating_sub(last.steady) >= REST);
        match progress.refused {
            0 => self.stands.are_whole(now),
            refused if rested && self.stands.has_room(refused, now) => {
                (progress.read, progress.refused, progress.made_good) = (Id::default(), 0, Some(now));
            }
            _ => {}
        }
    }

    /// All issuers have the same counts.
    fn any(&self) -> Option<Arc<Stand>> {
        self.stands.all().pop()
    }

    fn outcome(&self, outcome: Outcome, times: u64) {
        if let Some(stand) = self.any() {
            (0..times).for_each(|_| stand.providers.events().count(outcome));
        }
    }

    /// Whether what is held here is all there is.
    pub(super) fn holds_all(&self) -> bool {
        !self.progress().foreign && self.stands.is_complete(self.clock.now())
    }
}
