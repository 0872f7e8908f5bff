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
    /// These answers, not yet judged: until then it refuses. It is filled where it stands, because it is large.
    pub(super) fn unsettled(trail: Trail) -> Self {
        Self { outcome: Outcome::Refuse(Reason::InternalError), trail, limits: None }
    }

    /// The first failure names the reason; without one, and on trusted ground, there is a permit.
    pub(super) fn settle(&mut self, grounded: bool) {
        let mut token = None;
        for (at, finding) in self.trail.iter().enumerate() {
            match finding {
                Finding::Fail { reason, .. } => {
                    self.outcome = Outcome::Refuse(*reason);
                    return;
                }
                Finding::Pass { good_for: Some(left), .. } if at != IDLE && at != ABSOLUTE => {
                    token = sooner(token, Some(*left));
                }
                _ => {}
            }
        }
        // Nothing failed, yet nothing is known either: a hole in the questions must not be a way in.
        if !grounded {
            self.outcome = Outcome::Refuse(Reason::InternalError);
            return;
        }
        let [idle, absolute] = [IDLE, ABSOLUTE].map(|at| self.trail.get(at).and_then(left));
        let curfew = sooner(sooner(token, absolute), idle);
        self.outcome = Outcome::Admit(Permit { curfew, lasts: lasts(token, absolute) });
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
    // Every caller is a constant: a name that no question has does not compile.
    assert!(at < QUESTIONS.len(), "no question has this name");
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

fn sooner(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Being left alone is not known in advance; whoever runs a stream asks again.
fn lasts(token: Option<Duration>, session: Option<Duration>) -> Option<(Duration, Reason)> {
    match (token, session) {
        (Some(token), Some(session)) if session < token => Some((session, Reason::SessionAbsoluteTimeout)),
        (None, Some(session)) => Some((session, Reason::SessionAbsoluteTimeout)),
        (token, _) => token.map(|token| (token, Reason::StreamExpired)),
    }
}
