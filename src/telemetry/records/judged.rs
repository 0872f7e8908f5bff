//! A judgement on its way to a file and back: written from the verdict itself, without a word made of it; read as what was
//! written, of which the words are made.

use super::wire::{Bytes, Wire, wired};
use crate::decide::finding::{Compared, Finding, Quantity};
use crate::decide::reason::Reason;
use crate::decide::time::{Timestamp, millis};
use crate::decide::verdict::{Outcome, Verdict};
use crate::telemetry::trail::{Answer, Numbers, Trail, Value};

/// A judgement.
#[derive(Debug)]
pub(super) enum Judged<'a> {
    /// As it was made.
    Made(&'a Verdict),
    /// As it was read.
    Read(Told<'a>),
}

wired! {
    /// A whole judgement.
    struct Told<'a> {
        reason: Option<&'a str>,
        good_for: Option<i64>,
        answers: Vec<Answered<'a>>,
    }
}

wired! {
    /// One answer.
    struct Answered<'a> {
        name: &'a str,
        outcome: &'a str,
        reason: Option<&'a str>,
        numbers: Option<Measured<'a>>,
    }
}

wired! {
    /// The numbers behind an answer.
    struct Measured<'a> {
        subject: &'a str,
        measured: Amount<'a>,
        allowed: Amount<'a>,
        leeway: i64,
        origin: &'a str,
        good_for: Option<i64>,
    }
}

/// A quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount<'a> {
    Nothing,
    Instant(i64),
    Span(i64),
    Count(u64),
    Word(&'a str),
}

impl<'a> Wire<'a> for Amount<'a> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Nothing => out.push(0),
            Self::Instant(ms) => (1_u8, *ms).put(out),
            Self::Span(ms) => (2_u8, *ms).put(out),
            Self::Count(count) => (3_u8, *count).put(out),
            Self::Word(word) => (4_u8, *word).put(out),
        }
    }

    fn take(from: &mut Bytes<'a>) -> Option<Self> {
        Some(match u8::take(from)? {
            0 => Self::Nothing,
            1 => Self::Instant(i64::take(from)?),
            2 => Self::Span(i64::take(from)?),
            3 => Self::Count(u64::take(from)?),
            4 => Self::Word(<&str>::take(from)?),
            _ => return None,
        })
    }
}

impl From<Quantity> for Amount<'_> {
    fn from(quantity: Quantity) -> Self {
        match quantity {
            Quantity::Nothing => Self::Nothing,
            Quantity::Instant(at) => Self::Instant(at.millis()),
            Quantity::Span(ms) => Self::Span(ms),
            Quantity::Count(count) => Self::Count(count),
            Quantity::Word(word) => Self::Word(word),
        }
    }
}

impl Amount<'_> {
    fn value(self) -> Option<Value> {
        match self {
            Self::Nothing => None,
            Self::Instant(ms) => Some(Value::Instant(Timestamp::from_millis(ms).to_string())),
            Self::Span(ms) => Some(Value::SpanMs(ms)),
            Self::Count(count) => Some(Value::Count(count)),
            Self::Word(word) => Some(Value::Word(word.to_owned().into())),
        }
    }

    /// By how much one lies beyond the other.
    fn beyond(self, other: Self) -> Option<i64> {
        match (self, other) {
            (Self::Instant(one), Self::Instant(other)) | (Self::Span(one), Self::Span(other)) => {
                Some(one.saturating_sub(other))
            }
            _ => None,
        }
    }
}

impl<'a> Measured<'a> {
    fn of(compared: &Compared, finding: &Finding) -> Self {
        let good_for = if let Finding::Pass { good_for, .. } = finding { *good_for } else { None };
        Self {
            subject: compared.subject,
            measured: compared.measured.into(),
            allowed: compared.allowed.into(),
            leeway: millis(compared.leeway),
            origin: compared.origin.name(),
            good_for: good_for.map(millis),
        }
    }

    fn numbers(&self) -> Numbers {
        Numbers {
            subject: self.subject.to_owned().into(),
            measured: self.measured.value(),
            allowed: self.allowed.value(),
            distance_ms: self.measured.beyond(self.allowed),
            leeway_ms: self.leeway,
            origin: self.origin.to_owned().into(),
            good_for_ms: self.good_for,
        }
    }
}

/// The answers of a verdict, one at a time: no memory is taken for them.
fn answers(verdict: &Verdict) -> impl Iterator<Item = Answered<'_>> {
    verdict.answers().map(|(question, finding)| Answered {
        name: question.name,
        outcome: finding.outcome(),
        reason: finding.reason().map(Reason::code),
        numbers: finding.compared().map(|compared| Measured::of(compared, finding)),
    })
}

impl<'a> Wire<'a> for Vec<Answered<'a>> {
    fn put(&self, out: &mut Vec<u8>) {
        put_answers(self.iter(), out);
    }

    fn take(from: &mut Bytes<'a>) -> Option<Self> {
        (0..u8::take(from)?).map(|_| Answered::take(from)).collect()
    }
}

fn put_answers<'a, A: std::borrow::Borrow<Answered<'a>>>(answers: impl Iterator<Item = A>, out: &mut Vec<u8>) {
    let place = out.len();
    out.push(0);
    let mut count = 0_u8;
    for answer in answers.take(usize::from(u8::MAX)) {
        answer.borrow().put(out);
        count += 1;
    }
    if let Some(place) = out.get_mut(place) {
        *place = count;
    }
}

impl<'a> Wire<'a> for Judged<'a> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Read(told) => told.put(out),
            Self::Made(verdict) => {
                verdict.reason().map(Reason::code).put(out);
                good_for(verdict).put(out);
                put_answers(answers(verdict), out);
            }
        }
    }

    fn take(from: &mut Bytes<'a>) -> Option<Self> {
        Told::take(from).map(Self::Read)
    }
}

fn good_for(verdict: &Verdict) -> Option<i64> {
    if let Outcome::Admit(permit) = verdict.outcome { permit.curfew().map(millis) } else { None }
}

impl Judged<'_> {
    /// The reason of a refusal.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Made(verdict) => verdict.reason().map(Reason::code),
            Self::Read(told) => told.reason,
        }
    }

    /// As it is told, with the words that tables know.
    pub fn trail(&self) -> Trail {
        match self {
            Self::Made(verdict) => Trail::of(verdict),
            Self::Read(told) => told.trail(),
        }
    }
}

impl Told<'_> {
    fn trail(&self) -> Trail {
        let word = |text: &str| text.to_owned().into();
        let answer = |answer: &Answered<'_>| Answer {
            name: word(answer.name),
            outcome: word(answer.outcome),
            reason: answer.reason.map(word),
            numbers: answer.numbers.as_ref().map(Measured::numbers),
            question: "".into(),
            text: "".into(),
        };
        let trail = Trail {
            outcome: if self.reason.is_some() { "refuse" } else { "admit" }.into(),
            reason: self.reason.map(word),
            good_for_ms: self.good_for,
            questions: self.answers.iter().map(answer).collect(),
            ..Trail::default()
        };
        trail.completed()
    }
}
