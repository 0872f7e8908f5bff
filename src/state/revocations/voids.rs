//! What was taken back of what a feed may be told again: by when, and for how long that is remembered. In one order with
//! what is told; bounded.

use super::entry::Target;
use crate::decide::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// No more targets are remembered; the oldest go first, half of them at once.
const MOST: usize = 100_000;

/// One that was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Void {
    /// What was said of it before this time is void.
    pub at: Timestamp,
    /// Until when that is remembered.
    pub until: Timestamp,
}

/// All that was taken back.
#[derive(Default)]
pub struct Voids {
    all: Mutex<HashMap<Target, Void>>,
}

impl Voids {
    /// Remembers one; tells whether that is new.
    pub fn put(&self, target: Target, void: Void) -> bool {
        let mut all = self.lock();
        if all.get(&target).is_some_and(|known| known.at >= void.at) {
            return false;
        }
        all.insert(target, void);
        if all.len() > MOST {
            let mut times: Vec<Timestamp> = all.values().map(|void| void.at).collect();
            let (_, middle, _) = times.select_nth_unstable(MOST / 2);
            let middle = *middle;
            all.retain(|_, void| void.at > middle);
        }
        true
    }

    /// When this was taken back last.
    #[must_use]
    pub fn at(&self, target: Target) -> Option<Timestamp> {
        self.lock().get(&target).map(|void| void.at)
    }

    /// All that are still to be remembered; the others are forgotten.
    #[must_use]
    pub fn all(&self, now: Timestamp) -> Vec<(Target, Void)> {
        let mut all = self.lock();
        all.retain(|_, void| now < void.until);
        all.iter().map(|(target, void)| (*target, *void)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Target, Void>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::id::Fingerprint;

    fn void(at: i64, until: i64) -> Void {
        Void { at: Timestamp::from_secs(at), until: Timestamp::from_secs(until) }
    }

    #[test]
    fn the_latest_counts_until_its_term() {
        let (voids, target) = (Voids::default(), Target::Issuer);
        assert!(
            voids.put(target, void(10, 100)) && !voids.put(target, void(10, 200)) && !voids.put(target, void(9, 200))
        );
        assert!(voids.put(target, void(11, 50)));
        assert_eq!(voids.at(target), Some(Timestamp::from_secs(11)));
        assert_eq!(voids.all(Timestamp::from_secs(49)), [(target, void(11, 50))]);
        assert!(voids.all(Timestamp::from_secs(50)).is_empty() && voids.at(target).is_none());
    }

    #[test]
    fn the_oldest_go_at_the_bound() {
        let voids = Voids::default();
        let target = |number: usize| Target::Subject(Fingerprint((number as u128).to_be_bytes()));
        (0..=MOST).for_each(|number| assert!(voids.put(target(number), void(number as i64, i64::MAX / 1000))));
        let left = voids.all(Timestamp::default());
        assert!(left.len() <= MOST / 2 + 1 && voids.at(target(MOST)).is_some() && voids.at(target(0)).is_none());
    }
}
