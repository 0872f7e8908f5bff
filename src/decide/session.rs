//! A session, as values: what is remembered of one, and what that means for one token at one moment. Where it is
//! remembered is not told here.
//!
//! What we saw ourselves is told in steady milliseconds, which no step of the wall clock moves; what a token says is wall
//! time, and is turned into steady time once, when it is first seen. Nothing here is ever told the limit of a route: a
//! session's silences are remembered, and a route whose limit is shorter than the longest of them finds the session
//! ended, for good. So one session may have ended on a strict route and live on a lax one.

use super::claims::Claims;
use super::doubt::Doubt;
use super::time::{Moment, Timestamp, millis};

/// By which of its claims a session is told from others, within its issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeySource {
    /// The claim that the issuer's settings name: `sid`.
    Claim,
    /// `sub`, `auth_time` and the client: a sign-in.
    SignIn,
    /// `sub` and the client.
    Client,
    /// The token itself, which is no session: its refreshed successor is another one.
    #[default]
    Token,
}

/// What a token says of its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// When the user signed in.
    pub signed_in: Option<Timestamp>,
    /// When the token was issued.
    pub issued: Option<Timestamp>,
}

impl From<&Claims> for Shown {
    fn from(claims: &Claims) -> Self {
        Self { signed_in: claims.auth_time, issued: claims.issued }
    }
}

/// What is remembered of one session. All spans and steady instants are in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// The last activity, steady.
    pub last: i64,
    /// When the newest sign-in was, or what stands for it; steady.
    pub began: i64,
    /// The newest sign-in that any of its tokens has shown.
    pub signed_in: Option<Timestamp>,
    /// The longest silence since that sign-in.
    pub silence: i64,
    /// When that silence ended, steady.
    pub broken: i64,
    /// The longest silence before that sign-in, which tokens of earlier ones are judged by; but for that right before it.
    pub earlier: i64,
    /// The last activity before that sign-in, steady, where any is known: a silence from then on was right before it.
    pub before: Option<i64>,
    /// The longest span since that sign-in of which it is not known yet whether it was a silence.
    pub doubt: Option<Doubt>,
}

impl Life {
    /// A session of which nothing is remembered: it was never seen, or it was forgotten. Its last activity is then the
    /// latest that its token proves, and never now.
    #[must_use]
    pub fn cold(shown: Shown, now: Moment) -> Option<Self> {
        let last = shown.signed_in.max(shown.issued)?;
        let began = shown.signed_in.or(shown.issued)?;
        Some(Self {
            last: steady(last, now),
            began: steady(began, now),
            signed_in: shown.signed_in,
            broken: i64::MIN,
            ..Self::default()
        })
    }

    /// The same, once a token was shown: a newer sign-in is an activity, and what was before does not count against it. One
    /// of an earlier sign-in of which nothing is known proves an activity then, as if the session were never seen.
    #[must_use]
    pub fn shown(mut self, shown: Shown, now: Moment) -> Self {
        let Some(at) = shown.signed_in.filter(|at| self.signed_in.is_none_or(|known| *at > known)) else {
            let proven = || shown.signed_in.max(shown.issued).map(|at| steady(at, now));
            self.before = self.before.or_else(|| proven().filter(|_| !self.is_of_the_newest(shown)));
            return self;
        };
        let began = steady(at, now);
        // How long it was quiet right before is told by the last activity of all instances, of which this may not be one.
        // What is in doubt of the sign-in before there is no room for: it counts.
        self.earlier = self.earlier.max(self.silence).max(self.gap()).max(self.doubted());
        (self.before, self.doubt) = (Some(self.last), self.doubt.and_then(|doubt| doubt.since(began)));
        // Of a silence in the middle of which the user signed in, only the rest counts.
        self.silence = self.broken.saturating_sub(began).clamp(0, self.silence);
        (self.signed_in, self.began, self.last) = (Some(at), began, self.last.max(began));
        self
    }

    /// The same, after an activity. The moments of two workers may come in either order.
    #[must_use]
    pub fn touched(self, now: Moment) -> Self {
        let at = millis(now.steady);
        Self { last: self.last.max(at), ..self.silent_until(at) }
    }

    /// What two instances know of one session, as one: the latest activity, the newest sign-in and its longest silence.
    /// In whichever order, and however often it is told, the same comes of it; but for a token of a sign-in before the last
    /// two, or of the one before the last where a silence was in doubt, whose session may seem to have been left alone for
    /// longer than it was, and never for less.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        let (newer, older) = if self.signed_in >= other.signed_in { (self, other) } else { (other, self) };
        let earlier = newer.earlier.max(older.earlier);
        let last = newer.last.max(older.last);
        let doubt = Doubt::joined(&newer, &older);
        if newer.signed_in != older.signed_in {
            let earlier = earlier.max(older.silence).max(older.gap()).max(Doubt::before(&newer, &older));
            let (before, doubt) =
                (newer.before.max(Some(older.last)), doubt.and_then(|doubt| doubt.since(newer.began)));
            return Self { last, earlier, before, doubt, ..newer };
        }
        let (silence, broken) = (newer.silence, newer.broken).max((older.silence, older.broken));
        let (began, before) = (newer.began.min(older.began), newer.before.max(older.before));
        Self { last, earlier, silence, broken, began, before, doubt, ..newer }
    }

    /// For how long it was left alone right before the newest sign-in, as far as is known.
    fn gap(&self) -> i64 {
        self.before.map_or(0, |before| self.began.saturating_sub(before).max(0))
    }

    /// Is a token of the newest sign-in that is known?
    #[must_use]
    pub fn is_of_the_newest(&self, shown: Shown) -> bool {
        match (shown.signed_in, self.signed_in) {
            (Some(at), Some(known)) => at >= known,
            (Some(_), None) | (None, None) => true,
            // It does not say of which sign-in it is: of none that came after it was issued.
            (None, Some(known)) => shown.issued.is_some_and(|issued| issued >= known),
        }
    }

    /// The same, where steady time counts from an instant that was so much earlier.
    #[must_use]
    pub fn moved(self, ms: i64) -> Self {
        let moved = |at: i64| if at == i64::MIN { at } else { at.saturating_add(ms) };
        let (before, doubt) = (self.before.map(moved), self.doubt.map(|doubt| doubt.moved(ms)));
        Self { last: moved(self.last), began: moved(self.began), broken: moved(self.broken), before, doubt, ..self }
    }

    /// What it means for one of its tokens.
    #[must_use]
    pub fn sight(&self, shown: Shown, now: Moment) -> Sight {
        let since = |at: Timestamp| self.signed_in.map_or(0, |known| known.since(at));
        let is_of_the_newest = self.is_of_the_newest(shown);
        let signed_in = shown.signed_in.or(shown.issued).filter(|_| !is_of_the_newest);
        let silence = if is_of_the_newest { self.silence } else { self.silence.max(self.earlier).max(self.gap()) };
        Sight {
            quiet: millis(now.steady).saturating_sub(self.last).max(0),
            silence,
            doubted: self.doubted(),
            age: millis(now.steady).saturating_sub(self.began).saturating_add(signed_in.map_or(0, since)),
        }
    }
}

/// An instant of wall time that is past, as steady time. One that lies ahead is now.
fn steady(at: Timestamp, now: Moment) -> i64 {
    millis(now.steady).saturating_sub(now.wall.since(at).max(0))
}

/// What a session means for one of its tokens at one moment, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// How long it has been quiet by now.
    pub quiet: i64,
    /// How long it was quiet at most, since the sign-in of the token.
    pub silence: i64,
    /// How long it may have been quiet besides, as far as this instance knows: others could not be asked.
    pub doubted: i64,
    /// How long ago the user signed in, or what stands for it was.
    pub age: i64,
}

/// Where the knowledge of a session comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// The store holds it.
    Held,
    /// The store does not hold it: it is what the token proves.
    #[default]
    Token,
    /// The other instances were asked too, and the store holds what all of them know.
    Shared,
    /// The other instances had to be asked and could not; the store holds what this one saw.
    Alone,
    /// The other instances had to be asked and could not, and the store does not hold it: it is what the token proves.
    Unheard,
    /// The store has no room for it: it is what the token proves, and the issuer has to say that the token is active.
    Unkept,
}

impl Basis {
    /// May others know something of it that would matter, and could not be asked?
    #[must_use]
    pub const fn is_lost(self) -> bool {
        matches!(self, Self::Alone | Self::Unheard)
    }

    /// The same knowledge, once the others were to be asked: whether they could be.
    #[must_use]
    pub const fn asked(self, answered: bool) -> Self {
        match (self, answered) {
            (Self::Held | Self::Shared | Self::Alone, true) => Self::Shared,
            (Self::Token | Self::Unheard, true) => Self::Token,
            (Self::Held | Self::Shared | Self::Alone, false) => Self::Alone,
            (Self::Token | Self::Unheard, false) => Self::Unheard,
            (Self::Unkept, _) => Self::Unkept,
        }
    }
}

/// What to do with a session that there is no room to remember.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFull {
    /// Refuse it with 503, where a limit of it would have to be known.
    #[default]
    Deny,
    /// Go by what the token proves, if its issuer says that it is active.
    Introspect,
}

/// What to do with a session while the store that instances share cannot tell of it, and this one does not know enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStateLoss {
    /// Refuse it with 503: the session may be good, so that a 401 would only send the user to sign in for nothing.
    #[default]
    Deny,
    /// Go by what this instance saw itself, or else by what the token proves.
    Local,
    /// Take it for alive, unless this instance knows that it has ended.
    Allow,
}

/// What is known of the session of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Knowledge {
    /// It was not asked for.
    #[default]
    Unasked,
    /// The token proves no activity at all: it says neither when it was issued nor when its user signed in.
    Undated(Key),
    /// The store does not hold it, and is full.
    NoRoom(Key),
    /// This.
    Known(Key, Basis, Sight),
}

impl Knowledge {
    /// Which session it is, if it was asked for.
    #[must_use]
    pub const fn key(&self) -> Option<Key> {
        match self {
            Self::Undated(key) | Self::NoRoom(key) | Self::Known(key, ..) => Some(*key),
            Self::Unasked => None,
        }
    }

    /// Is there no room to remember it, so that its issuer has to be asked?
    #[must_use]
    pub const fn is_unkept(&self) -> bool {
        matches!(self, Self::Known(_, Basis::Unkept, _))
    }

    /// The session's number.
    #[must_use]
    pub fn lot(&self) -> u32 {
        self.key().map_or(0, |key| key.lot)
    }
}

/// Which session it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// By which claims.
    pub source: KeySource,
    /// A number of the session's own, fairly drawn: by it, ends are spread.
    pub lot: u32,
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
