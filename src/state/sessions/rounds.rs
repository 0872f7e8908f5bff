//! The look through all sessions, some at a time: what is over is forgotten though no new session comes, and those that are
//! left are counted by how long their users were not active. Between two parts of it no lock is held.

use super::entry::Entry;
use super::store::{Sessions, TABLES, second};
use super::table::Passed;
use crate::decide::time::{Moment, millis};
use crate::state::clock::Clock;
use std::sync::PoisonError;
use std::time::Duration;

/// For how long users were not active, at the least: what is counted, and how it is called.
pub const QUIET: [(&str, Duration); 5] = [
    ("1m", Duration::from_secs(60)),
    ("5m", Duration::from_secs(300)),
    ("15m", Duration::from_secs(900)),
    ("1h", Duration::from_secs(3600)),
    ("8h", Duration::from_secs(28_800)),
];

/// So many places are looked at while requests of their sessions wait: some microseconds.
const PART: usize = 1024;

/// What a lock and the reading of a clock cost, in places.
const EACH: usize = 16;

/// What a look through all sessions found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// How many sessions were left alone for at least as long as [`QUIET`] says.
    pub idle: [usize; QUIET.len()],
    /// How long it worked, without its pauses.
    pub worked: Duration,
    /// The longest for which it held up requests.
    pub held_up: Duration,
}

/// A look through all sessions, and how far it has come.
#[derive(Debug, Default)]
pub struct Rounds {
    table: usize,
    place: usize,
    found: Looked,
}

impl Rounds {
    /// Goes on for about as many places, or to the end: then what was found is told.
    pub fn go_on(&mut self, sessions: &Sessions, clock: &dyn Clock, places: usize) {
        let mut left = places;
        while left > 0 {
            let begun = clock.now();
            left = left.saturating_sub(EACH + self.part(sessions, begun));
            let took = clock.steady().saturating_sub(begun.steady);
            self.found.worked += took;
            self.found.held_up = self.found.held_up.max(took);
            if self.table == TABLES {
                *sessions.looked.lock().unwrap_or_else(PoisonError::into_inner) = std::mem::take(self).found;
                return;
            }
        }
    }

    /// Looks at the next places of one table. Gives how many those were.
    fn part(&mut self, sessions: &Sessions, now: Moment) -> usize {
        let Some(table) = sessions.tables.get(self.table) else { return 0 };
        let idle = &mut self.found.idle;
        let count = |entry: &Entry| {
            let quiet = millis(now.steady).saturating_sub(entry.last());
            let long = QUIET.iter().zip(idle.iter_mut()).filter(|((_, least), _)| quiet >= millis(*least));
            long.for_each(|(_, sessions)| *sessions += 1);
        };
        let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
        let Passed { next, looked, forgotten } = table.pass(self.place, PART, second(now), count);
        drop(table);
        sessions.forgot(forgotten);
        (self.table, self.place) = next.map_or((self.table + 1, 0), |place| (self.table, place));
        looked
    }
}

impl Sessions {
    /// What the last look through all of them found.
    #[must_use]
    pub fn looked_through(&self) -> Looked {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "rounds_tests.rs"]
mod tests;
