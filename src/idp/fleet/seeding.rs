//! Everything that is held, written anew: into a stream that was lost, for an instance that could not keep up with its
//! queue, or to make a stream shorter. Whoever reads what he knows already changes nothing by it.

use super::block::{ENTRIES, Manner};
use super::member::Member;
use super::server::{Link, ServerError};
use super::standing::count;
use super::words::Id;
use crate::state::revocations::Revocations;

/// So many entries make full blocks.
const ENOUGH: usize = 16 * ENTRIES;

/// How far it has come.
pub(super) struct Seeding {
    step: usize,
    why: Why,
}

enum Why {
    Wished(u64),
    UpTo(Id),
}

impl Seeding {
    /// It was wished.
    pub(super) const fn wished(number: u64) -> Self {
        Self { step: 0, why: Why::Wished(number) }
    }

    /// What comes before this place is cut off afterwards.
    pub(super) const fn up_to(place: Id) -> Self {
        Self { step: 0, why: Why::UpTo(place) }
    }
}

impl Member {
    /// One step; tells whether it was the last one. What was lifted goes first, so that nobody enforces it in between.
    pub(super) async fn seed(&self, link: &mut Link, seeding: &mut Seeding) -> Result<bool, ServerError> {
        if seeding.step == 0 {
            let mut lifted = self.stands.lifted(self.clock.now().wall);
            lifted.sort_unstable_by(|one, other| one.iss.cmp(&other.iss));
            self.tell(link, Manner::Again, &lifted).await?;
        }
        let mut held = Vec::new();
        while held.len() < ENOUGH && seeding.step < Revocations::STEPS {
            self.stands.held(&self.revocations, seeding.step, &mut held);
            seeding.step += 1;
        }
        held.sort_unstable_by(|one, other| one.iss.cmp(&other.iss));
        self.tell(link, Manner::Again, &held).await?;
        tokio::task::yield_now().await;
        if seeding.step < Revocations::STEPS {
            return Ok(false);
        }
        match seeding.why {
            Why::Wished(number) => {
                self.outbox.seeded(number);
                count(&self.counts.reseeds, 1);
            }
            Why::UpTo(place) => {
                self.keys.trim(link, place, self.server.timeout()).await?;
                count(&self.counts.compactions, 1);
            }
        }
        Ok(true)
    }
}
