//! A snapshot that is held back because it is suspiciously small, until an operator says that it is meant so.

use super::feed::FeedFault;
use super::room::Idp;
use super::sources::poll::Percent;
use crate::settings::OrOff;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Below so many entries, no share of them is suspicious.
const FEW: usize = 10;

/// Of one source.
#[derive(Default)]
pub struct HeldBack {
    state: Mutex<State>,
    confirmed: Notify,
}

#[derive(Default)]
struct State {
    /// What was held back last.
    waits: Option<Shrunk>,
    /// A snapshot of at least so many entries is taken, once.
    confirmed: Option<usize>,
}

/// A snapshot that is suspiciously small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// How many entries the source said before, which may be fewer than are held of it.
    pub before: usize,
    /// How many the snapshot has.
    pub now: usize,
}

/// Why nothing was confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconfirmed {
    /// There is no such source.
    NoSource,
    /// Nothing of it is held back.
    Nothing,
    /// The snapshot has another number of entries than whoever confirms has seen.
    Other(Shrunk),
}

/// Is a complete answer suspiciously small?
fn shrunk(before: usize, now: usize, max: OrOff<Percent>) -> Option<FeedFault> {
    let Percent(max) = max.on()?;
    let gone = before.saturating_sub(now);
    let suspicious = before >= FEW && gone.saturating_mul(100) >= before.saturating_mul(usize::from(max));
    suspicious.then_some(FeedFault::Shrunk { before, now })
}

impl HeldBack {
    /// Is a complete answer to be held back? One that was confirmed is let through, once, unless still more is missing.
    pub(super) fn judge(&self, before: usize, now: usize, max: OrOff<Percent>) -> Option<FeedFault> {
        let fault = shrunk(before, now, max);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let confirmed = state.confirmed.is_some_and(|least| now >= least);
        if fault.is_none() || confirmed {
            *state = State::default();
            return None;
        }
        state.waits = Some(Shrunk { before, now });
        fault
    }

    /// It is meant so: the source is asked again at once, and what it says then is taken.
    fn confirm(&self, entries: Option<usize>) -> Result<Shrunk, Unconfirmed> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = state.waits.ok_or(Unconfirmed::Nothing)?;
        if entries.is_some_and(|entries| entries != waits.now) {
            return Err(Unconfirmed::Other(waits));
        }
        state.confirmed = Some(waits.now);
        self.confirmed.notify_one();
        Ok(waits)
    }

    /// What is held back.
    #[must_use]
    pub fn waits(&self) -> Option<Shrunk> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).waits
    }

    /// Until something is confirmed.
    pub(super) async fn confirmed(&self) {
        self.confirmed.notified().await;
    }
}

impl Idp {
    /// What of a source is held back.
    ///
    /// # Errors
    /// If there is nothing of the kind.
    pub fn held_back(&self, source: &str) -> Result<Shrunk, Unconfirmed> {
        let running = self.running();
        let source = running.sources.get(source).ok_or(Unconfirmed::NoSource)?;
        source.held_back.waits().ok_or(Unconfirmed::Nothing)
    }

    /// What of a source is held back is meant so. With a number, only if that is how many entries it has.
    ///
    /// # Errors
    /// If there is nothing of the kind.
    pub fn confirm(&self, source: &str, entries: Option<usize>) -> Result<Shrunk, Unconfirmed> {
        let running = self.running();
        running.sources.get(source).ok_or(Unconfirmed::NoSource)?.held_back.confirm(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_tenths_are_suspicious() {
        let held = |before, now| shrunk(before, now, OrOff::On(Percent(90))).is_some();
        assert!(held(100, 10) && held(100, 0) && held(10, 1) && held(10_000_000, 1_000_000));
        assert!(!held(100, 11) && !held(9, 0) && !held(100, 200) && !held(0, 0));
        assert!(shrunk(100, 0, OrOff::Off).is_none());
    }

    #[test]
    fn what_is_confirmed_is_taken_once_and_nothing_smaller() {
        let (held, max) = (HeldBack::default(), OrOff::On(Percent(90)));
        assert_eq!(held.confirm(None), Err(Unconfirmed::Nothing));
        assert!(held.judge(100, 50, max).is_none() && held.judge(100, 5, max).is_some());
        let waits = Shrunk { before: 100, now: 5 };
        assert_eq!((held.waits(), held.confirm(Some(6))), (Some(waits), Err(Unconfirmed::Other(waits))));
        assert!(held.judge(100, 5, max).is_some(), "not confirmed yet");
        assert_eq!(held.confirm(Some(5)), Ok(waits));
        assert!(held.judge(100, 4, max).is_some(), "still fewer");
        assert!(held.judge(100, 6, max).is_none(), "confirmed");
        assert!(held.judge(100, 6, max).is_some(), "once");
        // Whole again: what was confirmed before is forgotten.
        assert_eq!(held.confirm(None), Ok(Shrunk { before: 100, now: 6 }));
        assert!(held.judge(100, 100, max).is_none() && held.judge(100, 6, max).is_some());
    }
}
