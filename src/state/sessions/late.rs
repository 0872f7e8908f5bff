//! An activity of which it is to be known first what others saw: whether it broke a silence. It waits at the desk, and
//! nobody waits for it.

use super::breaker::Breaker;
use super::name::Name;
use super::store::{Activity, Sessions};
use super::terms::Terms;
use crate::decide::session::{OnStateLoss, Shown};
use crate::decide::time::Moment;
use std::sync::Arc;

/// An activity. Whoever drops it says that the others could not be asked.
pub struct Late {
    pub(super) sessions: Arc<Sessions>,
    pub(super) used: Used,
    pub(super) is_over: bool,
    /// Who is told whether there was an answer, if there is to be one.
    pub(super) asks: Option<Arc<Breaker>>,
}

/// What was used when, and what holds if nobody can be asked.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// The session.
    pub name: Name,
    /// What its token says.
    pub shown: Shown,
    /// When.
    pub at: Moment,
    /// How sessions are kept.
    pub terms: Terms,
    /// What the policy of the route says of a lost store.
    pub on_state_loss: OnStateLoss,
}

impl Late {
    pub(super) fn over(mut self, known: bool) {
        let Used { name, shown, at, terms, .. } = self.used;
        if let Some(asks) = self.asks.take() {
            asks.answered_behind();
        }
        if known {
            self.is_over = true;
            self.sessions.admitted(&name, shown, at, Activity::User, &terms);
        }
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        let Used { name, shown, at, terms, on_state_loss } = self.used;
        if let Some(asks) = self.asks.take() {
            asks.failed();
        }
        // By `deny` it was no activity: it might end a silence that was none, or hide one that was.
        if !self.is_over && on_state_loss != OnStateLoss::Deny {
            self.sessions.resumed(&name, shown, at, Activity::User, &terms);
        }
    }
}

#[cfg(test)]
#[path = "late_tests.rs"]
mod tests;
