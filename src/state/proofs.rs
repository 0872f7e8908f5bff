//! The DPoP proofs that were used and could be used again (RFC 9449 §11.1). Bounded, and it forgets by time alone:
//! when it is full it says so, and who asks refuses. What a proof is, and whether it is good, is not known here.
//!
//! It is of one process: another instance, and the same one after a restart, does not know what this one saw.

use crate::decide::evidence::Usage;
use crate::decide::id::Fingerprint;
use crate::decide::time::Timestamp;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many parts it has, each with a lock of its own.
const SHARDS: usize = 16;

/// How many proofs are remembered at once by default: some 11,000 a second, at an age of a minute and the half
/// that it lingers, in 150 MB at worst.
pub const PROOFS: usize = 1 << 20;

/// One key may fill this part of the memory, so that whoever floods it with proofs does not shut out the others.
const SHARE: usize = 8;

/// How many are forgotten at once, at most, so that nobody waits long for the lock. It is more than are added.
const AT_ONCE: usize = 64;

/// The use of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The name of the proof.
    pub proof: Fingerprint,
    /// The name of the key that signed it.
    pub key: Fingerprint,
    /// When it was issued, as it says.
    pub issued: Timestamp,
}

#[derive(Default)]
struct Shard {
    used: HashMap<Fingerprint, Fingerprint, foldhash::fast::RandomState>,
    /// How many there are of each key.
    keys: HashMap<Fingerprint, usize, foldhash::fast::RandomState>,
    ages: BTreeSet<(i64, [u8; 16])>,
    /// When the youngest that was forgotten was issued. What is not younger may have been used: a reload may have
    /// allowed a greater age since.
    horizon: Option<i64>,
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

    /// Uses a proof. It is remembered until it is older than `keep`. Of any number of requests that ask at once, one is
    /// the first.
    #[must_use]
    pub fn take(&self, what: Use, keep: Duration, now: Timestamp) -> Usage {
        // A fingerprint is drawn under a random key, so that nobody can choose its shard.
        let Fingerprint([first, ..]) = what.proof;
        let Some(shard) = self.shards.get(usize::from(first) % SHARDS) else { return Usage::Unknown };
        shard.lock().unwrap_or_else(PoisonError::into_inner).take(what, now.minus(keep), self.bound)
    }
}

impl Shard {
    fn take(&mut self, what: Use, oldest: Timestamp, bound: usize) -> Usage {
        self.forget(oldest.millis());
        if self.used.contains_key(&what.proof) {
            return Usage::Again;
        }
        let forgotten = self.horizon.is_some_and(|horizon| what.issued.millis() <= horizon);
        let of_key = self.keys.get(&what.key).copied().unwrap_or_default();
        if forgotten || self.used.len() >= bound || of_key >= (bound / SHARE).max(1) {
            return Usage::Unknown;
        }
        self.used.insert(what.proof, what.key);
        self.keys.insert(what.key, of_key + 1);
        self.ages.insert((what.issued.millis(), what.proof.0));
        Usage::First
    }

    fn forget(&mut self, oldest: i64) {
        for _ in 0..AT_ONCE {
            let Some((issued, proof)) = self.ages.first().copied().filter(|(issued, _)| *issued < oldest) else {
                return;
            };
            self.ages.remove(&(issued, proof));
            self.horizon = self.horizon.max(Some(issued));
            if let Some(key) = self.used.remove(&Fingerprint(proof)) {
                self.release(key);
            }
        }
    }

    fn release(&mut self, key: Fingerprint) {
        if let Entry::Occupied(mut held) = self.keys.entry(key) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SHARDS, SHARE, Use, UsedProofs};
    use crate::decide::evidence::Usage;
    use crate::decide::id::Fingerprint;
    use crate::decide::time::Timestamp;
    use std::time::Duration;

    const KEEP: Duration = Duration::from_secs(60);

    fn name(first: u8, last: u8) -> Fingerprint {
        let mut bytes = [0; 16];
        (bytes[0], bytes[15]) = (first, last);
        Fingerprint(bytes)
    }

    /// A proof of a shard, by a key of its own.
    fn proof(shard: u8, number: u8, issued: i64) -> Use {
        Use { proof: name(shard, number), key: name(99, number), issued: at(issued) }
    }

    fn at(s: i64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    /// Known to the last instant at which it could be used, forgotten after it, and never pushed out by others.
    #[test]
    fn a_full_memory_refuses_and_only_time_empties_it() {
        let used = UsedProofs::bounded(2 * SHARDS);
        let take = |what, now| used.take(what, KEEP, at(now));
        assert_eq!(take(proof(0, 1, 0), 0), Usage::First);
        assert_eq!(take(proof(0, 1, 0), 60), Usage::Again);
        assert_eq!(take(proof(0, 2, 30), 30), Usage::First);
        assert_eq!(take(proof(0, 3, 60), 60), Usage::Unknown);
        assert_eq!(take(proof(0, 1, 0), 60), Usage::Again, "a full memory still knows what it knows");
        assert_eq!(take(proof(1, 3, 60), 60), Usage::First, "another shard has room");
        assert_eq!(take(proof(0, 3, 61), 61), Usage::First);
        assert_eq!(take(proof(0, 2, 30), 61), Usage::Again);
    }

    /// A proof that was forgotten when none of its age was taken is not taken for a new one once they are again.
    #[test]
    fn a_greater_age_does_not_make_used_proofs_new() {
        let used = UsedProofs::bounded(100 * SHARDS);
        assert_eq!(used.take(proof(0, 1, 10), KEEP, at(10)), Usage::First);
        assert_eq!(used.take(proof(0, 2, 150), KEEP, at(150)), Usage::First);
        let longer = 5 * KEEP;
        assert_eq!(used.take(proof(0, 1, 10), longer, at(151)), Usage::Unknown);
        assert_eq!(used.take(proof(0, 3, 11), longer, at(151)), Usage::First);
    }

    #[test]
    fn one_key_does_not_shut_out_the_others() {
        let used = UsedProofs::bounded(2 * SHARE * SHARDS);
        let of_one_key = |number| Use { key: name(7, 7), ..proof(0, number, 0) };
        let taken = (0..100).filter(|number| used.take(of_one_key(*number), KEEP, at(0)) == Usage::First).count();
        assert_eq!(taken, 2);
        assert_eq!(used.take(proof(0, 200, 0), KEEP, at(0)), Usage::First);
        assert_eq!(used.take(Use { issued: at(61), ..of_one_key(101) }, KEEP, at(61)), Usage::First, "time empties it");
    }

    #[test]
    fn of_many_at_once_one_is_the_first() {
        let used = UsedProofs::bounded(SHARDS);
        let firsts = std::thread::scope(|scope| {
            let ask = || scope.spawn(|| used.take(proof(7, 7, 0), KEEP, at(0)) == Usage::First);
            let asked: Vec<_> = (0..8).map(|_| ask()).collect();
            asked.into_iter().map(|one| one.join().unwrap()).filter(|first| *first).count()
        });
        assert_eq!(firsts, 1);
    }
}
