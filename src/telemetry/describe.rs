//! A judgement in words: what traces, problem details, records and `curfew explain` say of it is said here, once. As plain
//! data it is in `trail`, laid out for a terminal in `show`.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::paint::Paint;
use super::show;
pub use super::trail::{Answer, Numbers, Trail, Value, Word};

use crate::decide::finding::{Compared, Finding, Quantity};
use crate::decide::reason::Reason;
use crate::decide::verdict::Verdict;

/// A span in words: `350 ms`, `14.2 s`, `12 min 5 s`, `3 h 20 min`, `2 d 3 h`. The sign is left to the sentence.
pub struct Words(pub i64);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.unsigned_abs();
        match ms {
            0..1_000 => write!(f, "{ms} ms"),
            1_000..120_000 => write!(f, "{} s", ms as f64 / 1e3),
            120_000..7_200_000 => parts(f, ms / 1_000, (60, "min"), "s"),
            7_200_000..172_800_000 => parts(f, ms / 60_000, (60, "h"), "min"),
            _ => parts(f, ms / 3_600_000, (24, "d"), "h"),
        }
    }
}

fn parts(f: &mut fmt::Formatter<'_>, small: u64, (ratio, large): (u64, &str), unit: &str) -> fmt::Result {
    write!(f, "{} {large}", small / ratio)?;
    match small % ratio {
        0 => Ok(()),
        rest => write!(f, " {rest} {unit}"),
    }
}

/// A quantity in words.
#[must_use]
pub fn quantity(quantity: Quantity) -> String {
    match quantity {
        Quantity::Nothing => "nothing".to_owned(),
        Quantity::Instant(at) => at.to_string(),
        Quantity::Span(ms) if ms < 0 => format!("minus {}", Words(ms)),
        Quantity::Span(ms) => Words(ms).to_string(),
        Quantity::Count(count) => count.to_string(),
        Quantity::Word(word) => word.to_owned(),
    }
}

/// By how many milliseconds what was found lies beyond what was allowed; negative if before.
#[must_use]
pub fn distance(compared: &Compared) -> Option<i64> {
    match (compared.measured, compared.allowed) {
        (Quantity::Instant(measured), Quantity::Instant(allowed)) => Some(measured.since(allowed)),
        (Quantity::Span(measured), Quantity::Span(allowed)) => Some(measured.saturating_sub(allowed)),
        _ => None,
    }
}

/// The numbers behind an answer, as a sentence without its full stop: `expired 14.2 s before this instant, leeway
/// 10 s`.
#[must_use]
pub fn finding(finding: &Finding) -> String {
    match (finding, finding.compared()) {
        (_, Some(compared)) => numbers(&Numbers::of(compared, finding), finding.reason()),
        (Finding::Unasked, _) => "not asked on this route".to_owned(),
        _ => "moot: an earlier answer took the ground from it".to_owned(),
    }
}

/// The same of numbers as plain data; the reason, if the answer was no.
#[must_use]
pub fn numbers(numbers: &Numbers, reason: Option<Reason>) -> String {
    let mut words = compare(numbers, reason);
    let timed = ["exp", "nbf", "iat"].contains(&&*numbers.subject) && numbers.distance_ms.is_some();
    if timed || numbers.leeway_ms != 0 {
        words.push_str(", leeway ");
        words.push_str(&leeway(numbers.leeway_ms));
    }
    if let (None, Some(left)) = (reason, numbers.good_for_ms) {
        let _ = write!(words, "; holds for {}", Words(left));
    }
    words
}

fn leeway(ms: i64) -> String {
    if ms == 0 { "0 s".to_owned() } else { Words(ms).to_string() }
}

fn value(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Instant(at) => at.into(),
        Value::SpanMs(ms) if *ms < 0 => format!("minus {}", Words(*ms)).into(),
        Value::SpanMs(ms) => Words(*ms).to_string().into(),
        Value::Count(count) => count.to_string().into(),
        Value::Word(word) => (&**word).into(),
    }
}

fn compare(numbers: &Numbers, reason: Option<Reason>) -> String {
    let subject = &numbers.subject;
    if let Some(words) = reason.filter(|reason| reason.is_revocation()).and_then(|_| revoked(numbers)) {
        return words;
    }
    match (&numbers.measured, &numbers.allowed) {
        (Some(Value::Instant(found)), Some(Value::Instant(limit))) => {
            instants(subject, found, limit, numbers.distance_ms.unwrap_or(0))
        }
        (Some(found @ Value::SpanMs(_)), Some(limit @ Value::SpanMs(_))) => {
            format!("{subject} is {}, at most {} ({})", value(found), value(limit), numbers.origin)
        }
        (Some(Value::Count(found)), Some(Value::Count(limit))) => counts(subject, *found, *limit, reason),
        (None, None) if reason == Some(Reason::ClaimMissing) => format!("{subject} is missing"),
        (None, None) => subject.to_string(),
        (None, Some(Value::Word(expected))) => format!("{subject} should be {expected}"),
        (Some(found), None) => format!("{subject}: {}", value(found)),
        (found, Some(limit)) => {
            let found = found.as_ref().map_or("nothing".into(), value);
            format!("{subject}: {found}, accepted: {}", value(limit))
        }
    }
}

/// Which tokens of whom are revoked, and since when this one is there: by its user's sign-in, else by its issue.
fn revoked(numbers: &Numbers) -> Option<String> {
    let whose = match &*numbers.subject {
        "jti" => return Some("this very token is revoked".to_owned()),
        "session" => "this session",
        "sub" => "this user",
        "claim" => "whoever has this claim",
        "client_id" => "this client",
        "iss" => "this issuer",
        _ => return None,
    };
    let (found, beyond) = (numbers.measured.as_ref().map(value), numbers.distance_ms);
    let mut words = match &numbers.allowed {
        Some(Value::Instant(limit)) => format!("every token of {whose} that began by {limit} is revoked"),
        _ => format!("every token of {whose} is revoked"),
    };
    let _ = match (found, beyond) {
        (Some(_), Some(beyond @ ..0)) => write!(words, "; this one began {} before that", Words(beyond)),
        (Some(found), _) => write!(words, "; this one began {found}"),
        (None, _) => write!(words, "; this one does not say when it began"),
    };
    Some(words)
}

/// `exp` and `nbf` measure the present against the claim, `iat` the claim against the present.
fn instants(subject: &str, found: &str, limit: &str, beyond: i64) -> String {
    let gap = Words(beyond);
    match (subject, beyond >= 0) {
        ("exp", true) => format!("expired {gap} before this instant"),
        ("exp", false) => format!("expires {gap} after this instant"),
        ("nbf", true) => format!("began {gap} before this instant"),
        ("nbf", false) => format!("begins {gap} after this instant"),
        ("iat", true) => format!("issued {gap} after this instant"),
        ("iat", false) => format!("issued {gap} before this instant"),
        (_, true) => format!("{subject}: {found}, {gap} after the limit {limit}"),
        (_, false) => format!("{subject}: {found}, {gap} before the limit {limit}"),
    }
}

fn counts(subject: &str, found: u64, limit: u64, reason: Option<Reason>) -> String {
    match reason {
        Some(Reason::AudienceMismatch) => format!("{subject}: of {found} named, none is one of the {limit} accepted"),
        Some(Reason::PolicyDenied) => format!("{subject}: rule {found} of {limit} does not hold"),
        _ if subject == "aud" => format!("{subject}: one of the {found} named is among the {limit} accepted"),
        _ => format!("{subject}: {found} of {limit}"),
    }
}

/// The numbers behind a refusal, for the client where it may know them all.
#[must_use]
pub fn decisive(verdict: &Verdict) -> Option<String> {
    verdict.decisive().map(|(_, answer)| finding(answer))
}

/// A whole judgement as text, for a terminal.
#[must_use]
pub fn text(verdict: &Verdict) -> String {
    show::trail(&Trail::of(verdict), Paint::PLAIN)
}
