//! A judgement laid out for a terminal: the same for `curfew explain` and for `curfew trace`.

use std::fmt::Write as _;

use super::describe::Words;
use super::paint::Paint;
use super::records::escape::inert;
use super::trail::{Answer, Trail};
use crate::decide::reason::Reason;

/// A whole judgement, line by line, with what is to be done about it.
#[must_use]
pub fn trail(trail: &Trail, paint: Paint) -> String {
    let mut out = outcome(trail, paint);
    questions(&mut out, trail, paint);
    if let Some(cure) = &trail.cure {
        let _ = writeln!(out, "{} {}", paint.strong("cure:"), inert(cure));
    }
    out
}

fn outcome(trail: &Trail, paint: Paint) -> String {
    match (&trail.reason, trail.good_for_ms) {
        (Some(code), _) => refused(code, paint),
        (None, Some(left)) => format!("{}, for {}\n", paint.good("admitted"), Words(left)),
        (None, None) => format!("{}\n", paint.good("admitted")),
    }
}

/// The line that says why it was refused.
#[must_use]
pub fn refused(code: &str, paint: Paint) -> String {
    match Reason::from_code(code) {
        Some(reason) => format!("{} {code} ({}): {}\n", paint.bad("refused:"), reason.status(), reason.told()),
        None => format!("{} {}\n", paint.bad("refused:"), inert(code)),
    }
}

/// Each question with its answer.
pub fn questions(out: &mut String, trail: &Trail, paint: Paint) {
    trail.questions.iter().for_each(|answer| line(out, answer, paint));
}

fn line(out: &mut String, answer: &Answer, paint: Paint) {
    let outcome = format!("{:<7}", inert(&answer.outcome));
    let (name, question) = (inert(&answer.name), inert(&answer.question));
    let numbers = if answer.numbers.is_some() { inert(&answer.text) } else { "-".into() };
    let _ = match &*answer.outcome {
        "fail" => writeln!(out, "  {} {name:<11} {question:<53} {}", paint.bad(outcome), paint.strong(numbers)),
        "pass" => writeln!(out, "  {} {name:<11} {question:<53} {numbers}", paint.good(outcome)),
        _ => writeln!(out, "  {}", paint.faint(format!("{outcome} {name:<11} {question:<53} {numbers}"))),
    };
}
