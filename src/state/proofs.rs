//! The DPoP proofs that were used and could be used again (RFC 9449 §11.1). Bounded, and it forgets by time alone:
//! when it is full it says so, and who asks refuses. What a proof is, and whether it is good, is not known here.
//!
//! It is of one process: another instance, and the same one after a restart, does not know what this one saw.

use crate::decide::evidence::Usage;
use crate::decide::id::Fingerprint;
use crate::decide::time::Timestamp;
use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

/// How many parts it has, each with a lock of its own.
const SHARDS: usize = 16;

/// How many proofs are remembered at once by default: some 11,000 a second, at an age of a minute and the half
/// that it lingers, in 100 MB at worst.
pub const PROOFS: usize = 1 << 20;

/// How many are forgotten at once, at most, so that nobody waits long for the lock. It is more than are added.
const AT_ONCE: usize = 64;

#[derive(Default)]
struct Shard {
    used: HashSet<Fingerprint, foldhash::fast::RandomState>,
    ends: BTreeSet<(i64, [u8; 16])>,
}

/// The proofs that were used.
pub struct UsedProofs {
    shards: [Mutex<Shard>; SHARDS],
    bound: usize,
}

impl UsedProofs {
    /// Remembers at most so many.
    #[must_use]
    pub fn bounded(proofs: usize) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), bound: proofs / SHARDS }
    }

    /// Uses a proof, which could be used again up to and including the instant `until`. Of any number of requests
    /// that ask at once, one is the first.
    #[must_use]
    pub fn take(&self, proof: Fingerprint, until: Timestamp, now: Timestamp) -> Usage {
        // A fingerprint is drawn under a random key, so that nobody can choose its shard.
        let Fingerprint([first, ..]) = proof;
        let Some(shard) = self.shards.get(usize::from(first) % SHARDS) else { return Usage::Unknown };
        shard.lock().unwrap_or_else(PoisonError::into_inner).take(proof, until, now, self.bound)
    }
}

impl Shard {
    fn take(&mut self, proof: Fingerprint, until: Timestamp, now: Timestamp, bound: usize) -> Usage {
        self.forget(now);
        if self.used.contains(&proof) {
            return Usage::Again;
        }
        if self.used.len() >= bound {
            return Usage::Unknown;
        }
        self.used.insert(proof);
        self.ends.insert((until.millis(), proof.0));
        Usage::First
    }

    fn forget(&mut self, now: Timestamp) {
        for _ in 0..AT_ONCE {
            let Some((end, proof)) = self.ends.first().copied().filter(|(end, _)| *end < now.millis()) else { return };
            self.ends.remove(&(end, proof));
            self.used.remove(&Fingerprint(proof));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SHARDS, UsedProofs};
    use crate::decide::evidence::Usage;
    use crate::decide::id::Fingerprint;
    use crate::decide::time::Timestamp;

    fn proof(first: u8, last: u8) -> Fingerprint {
        let mut bytes = [0; 16];
        (bytes[0], bytes[15]) = (first, last);
        Fingerprint(bytes)
    }

    fn at(s: i64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    /// Known to the last instant at which it could be used, forgotten after it, and never pushed out by others.
    #[test]
    fn a_full_memory_refuses_and_only_time_empties_it() {
        let used = UsedProofs::bounded(2 * SHARDS);
        assert_eq!(used.take(proof(0, 1), at(60), at(0)), Usage::First);
        assert_eq!(used.take(proof(0, 1), at(60), at(60)), Usage::Again);
        assert_eq!(used.take(proof(0, 2), at(90), at(30)), Usage::First);
        assert_eq!(used.take(proof(0, 3), at(90), at(60)), Usage::Unknown);
        assert_eq!(used.take(proof(0, 1), at(60), at(60)), Usage::Again, "a full memory still knows what it knows");
        assert_eq!(used.take(proof(1, 3), at(90), at(60)), Usage::First, "another shard has room");
        assert_eq!(used.take(proof(0, 3), at(120), at(61)), Usage::First);
        assert_eq!(used.take(proof(0, 2), at(90), at(61)), Usage::Again);
    }

    #[test]
    fn of_many_at_once_one_is_the_first() {
        let used = UsedProofs::bounded(SHARDS);
        let firsts = std::thread::scope(|scope| {
            let ask = || scope.spawn(|| used.take(proof(7, 7), at(60), at(0)) == Usage::First);
            let asked: Vec<_> = (0..8).map(|_| ask()).collect();
            asked.into_iter().map(|one| one.join().unwrap()).filter(|first| *first).count()
        });
        assert_eq!(firsts, 1);
    }
}
