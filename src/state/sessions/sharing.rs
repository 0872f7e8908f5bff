//! What this process tells other instances of its sessions, and learns of them. How they are reached is not told here:
//! whoever does that takes what is due, and brings what was found.
//!
//! A session is told at once when it is first seen, when its user signed in again, and when it was left alone for so long
//! that some policy ends it; else at most once in an interval, at its end, with all that came until then. So what others
//! find is never older than an interval.

use super::entry::{Entry, Waits};
use super::store::Sessions;
use super::terms::Terms;
use crate::decide::id::Fingerprint;
use crate::decide::session::{Basis, Knowledge, Life, Shown};
use crate::decide::time::{Moment, millis};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often others are told, and when they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The least time between two tellings of one session, without need.
    pub interval: Duration,
    /// The shortest idle limit of all policies: whoever was quiet for longer here may have been active elsewhere.
    pub strictest: Duration,
}

/// What is not urgent is told together with what is due in the same such span of milliseconds, or in a tenth of the
/// interval where that is shorter.
const TOGETHER: i64 = 500;

fn together(due: i64, interval: i64) -> i64 {
    let span = (interval / 10).clamp(1, TOGETHER);
    due.saturating_add(span - 1) / span * span
}

/// In so many milliseconds others are asked once about one session, whatever its interval is.
const ANEW: i64 = 1000;

/// When that is due which is owed to a store that may have lost it: before all else.
const OWED: i64 = i64::MIN;

/// What waits to be told, by when it is due. Each session waits once, and once more if it became urgent.
type Waiting = BinaryHeap<Reverse<(i64, [u8; 16])>>;

pub(super) struct Sharing {
    /// In milliseconds; 0 where nothing is shared.
    interval: AtomicI64,
    strictest: AtomicI64,
    waiting: Mutex<Waiting>,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { interval: AtomicI64::new(0), strictest: AtomicI64::new(i64::MAX), waiting: Mutex::default() }
    }
}

impl Sharing {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session has changed here.
    pub(super) fn changed(&self, entry: &mut Entry, before: Option<&Life>, life: &Life, now: Moment) {
        let interval = self.interval.load(Relaxed);
        if interval == 0 || before == Some(life) {
            return;
        }
        let is_urgent = before.is_none_or(|before| {
            let ends_it = life.silence > self.strictest.load(Relaxed) && life.silence > before.silence;
            life.signed_in != before.signed_in || ends_it
        });
        let waits = if is_urgent { Waits::Urgently } else { Waits::Yes };
        if entry.waits >= waits {
            return;
        }
        let now = millis(now.steady);
        let due = if is_urgent { now } else { together(now.max(entry.told().saturating_add(interval)), interval) };
        entry.waits = waits;
        self.waiting().push(Reverse((due, entry.print)));
    }

    /// A session is seen, and shows no activity: others keep it for as long as it was told lately.
    pub(super) fn unchanged(&self, entry: &mut Entry, now: Moment, terms: &Terms) {
        let (now, half) = (millis(now.steady), millis(terms.remember) / 2);
        let is_lately = now.saturating_sub(entry.told()) < half;
        if self.interval.load(Relaxed) == 0 || entry.waits != Waits::No || is_lately {
            return;
        }
        entry.waits = Waits::Yes;
        self.waiting().push(Reverse((now, entry.print)));
    }

    /// Until when others would have told of what they saw when they were last asked: what they had not told by then is younger
    /// than an interval.
    pub(super) fn heard_until(&self, entry: &Entry) -> Option<i64> {
        Some(entry.asked()?.saturating_sub(self.interval.load(Relaxed)))
    }

    /// What is due by now, this many at most.
    fn due(&self, now: i64, most: usize) -> Vec<[u8; 16]> {
        let mut waiting = self.waiting();
        let next = || {
            let Reverse((due, print)) = *waiting.peek()?;
            (due <= now).then(|| waiting.pop())?;
            Some(print)
        };
        std::iter::from_fn(next).take(most).collect()
    }
}

/// What sharing asks of the store.
impl Sessions {
    /// From now on sessions are told to others at this pace; `None`: they are not.
    pub fn share(&self, pace: Option<Pace>) {
        let (interval, strictest) =
            pace.map_or((0, i64::MAX), |pace| (millis(pace.interval).max(1), millis(pace.strictest)));
        self.sharing.strictest.store(strictest, Relaxed);
        self.sharing.interval.store(interval, Relaxed);
        if interval == 0 {
            for table in &self.tables {
                let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
                table.all_mut().for_each(|entry| entry.waits = Waits::No);
            }
            self.sharing.waiting().clear();
        }
    }

    /// The shortest silence that ends a session for some policy, in milliseconds.
    #[must_use]
    pub fn strictest(&self) -> i64 {
        self.sharing.strictest.load(Relaxed)
    }

    /// Have others to be asked before this is believed? So it is if it was never seen here, or was left alone here for
    /// longer than `enough`, where that is said, or else than some policy allows; but not again within a short while. Who
    /// signed in so recently, as the token of that sign-in says, was not left alone since, wherever, and half of what is
    /// allowed is left to clocks that differ; but what was before a newer sign-in matters for tokens of an earlier one, and was
    /// not asked about because of the newer.
    #[must_use]
    pub fn is_doubtful(
        &self,
        print: Fingerprint,
        (knowledge, shown): (&Knowledge, Shown),
        now: Moment,
        enough: Option<Duration>,
    ) -> bool {
        let interval = self.sharing.interval.load(Relaxed);
        let Knowledge::Known(_, basis, sight) = knowledge else { return false };
        let strictest = self.sharing.strictest.load(Relaxed);
        // What a renewed token proves is no activity, where others have seen an earlier one.
        let is_of_sign_in = |at| shown.issued.is_none_or(|issued| issued.since(at) <= interval);
        let is_known = match basis {
            // Its issuer is asked.
            Basis::Unkept => true,
            // Where no user is shown, what the token proves would stay the last activity, and it may be a refreshed one.
            Basis::Token => {
                shown.signed_in.is_some_and(is_of_sign_in) && enough.is_none() && sight.age <= strictest / 2
            }
            _ => sight.quiet <= enough.map_or(strictest, millis),
        };
        if interval == 0 {
            return false;
        }
        let of = |entry: &Entry| (entry.unheard, entry.asked(), entry.is_unasked_before(shown));
        let (unheard, asked, earlier) =
            self.table(print).and_then(|table| table.get(print).map(of)).unwrap_or_default();
        if is_known && !unheard && !earlier {
            return false;
        }
        let ago = asked.map(|asked| millis(now.steady).saturating_sub(asked));
        // Whoever was asked before it was quiet for too long may have seen it since.
        let was_known = |ago: i64| sight.quiet.saturating_sub(ago) <= enough.map_or(strictest, millis);
        ago.is_none_or(|ago| ago >= interval.min(ANEW) || (!is_known && was_known(ago)))
    }

    /// The silence that all were known to keep when the others were last asked, in milliseconds.
    #[must_use]
    pub fn silence_heard(&self, print: Fingerprint, shown: Shown, now: Moment) -> i64 {
        let of = |entry: &Entry| (entry.life(), self.sharing.heard_until(entry));
        let Some((life, Some(until))) = self.table(print).and_then(|table| table.get(print).map(of)) else { return 0 };
        until.saturating_sub(life.shown(shown, now).last).max(0)
    }

    /// How long it may have been left alone, as far as that is in doubt here, in milliseconds.
    #[must_use]
    pub fn doubted(&self, print: Fingerprint) -> i64 {
        self.table(print).and_then(|table| table.get(print).map(|entry| entry.life().doubted())).unwrap_or(0)
    }

    /// What others know of a session, in this process's steady time; `None`: nothing. Tells whether it is remembered: what
    /// found no room is as unknown as before.
    pub fn learn(&self, print: Fingerprint, theirs: Option<Life>, now: Moment, terms: &Terms) -> bool {
        let latest = millis(now.steady);
        // What lies ahead by their clock was now.
        let theirs = theirs.map(|life| Life { last: life.last.min(latest), began: life.began.min(latest), ..life });
        let Some(mut table) = self.table(print) else { return false };
        if let Some(entry) = table.get_mut(print) {
            let before = entry.life();
            let joined = theirs.map_or(before, |theirs| before.joined(theirs));
            let life = joined.heard();
            if life.signed_in != before.signed_in {
                entry.ended = 0;
            }
            entry.set(&life, terms.until(&life, life.last));
            entry.set_asked(latest);
            entry.unheard = false;
            // An end, or none: others need not find out for themselves.
            if life != joined {
                self.sharing.changed(entry, Some(&before), &life, now);
            }
        } else if let Some(life) = theirs.map(Life::heard) {
            if !self.makes_room(&mut table, now, terms) {
                return false;
            }
            let mut entry = Entry::new(print);
            entry.set(&life, terms.until(&life, life.last));
            // What comes now is told at once, unless others know one that is hardly older.
            entry.set_told(life.last);
            entry.set_asked(latest);
            table.add(entry);
        }
        true
    }

    /// Takes what is to be told by now, this many at most.
    #[must_use]
    pub fn due(&self, now: Moment, most: usize) -> Vec<(Fingerprint, Life)> {
        let now = millis(now.steady);
        let take = |print| {
            let mut table = self.table(Fingerprint(print))?;
            let entry = table.get_mut(Fingerprint(print)).filter(|entry| entry.waits != Waits::No)?;
            entry.waits = Waits::No;
            entry.set_told(now);
            Some((Fingerprint(print), entry.life()))
        };
        self.sharing.due(now, most).into_iter().filter_map(take).collect()
    }

    /// These could not be told: they wait again, until then.
    pub fn untold(&self, prints: impl Iterator<Item = Fingerprint>, until: Duration) {
        for print in prints {
            let Some(mut table) = self.table(print) else { continue };
            if let Some(entry) = table.get_mut(print).filter(|entry| entry.waits == Waits::No) {
                entry.waits = Waits::Yes;
                self.sharing.waiting().push(Reverse((millis(until), print.0)));
            }
        }
    }

    /// What was told since then is to be told anew, for where it was told it may have been lost; and with it whatever waits:
    /// nobody else knows of that. All of it is owed, and is due before anything that comes later.
    pub fn tell_again(&self, since: Duration) {
        let since = millis(since);
        self.sharing.waiting().clear();
        for table in &self.tables {
            let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
            for entry in table.all_mut().filter(|entry| entry.waits != Waits::No || entry.told_by() >= since) {
                entry.waits = entry.waits.max(Waits::Yes);
                self.sharing.waiting().push(Reverse((OWED, entry.print)));
            }
        }
    }

    /// Whether any of that was not taken yet.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.sharing.waiting().peek().is_some_and(|Reverse((due, _))| *due == OWED)
    }

    /// How many sessions wait to be told.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.sharing.waiting().len()
    }

    /// Whatever waits is due now: the process is about to end.
    pub fn hurry(&self) {
        let mut waiting = self.sharing.waiting();
        *waiting = waiting.drain().map(|Reverse((_, print))| Reverse((0, print))).collect();
    }
}

#[cfg(test)]
#[path = "sharing_tests.rs"]
mod tests;
