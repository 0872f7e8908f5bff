//! A judgement as plain data, for JSON, and back from it. Its sentences are made in `describe`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::describe::{distance, finding, numbers};
use crate::decide::finding::{Compared, Finding, Quantity};
use crate::decide::policy::{QUESTIONS, Question};
use crate::decide::reason::Reason;
use crate::decide::time::millis;
use crate::decide::verdict::{Outcome, Verdict};

/// A word of our own; read back from JSON, a text that was one once.
pub type Word = Cow<'static, str>;

/// A whole judgement as plain data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trail {
    /// `admit` or `refuse`.
    pub outcome: Word,
    /// The code of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Word>,
    /// What the client is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<Word>,
    /// What the operator does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<Word>,
    /// How long an admission holds, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_for_ms: Option<i64>,
    /// Every question with its answer.
    pub questions: Vec<Answer>,
}

/// One question and its answer, as plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The name of the question.
    pub name: Word,
    /// The question.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub question: Word,
    /// `pass`, `fail`, `moot` or `unasked`.
    pub outcome: Word,
    /// The code of the reason, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Word>,
    /// The numbers, if it was answered.
    #[serde(flatten)]
    pub numbers: Option<Numbers>,
    /// The answer in words.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub text: Word,
}

/// The numbers behind an answer, as plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// What it was about.
    pub subject: Word,
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
    pub origin: Word,
    /// How long a pass holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_for_ms: Option<i64>,
}

/// A quantity, as plain data with its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// RFC 3339.
    Instant(String),
    /// Milliseconds.
    SpanMs(i64),
    /// A number.
    Count(u64),
    /// A word.
    Word(Word),
}

impl Value {
    fn of(quantity: Quantity) -> Option<Self> {
        match quantity {
            Quantity::Nothing => None,
            Quantity::Instant(at) => Some(Self::Instant(at.to_string())),
            Quantity::Span(ms) => Some(Self::SpanMs(ms)),
            Quantity::Count(count) => Some(Self::Count(count)),
            Quantity::Word(word) => Some(Self::Word(word.into())),
        }
    }
}

impl Trail {
    /// The data of a judgement.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        let questions = verdict.answers().map(|(question, answer)| Answer::of(question, answer)).collect();
        Self { questions, ..Self::bare(verdict) }
    }

    fn bare(verdict: &Verdict) -> Self {
        let reason = verdict.reason();
        let good_for = if let Outcome::Admit(permit) = verdict.outcome { permit.curfew() } else { None };
        Self {
            outcome: if reason.is_some() { "refuse" } else { "admit" }.into(),
            reason: reason.map(|reason| reason.code().into()),
            told: reason.map(|reason| reason.told().into()),
            cure: reason.map(|reason| reason.cure().into()),
            good_for_ms: good_for.map(millis),
            questions: Vec::new(),
        }
    }

    /// With the words that tables know.
    #[must_use]
    pub fn completed(mut self) -> Self {
        let reason = self.reason.as_deref().and_then(Reason::from_code);
        self.told = reason.map(|reason| reason.told().into());
        self.cure = reason.map(|reason| reason.cure().into());
        self.questions.iter_mut().for_each(Answer::complete);
        self
    }
}

impl Answer {
    fn of(question: &'static Question, answer: &Finding) -> Self {
        Self {
            name: question.name.into(),
            question: question.text.into(),
            outcome: answer.outcome().into(),
            reason: answer.reason().map(|reason| reason.code().into()),
            numbers: answer.compared().map(|compared| Numbers::of(compared, answer)),
            text: finding(answer).into(),
        }
    }

    fn complete(&mut self) {
        if let Some(question) = QUESTIONS.iter().find(|question| question.name == self.name) {
            self.question = question.text.into();
        }
        let reason = self.reason.as_deref().and_then(Reason::from_code);
        self.text = match (&self.numbers, &*self.outcome) {
            (Some(one), _) => numbers(one, reason).into(),
            (None, "unasked") => finding(&Finding::Unasked).into(),
            _ => finding(&Finding::Moot).into(),
        };
    }
}

impl Numbers {
    /// The data of what was compared.
    pub(super) fn of(compared: &Compared, answer: &Finding) -> Self {
        let good_for = if let Finding::Pass { good_for, .. } = answer { *good_for } else { None };
        Self {
            subject: compared.subject.into(),
            measured: Value::of(compared.measured),
            allowed: Value::of(compared.allowed),
            distance_ms: distance(compared),
            leeway_ms: millis(compared.leeway),
            origin: compared.origin.name().into(),
            good_for_ms: good_for.map(millis),
        }
    }
}
