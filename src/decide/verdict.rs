//! The outcome of a judgement, with the trail that led to it.

use super::finding::Finding;
use super::limits::Limits;
use super::policy::{QUESTIONS, Question};
use super::reason::Reason;
use std::time::Duration;

/// The answers to all questions, in the order of the table.
pub type Trail = [Finding; QUESTIONS.len()];

/// The right to go upstream. Only judging makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    curfew: Option<Duration>,
    lasts: Option<(Duration, Reason)>,
}

impl Permit {
    /// How long the request, and a stream that it opens, may go on. `None` is without end.
    #[must_use]
    pub fn curfew(&self) -> Option<Duration> {
        self.curfew
    }

    /// How long a stream that it opens may last if it is never left alone, and what its end then means.
    #[must_use]
    pub fn lasts(&self) -> Option<(Duration, Reason)> {
        self.lasts
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request may go on.
    Admit(Permit),
    /// It may not, for this one reason.
    Refuse(Reason),
}

/// A decision and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What was decided.
    pub outcome: Outcome,
    /// Every answer.
    pub trail: Trail,
    /// The limits that held, where rules of the policy were for this request.
    pub limits: Option<Limits>,
}

impl Verdict {
    /// The first failure names the reason; without one, and on trusted ground, there is a permit.
    pub(super) fn of(trail: Trail, limits: Option<Limits>, grounded: bool) -> Self {
        let outcome = match trail.iter().find_map(Finding::reason) {
            Some(reason) => Outcome::Refuse(reason),
            // Nothing failed, yet nothing is known either: a hole in the questions must not be a way in.
            None if !grounded => Outcome::Refuse(Reason::InternalError),
            None => Outcome::Admit(Permit { curfew: curfew(&trail), lasts: lasts(&trail) }),
        };
        Self { outcome, trail, limits }
    }

    /// The reason of a refusal.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        if let Outcome::Refuse(reason) = self.outcome { Some(reason) } else { None }
    }

    /// The answer that named the reason, with its question.
    #[must_use]
    pub fn decisive(&self) -> Option<(&'static Question, &Finding)> {
        self.answers().find(|(_, finding)| finding.reason().is_some())
    }

    /// Every question with its answer.
    pub fn answers(&self) -> impl Iterator<Item = (&'static Question, &Finding)> {
        QUESTIONS.iter().zip(&self.trail)
    }
}

/// The place of a question in the table; past its end if there is none.
pub(super) const fn place(name: &str) -> usize {
    let (mut at, mut rest) = (0, QUESTIONS);
    while let [question, others @ ..] = rest {
        if same(question.name.as_bytes(), name.as_bytes()) {
            return at;
        }
        (at, rest) = (at + 1, others);
    }
    at
}

const fn same(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([a, rest @ ..], [b, others @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (rest, others);
    }
    one.is_empty() && other.is_empty()
}

const IDLE: usize = place("idle");
const ABSOLUTE: usize = place("absolute");

fn left(finding: &Finding) -> Option<Duration> {
    if let Finding::Pass { good_for, .. } = finding { *good_for } else { None }
}

fn curfew(trail: &Trail) -> Option<Duration> {
    trail.iter().filter_map(left).min()
}

/// Being left alone is not known in advance; whoever runs a stream asks again.
fn lasts(trail: &Trail) -> Option<(Duration, Reason)> {
    let others = trail.iter().enumerate().filter(|(at, _)| *at != IDLE && *at != ABSOLUTE);
    let token = others.filter_map(|(_, finding)| left(finding)).min();
    match (token, trail.get(ABSOLUTE).and_then(left)) {
        (Some(token), Some(session)) if session < token => Some((session, Reason::SessionAbsoluteTimeout)),
        (None, Some(session)) => Some((session, Reason::SessionAbsoluteTimeout)),
        (token, _) => token.map(|token| (token, Reason::StreamExpired)),
    }
}
