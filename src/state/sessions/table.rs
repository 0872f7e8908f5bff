//! An open table of sessions with linear probing (Knuth, vol. 3, §6.4, algorithms L and R). Names are drawn under a random
//! key, so that they need no hash. It grows by an eighth at a time: small steps, and little that is free.
//!
//! A byte of each name stands aside. Those of a million sessions fit into the caches of a processor, the sessions do not: a
//! look-up walks along the bytes, and reads of the memory what it looks for, and nothing else.

use super::entry::Entry;
use crate::decide::id::Fingerprint;

#[derive(Default)]
pub(super) struct Table {
    places: Box<[Entry]>,
    tags: Box<[u8]>,
    taken: usize,
    hand: usize,
}

/// What looking at some places came to.
pub(super) struct Passed {
    /// Where to go on; nowhere, at the end.
    pub(super) next: Option<usize>,
    /// At how many places was looked.
    pub(super) looked: usize,
    /// How many sessions were forgotten.
    pub(super) forgotten: usize,
}

/// The fewest places there are, once there is one.
const FEWEST: usize = 8;

/// That of a free place.
const FREE: u8 = 0;

/// What of a name stands aside: bits that choose neither among tables nor within one.
fn tag(print: &[u8; 16]) -> u8 {
    let [_, _, tag, ..] = *print;
    tag.max(FREE + 1)
}

impl Table {
    /// Where a name would stand if all were free. The low half chooses among tables, the high half within one.
    fn home(&self, print: &[u8; 16]) -> usize {
        let [.., a, b, c, d, _, _, _, _] = *print;
        let fair = u64::from(u32::from_le_bytes([a, b, c, d])) * self.tags.len() as u64;
        (fair >> 32) as usize
    }

    fn next(&self, place: usize) -> usize {
        if place + 1 < self.tags.len() { place + 1 } else { 0 }
    }

    /// Where it is.
    fn seek(&self, print: &[u8; 16]) -> Option<usize> {
        let (sought, mut place) = (tag(print), self.home(print));
        loop {
            match *self.tags.get(place)? {
                FREE => return None,
                tag if tag == sought && self.places.get(place)?.print == *print => return Some(place),
                _ => place = self.next(place),
            }
        }
    }

    pub(super) fn get(&self, print: Fingerprint) -> Option<&Entry> {
        self.places.get(self.seek(&print.0)?)
    }

    pub(super) fn get_mut(&mut self, print: Fingerprint) -> Option<&mut Entry> {
        self.places.get_mut(self.seek(&print.0)?)
    }

    /// Adds one that is not there.
    pub(super) fn add(&mut self, entry: Entry) {
        if (self.taken + 1) * 8 > self.tags.len() * 7 {
            self.resize((self.tags.len() / 8 + self.tags.len() + 1).max(FEWEST));
        }
        self.put(entry);
        self.taken += 1;
    }

    fn put(&mut self, entry: Entry) {
        let mut place = self.home(&entry.print);
        while self.tags.get(place).is_some_and(|tag| *tag != FREE) {
            place = self.next(place);
        }
        self.set(place, entry);
    }

    fn set(&mut self, place: usize, entry: Entry) {
        if let (Some(tag_there), Some(there)) = (self.tags.get_mut(place), self.places.get_mut(place)) {
            *tag_there = if entry.is_free() { FREE } else { tag(&entry.print) };
            *there = entry;
        }
    }

    fn resize(&mut self, places: usize) {
        let old = std::mem::replace(&mut self.places, vec![Entry::default(); places].into());
        self.tags = vec![FREE; places].into();
        self.hand = 0;
        old.into_iter().filter(|entry| !entry.is_free()).for_each(|entry| self.put(entry));
    }

    /// Looks at the next few places, and forgets what is over. Gives how many those were.
    pub(super) fn sweep(&mut self, places: usize, now: u32) -> usize {
        let before = self.taken;
        for _ in 0..places.min(self.places.len()) {
            match self.places.get(self.hand) {
                // What moves up into the place is looked at next.
                Some(entry) if !entry.is_free() && entry.is_over(now) => self.remove(self.hand),
                Some(_) => self.hand += 1,
                None => self.hand = 0,
            }
        }
        self.shrink();
        before - self.taken
    }

    /// Looks at some places from this one on, forgets what is over, and tells of the rest. At the end it begins anew with
    /// the first one.
    pub(super) fn pass(&mut self, from: usize, places: usize, now: u32, mut told: impl FnMut(&Entry)) -> Passed {
        let (before, mut place, mut looked) = (self.taken, from, 0);
        while looked < places
            && let Some(entry) = self.places.get(place)
        {
            looked += 1;
            // What moves up into the place is looked at next.
            if !entry.is_free() && entry.is_over(now) {
                self.remove(place);
                continue;
            }
            Some(entry).filter(|entry| !entry.is_free()).into_iter().for_each(&mut told);
            place += 1;
        }
        let (next, forgotten) = (Some(place).filter(|place| *place < self.places.len()), before - self.taken);
        if next.is_none() {
            self.shrink();
        }
        Passed { next, looked, forgotten }
    }

    fn shrink(&mut self) {
        if self.taken * 4 < self.places.len() && self.places.len() > FEWEST {
            self.resize((self.taken * 3 / 2).max(FEWEST));
        }
    }

    /// Moves up what stands behind it and would else not be found.
    fn remove(&mut self, mut hole: usize) {
        let mut place = hole;
        loop {
            place = self.next(place);
            let Some(entry) = self.places.get(place).filter(|entry| !entry.is_free()).copied() else { break };
            let home = self.home(&entry.print);
            let stays = if hole <= place { hole < home && home <= place } else { hole < home || home <= place };
            if !stays {
                self.set(hole, entry);
                hole = place;
            }
        }
        self.set(hole, Entry::default());
        self.taken -= 1;
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.places.iter_mut().filter(|entry| !entry.is_free())
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.places) + self.tags.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Table};
    use crate::decide::id::Fingerprint;
    use crate::decide::session::Life;
    use std::collections::HashMap;

    fn print(number: u64) -> Fingerprint {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&(number as u16 + 1).to_le_bytes());
        // Few tags, so that many are alike.
        bytes[2] = (number % 5) as u8;
        // Homes that crowd: a quarter of all places.
        bytes[8..12].copy_from_slice(&((number as u32).wrapping_mul(2_654_435_769) >> 2).to_le_bytes());
        Fingerprint(bytes)
    }

    /// Whatever is added and forgotten, all that is left is found, and nothing else.
    #[test]
    fn as_a_map_does() {
        let (mut table, mut map, mut next) = (Table::default(), HashMap::new(), 7_u64);
        let mut random = move || {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            next >> 33
        };
        for round in 0..40_000_u32 {
            let number = random() % 900;
            if table.get(print(number)).is_none() {
                let mut entry = Entry::new(print(number));
                let keep = round + (random() % 700) as u32;
                entry.set(&Life::default(), keep);
                table.add(entry);
                map.insert(number, keep);
            }
            if round % 3 == 0 {
                table.sweep(40, round);
                map.retain(|number, keep| *keep >= round || table.get(print(*number)).is_some());
            }
            if round % 500 == 0 {
                let found = (0..900).filter(|number| table.get(print(*number)).is_some());
                assert!(found.eq((0..900).filter(|number| map.contains_key(number))), "round {round}");
                assert_eq!(table.taken, map.len());
            }
        }
        let full = table.places.len();
        for _ in 0..100 {
            table.sweep(40, u32::MAX);
        }
        assert_eq!(table.taken, 0);
        assert!(table.places.len() < full);
    }
}
