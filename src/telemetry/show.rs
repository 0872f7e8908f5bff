//! A judgement laid out for a terminal: the same for `curfew explain` and for `curfew trace`. No line is wider than a
//! terminal usually is; what decided stands first, and what nobody asked in one line at the end.

use std::fmt::{Display, Write as _};

use super::describe::Words;
use super::paint::Paint;
use super::records::escape::inert;
use super::trail::{Answer, Trail, Value};
use crate::decide::reason::Reason;

/// No line is longer, unless one word is.
const WIDTH: usize = 100;
/// Where the name of a fact ends, and where its text begins.
const NAME: usize = 10;
const FACT: usize = 13;
/// Where a question begins, and where its numbers do if they have room beside it.
const QUESTION: usize = 22;
const NUMBERS: usize = 76;

/// A whole judgement, line by line, with what is to be done about it.
#[must_use]
pub fn trail(trail: &Trail, paint: Paint) -> String {
    let mut out = outcome(trail, paint);
    out += &because(trail, paint);
    questions(&mut out, trail, paint);
    if let Some(cure) = &trail.cure {
        out += &labelled("what to do:", cure, paint);
    }
    out
}

/// What was decided.
#[must_use]
pub fn outcome(trail: &Trail, paint: Paint) -> String {
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
        Some(reason) => {
            let text = format!("{code} ({}): {}", reason.status(), reason.told());
            format!("{} {}\n", paint.bad("refused:"), wrapped(&text, "refused: ".len()))
        }
        None => format!("{} {}\n", paint.bad("refused:"), inert(code)),
    }
}

/// The numbers by which it was refused.
#[must_use]
pub fn because(trail: &Trail, paint: Paint) -> String {
    let failed = trail.questions.iter().find(|answer| answer.outcome == "fail");
    failed
        .filter(|answer| answer.says_more())
        .map_or_else(String::new, |answer| fact("because", &numbers(answer), paint))
}

/// Something that is known, by its name.
#[must_use]
pub fn fact(name: &str, text: &dyn Display, paint: Paint) -> String {
    let text = text.to_string();
    format!("  {} {}\n", paint.faint(format!("{name:<NAME$}")), wrapped(&inert(&text), FACT))
}

/// What somebody is told.
#[must_use]
pub fn labelled(label: &str, text: &str, paint: Paint) -> String {
    format!("{} {}\n", paint.strong(label), wrapped(&inert(text), label.chars().count() + 1))
}

/// Each question with its answer; those that were not asked, and those that nothing was left to say of, in a line each.
pub fn questions(out: &mut String, trail: &Trail, paint: Paint) {
    let is_answered = |answer: &&Answer| matches!(&*answer.outcome, "pass" | "fail");
    trail.questions.iter().filter(is_answered).for_each(|answer| line(out, answer, paint));
    for (outcome, title) in [("moot", "moot, by what failed before:"), ("unasked", "unasked on this route:")] {
        let names: Vec<_> = trail.questions.iter().filter(|answer| answer.outcome == outcome).collect();
        let names: Vec<_> = names.into_iter().map(|answer| inert(&answer.name)).collect();
        if !names.is_empty() {
            let text = wrapped(&format!("{title} {}", names.join(", ")), NAME);
            let _ = writeln!(out, "  {}", paint.faint(text));
        }
    }
}

fn line(out: &mut String, answer: &Answer, paint: Paint) {
    let (name, question) = (inert(&answer.name), inert(&answer.question));
    let text = if answer.says_more() { numbers(answer) } else { String::new() };
    // Beside the question, else below it.
    let beside = NUMBERS + text.chars().count() <= WIDTH;
    let (gap, text) = match (text.is_empty(), beside) {
        (true, _) => (String::new(), text),
        (_, true) => (" ".repeat((NUMBERS - QUESTION).saturating_sub(question.chars().count())), text),
        _ => (format!("\n{}", " ".repeat(QUESTION)), wrapped(&text, QUESTION)),
    };
    let outcome = format!("{:<7}", inert(&answer.outcome));
    let _ = match &*answer.outcome {
        "fail" => writeln!(out, "  {} {name:<11} {question}{gap}{}", paint.bad(outcome), paint.strong(text)),
        _ => writeln!(out, "  {} {name:<11} {question}{gap}{text}", paint.good(outcome)),
    };
}

/// The numbers in words, with the instant that they are a distance from.
fn numbers(answer: &Answer) -> String {
    let text = inert(&answer.text).into_owned();
    let Some(numbers) = &answer.numbers else { return text };
    let claimed = match &*numbers.subject {
        "exp" | "nbf" => &numbers.allowed,
        "iat" => &numbers.measured,
        _ => &None,
    };
    match claimed {
        Some(Value::Instant(at)) => format!("{text}; {} {}", numbers.subject, inert(at)),
        _ => text,
    }
}

impl Answer {
    /// Does it say more than what it is about?
    fn says_more(&self) -> bool {
        self.numbers.is_some() && self.numbers.as_ref().is_some_and(|numbers| self.text != numbers.subject)
    }
}

/// A text in lines, all but the first of which begin at this column.
fn wrapped(text: &str, indent: usize) -> String {
    let room = WIDTH.saturating_sub(indent);
    let (mut out, mut width) = (String::with_capacity(text.len()), 0);
    for (nth, word) in text.split(' ').enumerate() {
        let long = word.chars().count();
        if nth > 0 && width > 0 && width + 1 + long > room {
            let _ = write!(out, "\n{:indent$}", "");
            width = 0;
        } else if nth > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += long;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_wrapped_and_a_long_word_is_not() {
        assert_eq!(wrapped("a b", 4), "a b");
        let (long, word) = ("word ".repeat(30), "x".repeat(150));
        let lines: Vec<String> = wrapped(long.trim_end(), 13).lines().map(str::to_owned).collect();
        assert!(lines.len() == 2 && lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        assert!(lines[1].starts_with("             word"), "{lines:?}");
        assert_eq!(wrapped(&format!("GET {word} (HTTP/1.1)"), 2), format!("GET\n  {word}\n  (HTTP/1.1)"));
    }

    #[test]
    fn no_line_is_too_wide_and_none_ends_in_blanks() {
        let fact = fact("revoked", &"by an entry, learned of long ago, ".repeat(9), Paint::PLAIN);
        assert!(fact.lines().all(|line| line.len() <= WIDTH) && fact.lines().count() == 4, "{fact}");
        let label = labelled("the operator can:", &"look at it and ".repeat(12), Paint::PLAIN);
        assert!(label.lines().skip(1).all(|line| line.starts_with("                  ")), "{label}");
    }
}
