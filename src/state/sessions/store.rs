//! The store: many small tables, each with a lock of its own that is held for one look. Bounded: a session that finds no
//! room is not kept, and who needs to know of it learns that it cannot be told. Nothing is forgotten for room.
//!
//! It is of one process: another instance, and the same one after a restart, does not know what this one saw.

use super::entry::Entry;
use super::name::Name;
use super::rounds::Looked;
use super::sharing::Sharing;
use super::table::Table;
use super::terms::{Terms, seen};
use super::vouched::Vouched;
use crate::decide::id::Fingerprint;
use crate::decide::reason::Reason;
use crate::decide::session::{Basis, Knowledge, Life, OnFull, Shown};
use crate::decide::time::Moment;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many tables there are: so many that growing one is short.
pub(super) const TABLES: usize = 1024;

/// How many places are looked at, for what is over, when a session comes that is not held.
const AT_ONCE: usize = 16;

/// Whether a request shows that its user is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It does.
    #[default]
    User,
    /// It does not: it comes by itself, as polling, heartbeats and prefetches do.
    None,
}

/// What of a session is new with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    #[default]
    None,
    /// It is seen for the first time.
    First,
    /// Its user signed in anew.
    SignedIn,
    /// It has ended: told once for a sign-in and a limit.
    Ended,
}

/// What telemetry reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that are held.
    pub held: usize,
    /// Sessions that ended by an idle limit, each once for a sign-in.
    pub idle: u64,
    /// The same of the absolute limit.
    pub absolute: u64,
    /// How often a session found no room.
    pub unkept: u64,
    /// How many were forgotten, being over.
    pub forgotten: u64,
}

/// The sessions of which this process knows.
pub struct Sessions {
    pub(super) tables: Box<[Mutex<Table>]>,
    pub(super) sharing: Sharing,
    held: AtomicUsize,
    idle: AtomicU64,
    absolute: AtomicU64,
    unkept: AtomicU64,
    forgotten: AtomicU64,
    /// What the last look through all found.
    pub(super) looked: Mutex<Looked>,
    /// What issuers said of those without room.
    pub vouched: Vouched,
    /// The table that is swept next, when there is no room.
    hand: AtomicUsize,
}

impl Default for Sessions {
    fn default() -> Self {
        let tables = (0..TABLES).map(|_| Mutex::default()).collect();
        let (held, hand) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let sharing = Sharing::default();
        Self {
            tables,
            sharing,
            held,
            idle: AtomicU64::new(0),
            absolute: AtomicU64::new(0),
            unkept: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            looked: Mutex::default(),
            vouched: Vouched::default(),
            hand,
        }
    }
}

impl Sessions {
    /// What is known of a session, for one of its tokens.
    #[must_use]
    pub fn known(&self, name: &Name, shown: Shown, now: Moment, terms: &Terms) -> Knowledge {
        let key = name.key();
        let held = self.table(name.print).and_then(|table| table.get(name.print).map(Entry::life));
        if let Some(life) = held {
            return Knowledge::Known(key, Basis::Held, life.shown(shown, now).sight(shown, now));
        }
        match Life::cold(shown, now) {
            None => Knowledge::Undated(key),
            Some(life) => match (self.has_room(now, terms), terms.on_full) {
                (true, _) => Knowledge::Known(key, Basis::Token, life.sight(shown, now)),
                (false, OnFull::Introspect) => Knowledge::Known(key, Basis::Unkept, life.sight(shown, now)),
                (false, OnFull::Deny) => Knowledge::NoRoom(key),
            },
        }
    }

    /// A request of this session was admitted. One that shows no activity is remembered all the same: else each new token
    /// would look like one.
    pub fn admitted(&self, name: &Name, shown: Shown, now: Moment, activity: Activity, terms: &Terms) -> Turn {
        let change = |_: &mut Entry, _: Option<&Life>, life: Life| {
            if activity == Activity::User { life.touched(now) } else { life }
        };
        self.change(name, shown, now, terms, change)
    }

    /// The same, where others may know of the session, and could not be asked: how long it was left alone before is in doubt
    /// until they are heard. What shows no activity is not remembered of one that is not held: what the token proves would
    /// stand for one, and it may be a refreshed one.
    pub fn resumed(&self, name: &Name, shown: Shown, now: Moment, activity: Activity, terms: &Terms) -> Turn {
        if activity == Activity::None && !self.holds(name) {
            return Turn::None;
        }
        let change = |entry: &mut Entry, held: Option<&Life>, mut life: Life| {
            entry.unheard = true;
            // What a token of an earlier sign-in proves would stand for what the others know.
            if let Some(held) = held.filter(|held| held.signed_in == life.signed_in && !held.is_of_the_newest(shown)) {
                life.before = held.before;
            }
            if activity == Activity::None {
                return life;
            }
            self.sharing.heard_until(entry).map_or(life, |at| life.silent_until(at)).resumed(now, held.is_none())
        };
        self.change(name, shown, now, terms, change)
    }

    fn holds(&self, name: &Name) -> bool {
        self.table(name.print).is_some_and(|table| table.get(name.print).is_some())
    }

    /// A request of this session was refused, because it has ended. What the token proved is remembered, so that the next
    /// one proves nothing else; an activity it was not. As long as its tokens come it is not forgotten.
    pub fn refused(&self, name: &Name, shown: Shown, now: Moment, reason: Reason, terms: &Terms) -> Turn {
        self.ended(name, shown, now, reason, terms, false)
    }

    /// The same, where others may know of the session, and could not be asked: that its token was renewed proves nothing.
    pub fn refused_unheard(&self, name: &Name, shown: Shown, now: Moment, reason: Reason, terms: &Terms) -> Turn {
        if shown.signed_in.is_none() && !self.holds(name) {
            return Turn::None;
        }
        self.ended(name, shown, now, reason, terms, true)
    }

    fn ended(&self, name: &Name, shown: Shown, now: Moment, reason: Reason, terms: &Terms, unheard: bool) -> Turn {
        let (bit, counter) = match reason {
            Reason::SessionIdleTimeout => (1, &self.idle),
            Reason::SessionAbsoluteTimeout => (2, &self.absolute),
            Reason::SessionUnavailable => {
                self.unkept.fetch_add(1, Ordering::Relaxed);
                return Turn::None;
            }
            _ => return Turn::None,
        };
        let mut ended = false;
        self.change(name, shown, now, terms, |entry, held, mut life| {
            if unheard && held.is_none() {
                (entry.unheard, life.last) = (true, life.began);
            }
            // Tokens of an earlier sign-in go on to be refused after a newer one.
            if entry.ended & bit == 0 && shown.signed_in >= life.signed_in {
                entry.ended |= bit;
                counter.fetch_add(1, Ordering::Relaxed);
                ended = true;
            }
            life
        });
        if ended { Turn::Ended } else { Turn::None }
    }

    fn change(
        &self,
        name: &Name,
        shown: Shown,
        now: Moment,
        terms: &Terms,
        change: impl FnOnce(&mut Entry, Option<&Life>, Life) -> Life,
    ) -> Turn {
        let Some(mut table) = self.table(name.print) else { return Turn::None };
        if let Some(entry) = table.get_mut(name.print) {
            let before = entry.life();
            let life = before.shown(shown, now);
            let anew = life.signed_in != before.signed_in;
            if anew {
                entry.ended = 0;
            }
            let life = change(entry, Some(&before), life);
            let seen = seen(name, &life, now);
            entry.set(&life, terms.until(&life, seen));
            if seen > life.last && before == life {
                self.sharing.unchanged(entry, now, terms);
            } else {
                self.sharing.changed(entry, Some(&before), &life, now);
            }
            return if anew { Turn::SignedIn } else { Turn::None };
        }
        let Some(life) = Life::cold(shown, now) else { return Turn::None };
        if !self.makes_room(&mut table, now, terms) {
            return Turn::None;
        }
        let mut entry = Entry::new(name.print);
        let life = change(&mut entry, None, life);
        entry.set(&life, terms.until(&life, seen(name, &life, now)));
        self.sharing.changed(&mut entry, None, &life, now);
        table.add(entry);
        Turn::First
    }

    /// Takes room for one more in this table, if there is any.
    pub(super) fn makes_room(&self, table: &mut Table, now: Moment, terms: &Terms) -> bool {
        self.forgot(table.sweep(AT_ONCE, second(now)));
        let room = |held: usize| (held < terms.max).then_some(held + 1);
        let taken = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok();
        self.unkept.fetch_add(u64::from(!taken), Ordering::Relaxed);
        taken
    }

    /// Whether one more may be kept. Where not, some that are over are looked for first, in one table after the other.
    fn has_room(&self, now: Moment, terms: &Terms) -> bool {
        if self.held.load(Ordering::Relaxed) < terms.max {
            return true;
        }
        let next = self.hand.fetch_add(1, Ordering::Relaxed) % TABLES;
        if let Some(Ok(mut table)) = self.tables.get(next).map(Mutex::try_lock) {
            self.forgot(table.sweep(4 * AT_ONCE, second(now)));
        }
        self.held.load(Ordering::Relaxed) < terms.max
    }

    /// So many were over.
    pub(super) fn forgot(&self, sessions: usize) {
        self.held.fetch_sub(sessions, Ordering::Relaxed);
        self.forgotten.fetch_add(sessions as u64, Ordering::Relaxed);
    }

    pub(super) fn table(&self, print: Fingerprint) -> Option<MutexGuard<'_, Table>> {
        // A fingerprint is drawn under a random key, so that nobody can choose its table.
        let Fingerprint([low, high, ..]) = Some(print).filter(|print| *print != Name::NONE.print)?;
        let table = self.tables.get(usize::from(u16::from_le_bytes([low, high])) % TABLES)?;
        Some(table.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            held: self.held.load(Ordering::Relaxed),
            idle: self.idle.load(Ordering::Relaxed),
            absolute: self.absolute.load(Ordering::Relaxed),
            unkept: self.unkept.load(Ordering::Relaxed),
            forgotten: self.forgotten.load(Ordering::Relaxed),
        }
    }

    /// How much memory the sessions take, free places included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let tables = self.tables.iter().map(|table| table.lock().unwrap_or_else(PoisonError::into_inner).bytes());
        tables.sum::<usize>() + TABLES * size_of::<Mutex<Table>>()
    }
}

pub(super) fn second(now: Moment) -> u32 {
    u32::try_from(now.steady.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "resumed_tests.rs"]
mod resumed_tests;
