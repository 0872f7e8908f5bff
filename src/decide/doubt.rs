//! A silence of which it is not known yet whether it was one: others may have broken it, and could not be asked. It travels
//! with what is told of its session, gets shorter by whatever anybody knows to have been in it, and is one for good as soon
//! as all were heard.

use super::session::Life;
use super::time::{Moment, millis};

/// A span in which nobody is known to have used a session. Instants are steady milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The last activity before it that is known.
    pub from: i64,
    /// The first after it.
    pub to: i64,
    /// Is the former only what a token proved? It is none where others know of one.
    pub proven: bool,
}

impl Doubt {
    fn new(from: i64, to: i64, proven: bool) -> Option<Self> {
        (from < to).then_some(Self { from, to, proven })
    }

    /// How long it is.
    #[must_use]
    pub const fn span(&self) -> i64 {
        self.to.saturating_sub(self.from)
    }

    /// The same, where steady time counts from an instant that was so much earlier.
    #[must_use]
    pub const fn moved(self, ms: i64) -> Self {
        Self { from: self.from.saturating_add(ms), to: self.to.saturating_add(ms), ..self }
    }

    /// Of two there is room for the longer.
    fn longer(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).max_by_key(|doubt| (doubt.span(), doubt.to, !doubt.proven))
    }

    /// What is left of it by what another knows of the session, who is in doubt of nothing else than that one says.
    fn beside(self, other: &Life) -> Option<Self> {
        let since = |at: i64| if self.proven { at } else { self.from.max(at) };
        let after = |last: i64| if last < self.to { Self::new(since(last), self.to, false) } else { None };
        let Some(theirs) = other.doubt else { return after(other.last) };
        let from = if theirs.proven { self.from } else { since(theirs.from) };
        let from = if theirs.proven && self.proven { self.from.max(theirs.from) } else { from };
        let both = Self::new(from, self.to.min(theirs.to), self.proven && theirs.proven);
        Self::longer(both, after(other.last))
    }

    /// What is left of those of two who know of one sign-in.
    #[must_use]
    pub fn joined(one: &Life, other: &Life) -> Option<Self> {
        let left = |one: &Life, other: &Life| one.doubt.and_then(|doubt| doubt.beside(other));
        Self::longer(left(one, other), left(other, one))
    }

    /// How long the older of two may have been left alone, as far as who knows of the newer sign-in has not seen it before
    /// that: where it has seen nothing from before, all of what is in doubt.
    #[must_use]
    pub fn before(newer: &Life, older: &Life) -> i64 {
        let seen = |doubt: Self, at| doubt.beside(&Life { last: at, doubt: None, ..*newer });
        let left = older.doubt.and_then(|doubt| newer.before.map_or(Some(doubt), |at| seen(doubt, at)));
        left.map_or(0, |doubt| doubt.span())
    }

    /// What is left of it after a sign-in at this instant.
    #[must_use]
    pub fn since(self, began: i64) -> Option<Self> {
        Self::new(self.from.max(began), self.to, self.proven && self.from > began)
    }
}

impl Life {
    /// The same, after an activity before which others may have seen some: how long it was left alone until then is in
    /// doubt. `proven`: all that is known from before is what its token proves.
    #[must_use]
    pub fn resumed(self, now: Moment, proven: bool) -> Self {
        let at = millis(now.steady);
        let doubt = Doubt::longer(self.doubt, Doubt::new(self.last, at, proven));
        Self { last: self.last.max(at), doubt, ..self }
    }

    /// The same, where it is known that it was left alone until this steady millisecond.
    #[must_use]
    pub fn silent_until(mut self, at: i64) -> Self {
        let silence = at.saturating_sub(self.last);
        if silence > self.silence {
            (self.silence, self.broken) = (silence, at);
        }
        self
    }

    /// The same, now that all were heard: what nobody broke was a silence.
    #[must_use]
    pub fn heard(mut self) -> Self {
        if let Some(doubt) = self.doubt.take()
            && doubt.span() > self.silence
        {
            (self.silence, self.broken) = (doubt.span(), doubt.to);
        }
        self
    }

    /// How long it may have been left alone at most, as far as that is in doubt.
    #[must_use]
    pub fn doubted(&self) -> i64 {
        self.doubt.map_or(0, |doubt| doubt.span())
    }
}

#[cfg(test)]
#[path = "doubt_tests.rs"]
mod tests;
