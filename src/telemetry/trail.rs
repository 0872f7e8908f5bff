//! A judgement as plain data, for JSON. Its sentences are made in `describe`.

use serde::Serialize;

use super::describe::{distance, finding};
use crate::decide::finding::{Compared, Finding, Quantity};
use crate::decide::policy::Question;
use crate::decide::reason::Reason;
use crate::decide::time::millis;
use crate::decide::verdict::{Outcome, Verdict};

/// A whole judgement as plain data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trail {
    /// `admit` or `refuse`.
    pub outcome: &'static str,
    /// The code of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What the client is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<&'static str>,
    /// What the operator does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<&'static str>,
    /// How long an admission holds, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_for_ms: Option<i64>,
    /// Every question with its answer.
    pub questions: Vec<Answer>,
}

/// One question and its answer, as plain data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The name of the question.
    pub name: &'static str,
    /// The question.
    pub question: &'static str,
    /// `pass`, `fail`, `moot` or `unasked`.
    pub outcome: &'static str,
    /// The code of the reason, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The numbers, if it was answered.
    #[serde(flatten)]
    pub numbers: Option<Numbers>,
    /// The answer in words.
    pub text: String,
}

/// The numbers behind an answer, as plain data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Numbers {
    /// What it was about.
    pub subject: &'static str,
    /// What was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<Value>,
    /// What would have been accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Value>,
    /// By how much the one lies beyond the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_ms: Option<i64>,
    /// The leeway.
    pub leeway_ms: i64,
    /// Where the limit was written.
    pub origin: &'static str,
    /// How long a pass holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_for_ms: Option<i64>,
}

/// A quantity, as plain data with its kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// RFC 3339.
    Instant(String),
    /// Milliseconds.
    SpanMs(i64),
    /// A number.
    Count(u64),
    /// A word.
    Word(&'static str),
}

impl Value {
    fn of(quantity: Quantity) -> Option<Self> {
        match quantity {
            Quantity::Nothing => None,
            Quantity::Instant(at) => Some(Self::Instant(at.to_string())),
            Quantity::Span(ms) => Some(Self::SpanMs(ms)),
            Quantity::Count(count) => Some(Self::Count(count)),
            Quantity::Word(word) => Some(Self::Word(word)),
        }
    }
}

impl Trail {
    /// The data of a judgement.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        let reason = verdict.reason();
        let good_for = if let Outcome::Admit(permit) = verdict.outcome { permit.curfew() } else { None };
        Self {
            outcome: if reason.is_some() { "refuse" } else { "admit" },
            reason: reason.map(Reason::code),
            told: reason.map(Reason::told),
            cure: reason.map(Reason::cure),
            good_for_ms: good_for.map(millis),
            questions: verdict.answers().map(|(question, answer)| Answer::of(question, answer)).collect(),
        }
    }
}

impl Answer {
    fn of(question: &'static Question, answer: &Finding) -> Self {
        Self {
            name: question.name,
            question: question.text,
            outcome: answer.outcome(),
            reason: answer.reason().map(Reason::code),
            numbers: answer.compared().map(|compared| Numbers::of(compared, answer)),
            text: finding(answer),
        }
    }
}

impl Numbers {
    fn of(compared: &Compared, answer: &Finding) -> Self {
        let good_for = if let Finding::Pass { good_for, .. } = answer { *good_for } else { None };
        Self {
            subject: compared.subject,
            measured: Value::of(compared.measured),
            allowed: Value::of(compared.allowed),
            distance_ms: distance(compared),
            leeway_ms: millis(compared.leeway),
            origin: compared.origin.name(),
            good_for_ms: good_for.map(millis),
        }
    }
}
