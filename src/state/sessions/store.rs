//! The store: many small tables, each with a lock of its own that is held for one look. Bounded: a session that finds no
//! room is not kept, and who needs to know of it learns that it cannot be told. Nothing is forgotten for room.
//!
//! It is of one process: another instance, and the same one after a restart, does not know what this one saw.

use super::entry::Entry;
use super::name::Name;
use super::rounds::Looked;
use super::sharing::Sharing;
use super::table::Table;
use super::vouched::Vouched;
use crate::decide::id::Fingerprint;
use crate::decide::reason::Reason;
use crate::decide::session::{Basis, Knowledge, Life, OnFull, Shown};
use crate::decide::time::{Moment, millis};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many tables there are: so many that growing one is short.
pub(super) const TABLES: usize = 1024;

/// How many places are looked at, for what is over, when a session comes that is not held.
const AT_ONCE: usize = 16;

/// For how long a session is kept beyond the instant at which its token would do: as far as clocks may differ.
pub const LINGER: Duration = Duration::from_secs(300);

/// How sessions are kept, as the settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How many at most.
    pub max: usize,
    /// How long after its last activity one is remembered, at the least.
    pub remember: Duration,
    /// The greatest length of a session, where all that ask for anything ask for one: after it, the sign-in that a token
    /// tells is enough.
    pub absolute: Option<Duration>,
    /// What to do with one for which there is no room.
    pub on_full: OnFull,
}

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
        let change = |_: &mut Entry, life: Life| if activity == Activity::User { life.touched(now) } else { life };
        self.change(name, shown, now, terms, change)
    }

    /// The same, where others may know of the session, and could not be asked: no silence is told of it that was none.
    pub fn resumed(&self, name: &Name, shown: Shown, now: Moment, activity: Activity, terms: &Terms) -> Turn {
        let change = |entry: &mut Entry, mut life: Life| {
            entry.unheard = true;
            // What a token of an earlier sign-in proves would stand for what the others know.
            let held = entry.life();
            if held.signed_in == life.signed_in && !held.is_of_the_newest(shown) {
                life.before = held.before;
            }
            if activity == Activity::User { life.resumed(now) } else { life }
        };
        self.change(name, shown, now, terms, change)
    }

    /// A request of this session was refused, because it has ended. What the token proved is remembered, so that the next
    /// one proves nothing else; an activity it was not. As long as its tokens come it is not forgotten.
    pub fn refused(&self, name: &Name, shown: Shown, now: Moment, reason: Reason, terms: &Terms) -> Turn {
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
        self.change(name, shown, now, terms, |entry, life| {
            entry.refused(terms.kept_from(millis(now.steady)));
            self.sharing.refused(entry, now, terms);
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
        change: impl FnOnce(&mut Entry, Life) -> Life,
    ) -> Turn {
        let Some(mut table) = self.table(name.print) else { return Turn::None };
        if let Some(entry) = table.get_mut(name.print) {
            let before = entry.life();
            let life = before.shown(shown, now);
            let anew = life.signed_in != before.signed_in;
            if anew {
                entry.ended = 0;
            }
            let life = change(entry, life);
            entry.set(&life, terms.until(&life));
            self.sharing.changed(entry, Some(&before), &life, now);
            return if anew { Turn::SignedIn } else { Turn::None };
        }
        let Some(life) = Life::cold(shown, now) else { return Turn::None };
        if !self.makes_room(&mut table, now, terms) {
            return Turn::None;
        }
        let mut entry = Entry::new(name.print);
        let life = change(&mut entry, life);
        entry.set(&life, terms.until(&life));
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

impl Terms {
    /// The steady second until which a session is needed: until the sign-in that a token tells is answer enough, and as
    /// long as a token may come that tells none, because not all tokens of a session do.
    pub(super) fn until(&self, life: &Life) -> u32 {
        let absolute = self.absolute.map_or(i64::MIN, |absolute| life.began.saturating_add(millis(absolute)));
        self.kept_from(life.last).max(Self::lingers(absolute))
    }

    /// The same of what was last seen at this steady millisecond.
    fn kept_from(&self, seen: i64) -> u32 {
        Self::lingers(seen.saturating_add(millis(self.remember)))
    }

    fn lingers(ms: i64) -> u32 {
        u32::try_from(ms.saturating_add(millis(LINGER)).max(0) / 1000 + 1).unwrap_or(u32::MAX)
    }
}

pub(super) fn second(now: Moment) -> u32 {
    u32::try_from(now.steady.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
