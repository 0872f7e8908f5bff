//! When a session will end for the token that was judged, if only time moves on, and by which limit. What is not a
//! limit of time, such as a revocation, nobody can foretell.

use super::finding::Finding;
use super::verdict::{Trail, place};
use std::time::Duration;

/// By which limit a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was left alone for too long. The only end that moves when the user shows up.
    Idle,
    /// It has reached its greatest length.
    Absolute,
    /// The sign-in is too long ago for this route.
    SignIn,
    /// The token is over; its successor goes on with the same session.
    Token,
}

impl End {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Absolute => "absolute",
            Self::SignIn => "sign-in",
            Self::Token => "token",
        }
    }
}

/// How long each limit leaves, from the moment of the judgement on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// The longest silence; counted from now on if the request showed its user, else from the last that did.
    pub idle: Option<Duration>,
    /// The greatest length.
    pub absolute: Option<Duration>,
    /// How recent the sign-in must be.
    pub sign_in: Option<Duration>,
    /// The token's own times.
    pub token: Option<Duration>,
}

const PLACES: [usize; 3] = [place("idle"), place("absolute"), place("auth_age")];
const OF_THE_TOKEN: [usize; 3] = [place("expiry"), place("lifetime"), place("age")];

impl Outlook {
    /// What the answers leave.
    #[must_use]
    pub fn of(trail: &Trail) -> Self {
        let left = |at: usize| match trail.get(at) {
            Some(Finding::Pass { good_for, .. }) => *good_for,
            _ => None,
        };
        let [idle, absolute, sign_in] = PLACES.map(left);
        Self { idle, absolute, sign_in, token: OF_THE_TOKEN.into_iter().filter_map(left).min() }
    }

    /// The same, once the request was an activity, for a session that may have a silence of at most `longest`.
    #[must_use]
    pub fn active(self, longest: Option<Duration>) -> Self {
        let whole = |longest: Duration| longest.saturating_add(Duration::from_millis(1));
        Self { idle: self.idle.and(longest.map(whole)), ..self }
    }

    /// Every limit there is, the one that comes first first.
    #[must_use]
    pub fn ends(&self) -> Vec<(End, Duration)> {
        let mut ends: Vec<_> = self.all().collect();
        ends.sort_by_key(|(_, left)| *left);
        ends
    }

    /// The limit that comes first.
    #[must_use]
    pub fn first(&self) -> Option<(End, Duration)> {
        self.all().min_by_key(|(_, left)| *left)
    }

    fn all(&self) -> impl Iterator<Item = (End, Duration)> {
        let each = [
            (End::Idle, self.idle),
            (End::Absolute, self.absolute),
            (End::SignIn, self.sign_in),
            (End::Token, self.token),
        ];
        each.into_iter().filter_map(|(end, left)| Some((end, left?)))
    }
}

#[cfg(test)]
mod tests {
    use super::{End, OF_THE_TOKEN, Outlook, PLACES};
    use crate::decide::finding::{Compared, Finding};
    use crate::decide::policy::QUESTIONS;
    use std::time::Duration;

    fn seconds(number: u64) -> Option<Duration> {
        Some(Duration::from_secs(number))
    }

    #[test]
    fn every_question_is_there() {
        assert!(PLACES.iter().chain(&OF_THE_TOKEN).all(|at| *at < QUESTIONS.len()));
    }

    #[test]
    fn the_earliest_end_is_the_first() {
        let mut trail = [Finding::Unasked; QUESTIONS.len()];
        assert_eq!(Outlook::of(&trail).first(), None);
        for (at, left) in PLACES.into_iter().chain(OF_THE_TOKEN).zip([5_000, 4_000, 6_000, 3_000, 9_000, 2_000]) {
            trail[at] = Finding::pass_for(left, Compared::default());
        }
        let outlook = Outlook::of(&trail);
        let all = Outlook { idle: seconds(5), absolute: seconds(4), sign_in: seconds(6), token: seconds(2) };
        assert_eq!(outlook, all);
        assert_eq!(outlook.first().map(|(end, _)| end), Some(End::Token));
        let order: Vec<End> = outlook.ends().into_iter().map(|(end, _)| end).collect();
        assert_eq!(order, [End::Token, End::Absolute, End::Idle, End::SignIn]);
    }
}
