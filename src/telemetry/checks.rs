//! The trail of a refusal as events of its span: one for each question that was asked, with the numbers compared.

use std::time::SystemTime;

use opentelemetry::trace::Event;
use opentelemetry::{KeyValue, Value};

use super::attributes::Attributes;
use super::describe;
use super::names::attribute as name;
use crate::decide::finding::{Finding, Quantity};
use crate::decide::policy::Question;
use crate::decide::reason::Reason;
use crate::decide::time::millis;
use crate::decide::verdict::Verdict;

/// One event for each question that was asked of a refused request.
pub(super) fn events(verdict: Option<&Verdict>, at: SystemTime) -> Vec<Event> {
    let refused = verdict.filter(|verdict| verdict.reason().is_some());
    let answers = refused.into_iter().flat_map(|verdict| verdict.answers());
    let asked = answers.filter(|(_, answer)| **answer != Finding::Unasked);
    asked.map(|(question, answer)| Event::new(name::CHECK, at, check(question, answer), 0)).collect()
}

fn check(question: &Question, answer: &Finding) -> Vec<KeyValue> {
    let mut out = Attributes::with_capacity(8);
    out.put(name::CHECK_NAME, question.name);
    out.put(name::CHECK_OUTCOME, answer.outcome());
    out.maybe(name::CHECK_REASON, answer.reason().map(Reason::code));
    if let Some(compared) = answer.compared() {
        out.put(name::CHECK_SUBJECT, compared.subject);
        out.maybe(name::CHECK_MEASURED, value(compared.measured));
        out.maybe(name::CHECK_ALLOWED, value(compared.allowed));
        out.maybe(name::CHECK_DISTANCE, describe::distance(compared));
        if compared.allowed != Quantity::Nothing {
            out.put(name::CHECK_LEEWAY, millis(compared.leeway));
            out.put(name::CHECK_ORIGIN, compared.origin.name());
        }
    }
    if answer.reason().is_some() {
        out.put(name::CHECK_TEXT, describe::finding(answer));
    }
    if let Finding::Pass { good_for: Some(left), .. } = answer {
        out.put(name::CHECK_GOOD_FOR, millis(*left));
    }
    out.done()
}

/// Instants as RFC 3339, spans in milliseconds.
fn value(quantity: Quantity) -> Option<Value> {
    match quantity {
        Quantity::Nothing => None,
        Quantity::Instant(at) => Some(at.to_string().into()),
        Quantity::Span(ms) => Some(ms.into()),
        Quantity::Count(count) => Some(i64::try_from(count).unwrap_or(i64::MAX).into()),
        Quantity::Word(word) => Some(word.into()),
    }
}
