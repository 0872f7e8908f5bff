//! What one instance knows of the store that it shares: what it says there, what it makes of the answers, and what of that it
//! believes. Nothing here waits, nothing is sent, and time is told: whoever sends it hands in what was answered.

use super::count::Count;
use super::record::Found;
use super::words::{Asks, Keys, Looked, SKEW, Store};
use crate::decide::id::Fingerprint;
use crate::decide::session::Life;
use crate::decide::time::{Moment, millis};
use crate::idp::fleet::ServerError;
use crate::state::sessions::{Sessions, Terms};
use redis::{Pipeline, Value};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What was told so long before a store went away may not be there when it is joined again: another may have taken its place.
const MEANWHILE: Duration = Duration::from_secs(30);

/// What was used while it was out of reach for longer may be told for so long that others, who find it left alone, believe it
/// (`see.lua`).
const AWAY: Duration = Duration::from_millis(1500);

/// Who was away for so long cannot tell whether an old copy has taken its place: for so long its mark is there (`see.lua`).
const MARKED: Duration = Duration::from_secs(7200);

/// How sessions are kept, and the shortest silence that ends one for some policy, in milliseconds.
pub type Kept<'a> = (&'a Terms, i64);

/// One instance and the store.
pub struct Bond {
    keys: Keys,
    /// So long after a store was lost, all instances have told it again what they hold. Until then one of them may know
    /// more than is there.
    settle: Duration,
    /// Until when that is, in steady milliseconds, of one that was seen to be lost.
    settles: AtomicI64,
    /// Whether a store that was lost, or out of reach, is owed what is held here: also if it is joined again before all of that
    /// was told.
    owes: AtomicBool,
    /// Whether it was lost: then it is owed all.
    lost: AtomicBool,
    /// Whether it was tried to join, and what was joined had settled.
    tried: AtomicBool,
    /// How late it is at the store.
    count: Count,
    /// What was written to the store last, to see whether it is still there: how late it was.
    mark: AtomicI64,
    /// The store that was joined last.
    known: Mutex<Option<Store>>,
}

/// A question about sessions: what is said, and what it takes to understand the answer.
pub struct Look<'a> {
    /// What is said.
    pub words: Pipeline,
    store: &'a Store,
    prints: Vec<Fingerprint>,
    at: i64,
    mark: i64,
}

impl Bond {
    /// Of an instance of this name.
    #[must_use]
    pub fn new(prefix: &str, instance: &str, settle: Duration) -> Self {
        Self {
            keys: Keys::new(prefix, instance),
            settle,
            settles: AtomicI64::new(0),
            owes: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            tried: AtomicBool::new(false),
            count: Count::default(),
            mark: AtomicI64::new(0),
            known: Mutex::new(None),
        }
    }

    /// Whether it was tried to join, and what was joined first had settled.
    #[must_use]
    pub fn was_tried(&self) -> bool {
        self.tried.load(Relaxed)
    }

    /// It cannot be joined now: what comes of it is for policies.
    pub fn tried(&self) {
        self.tried.store(true, Relaxed);
    }

    fn known(&self) -> Option<Store> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn asks<'a>(&self, keep: Option<&'a Terms>, strictest: i64, known: Option<&'a Store>, now: Duration) -> Asks<'a> {
        let (settle, counted, mark) = (self.settle, self.count.least(now), self.mark.load(Relaxed));
        Asks { keep, settle, counted, mark, strictest, known }
    }

    /// Joins: a store that has no name is called by this one, and has this check of the fleet's key.
    #[must_use]
    pub fn join(&self, (name, check): (&str, &str), (terms, strictest): Kept<'_>, now: Duration) -> Pipeline {
        let known = self.known();
        let name = Store::named(name, terms, known.as_ref());
        self.keys.ask(Some((&name, check)), &self.asks(Some(terms), strictest, known.as_ref(), now))
    }

    /// What was joined; and, if it is not the first, since when all is to be told again that may not be there.
    ///
    /// # Errors
    /// If it is none that this instance can share.
    pub fn joined(
        &self,
        answers: Vec<Value>,
        check: &str,
        terms: &Terms,
        now: Duration,
    ) -> Result<(Store, Option<Duration>), ServerError> {
        // When it was last heard of before, by our clock.
        let left = self.mark.load(Relaxed).saturating_sub(self.count.ahead());
        let (store, seen) = Keys::seen(answers)?;
        if seen.check != check {
            return Err(ServerError::OtherKey);
        }
        if !store.bears(terms) {
            return Err(ServerError::TooLong);
        }
        self.is_late(seen.late, seen.settles, now);
        let since = self.told_until(&store, left, now);
        Ok((store, since))
    }

    fn is_late(&self, late: i64, settles: bool, now: Duration) {
        self.mark.store(late, Relaxed);
        self.count.is_late(late, now);
        if !settles {
            self.tried();
        }
    }

    fn told_until(&self, store: &Store, left: i64, now: Duration) -> Option<Duration> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).replace(store.clone())?;
        let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        let is_lost = known != *store;
        if is_lost {
            self.settles.store(millis(now + self.settle), Relaxed);
        }
        self.lost.fetch_or(is_lost, Relaxed);
        self.owes.fetch_or(is_lost || now.saturating_sub(left) > AWAY, Relaxed);
        let is_all = self.lost.load(Relaxed) || now.saturating_sub(left) >= MARKED;
        Some(if is_all { Duration::ZERO } else { left.saturating_sub(MEANWHILE) })
    }

    /// Asks whether the store is still there, and the same; where terms are told, it is kept by them from now on.
    #[must_use]
    pub fn see(&self, store: &Store, keep: Option<&Terms>, strictest: i64, now: Duration) -> Pipeline {
        self.keys.ask(None, &self.asks(keep, strictest, Some(store), now))
    }

    /// What was answered to that.
    ///
    /// # Errors
    /// If it is not.
    pub fn seen(&self, answers: Vec<Value>, store: &Store, terms: &Terms, now: Duration) -> Result<(), ServerError> {
        let (_, seen) = Keys::seen(answers)?;
        self.is_late(seen.late, seen.settles, now);
        if store.bears(terms) { Ok(()) } else { Err(ServerError::TooLong) }
    }

    /// Whether a store that was lost, or out of reach, is not yet told all that is owed to it. So long nobody is to believe that
    /// something is not there, or was left alone, and that is to be said anew every now and then.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.owes.load(Relaxed)
    }

    /// The same, once some of it was told.
    pub fn pays(&self, sessions: &Sessions) {
        let owes = self.owes() && sessions.owes();
        self.owes.store(owes, Relaxed);
        self.lost.fetch_and(owes, Relaxed);
    }

    /// Says that nobody is to believe that something is not there, or was left alone.
    #[must_use]
    pub fn settle(&self) -> Pipeline {
        self.keys.settle(self.settle, self.lost.load(Relaxed))
    }

    /// Tells of these sessions.
    #[must_use]
    pub fn tell(&self, store: &Store, due: &[(Fingerprint, Life)], terms: &Terms, now: Duration) -> Pipeline {
        let theirs = due.iter().map(|(print, life)| (*print, life.moved(self.count.ahead_at(life.last))));
        let theirs: Vec<(Fingerprint, Life)> = theirs.collect();
        self.keys.tell((store, self.count.late(now)), &theirs, terms)
    }

    /// What was answered to that.
    ///
    /// # Errors
    /// If it was told to nobody.
    pub fn told(answers: Vec<Value>) -> Result<(), ServerError> {
        Keys::told(answers)
    }

    /// Asks about these sessions.
    #[must_use]
    pub fn look<'a>(&self, store: &'a Store, prints: Vec<Fingerprint>, terms: &Terms, now: Duration) -> Look<'a> {
        let (at, mark) = (self.count.late(now), self.mark.load(Relaxed));
        Look { words: self.keys.look((store, at), &prints, terms), store, prints, at, mark }
    }

    /// Has the sessions learn what was answered, as far as it is to be believed. Gives those of which it is not known what
    /// others know.
    ///
    /// # Errors
    /// If it is not the store that was joined.
    pub fn learn(
        &self,
        look: &Look<'_>,
        answers: Vec<Value>,
        (sessions, terms): (&Sessions, &Terms),
        now: Moment,
    ) -> Result<Vec<Fingerprint>, ServerError> {
        let looked = Keys::looked(answers, (look.store, look.at, look.mark), &look.prints, terms)?;
        self.count.is_late(looked.late, now.steady);
        let believed = Believed::of(self, look, &looked, sessions, now);
        let learns = |print, found| {
            let theirs = believed.what(found, sessions.doubted(print), self.count.ahead());
            theirs.is_some_and(|theirs| sessions.learn(print, theirs, now, terms))
        };
        let missing = looked.found.into_iter().filter(|(print, found)| !learns(*print, *found));
        Ok(missing.map(|(print, _)| print).collect())
    }
}

/// What is believed of what is found.
struct Believed {
    late: i64,
    /// Nothing: until all have told what they hold, one may know more than what is found, a later activity or an end.
    settles: bool,
    /// That something is not there; but not where it was sought by a time that it was not.
    tells: bool,
    /// No longer silence: it may have been broken while nobody could tell.
    longest: i64,
}

impl Believed {
    fn of(bond: &Bond, look: &Look<'_>, looked: &Looked, sessions: &Sessions, now: Moment) -> Self {
        Self {
            late: looked.late,
            settles: looked.settles || millis(now.steady) < bond.settles.load(Relaxed),
            tells: looked.late.saturating_sub(look.at).abs() <= SKEW,
            longest: if looked.was_away { sessions.strictest() } else { i64::MAX },
        }
    }

    /// What others know, in our time, which the store's is so much ahead of; `None` if that is not known. `doubted`: how long
    /// it may have been left alone as far as this instance knows.
    fn what(&self, found: Found, doubted: i64, ahead: i64) -> Option<Option<Life>> {
        match found {
            _ if self.settles || doubted > self.longest => None,
            Found::Life(life) if self.late.saturating_sub(life.last).max(life.doubted()) > self.longest => None,
            // What was done there when it was not yet so late says nothing of how long nothing was done.
            Found::Life(life) if life.last > self.late.saturating_add(SKEW) => None,
            Found::Life(life) => Some(Some(life.moved(ahead.saturating_neg()))),
            Found::Nothing => self.tells.then_some(None),
            Found::Unreadable => None,
        }
    }
}
