//! What one feed holds, put into another one: for a source that goes by another name from now on.

use super::entry::Revoked;
use super::feed::Feed;
use super::set::{Known, Revocations};
use crate::decide::time::Timestamp;

impl Revocations {
    /// Puts all that one feed holds into another one besides, with when it was learned of. Nothing leaves by it: at no time
    /// is an entry in neither. What was taken back there is void here too.
    pub fn carry(&self, from: &Feed, to: &Feed) {
        for step in 0..Self::STEPS {
            let mut held = Vec::new();
            self.held(step, |known| held.extend((known.source == from.id).then_some(known)));
            for Known { target, cutoff, until, learned, .. } in held {
                // It was taken once: the bound of the other one is for what is new.
                self.restore(to, &Revoked { target, cutoff, until }, learned);
            }
        }
        let voids = from.voids().all(Timestamp::default());
        voids.into_iter().for_each(|(target, void)| _ = to.voids().put(target, void));
    }
}
