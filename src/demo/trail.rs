//! A span as text: what was asked, what was decided, and each check in its order with its numbers. It shows what
//! arrived, and adds only the text of each question.

use crate::decide::policy::QUESTIONS;
use crate::decide::time::Timestamp;
use crate::telemetry::names::attribute as known;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use std::fmt::Write;

/// What the names of a check's numbers begin with.
const CHECK: &str = "curfew.check.";
/// What is shown of a check before its numbers.
const SHOWN: [&str; 3] = [known::CHECK_NAME, known::CHECK_OUTCOME, known::CHECK_TEXT];

/// The span on one line.
pub fn line(span: &Span) -> String {
    let found = |name: &str| attribute(&span.attributes, name);
    let outcome = found(known::REASON).or_else(|| found(known::DECISION)).unwrap_or_default();
    let status = found(known::STATUS).unwrap_or_default();
    let path = found(known::URL_PATH).unwrap_or_default();
    format!("{}  {}  {status:3}  {outcome:24} {} {path}\n", instant(span), id(&span.trace_id), span.name)
}

/// The whole span.
pub fn text(span: &Span) -> String {
    let mut text = line(span);
    // Writing into a string does not fail.
    let _ = writeln!(text, "  span {}{}, {}", id(&span.span_id), parent(span), took(span));
    let mut attributes: Vec<(&str, String)> = span.attributes.iter().map(pair).collect();
    attributes.sort();
    let width = attributes.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in attributes {
        let _ = writeln!(text, "    {name:width$}  {value}");
    }
    for (number, event) in span.events.iter().enumerate() {
        text.push_str(&check(number + 1, event));
    }
    text
}

/// One event: a check's outcome and name first, what was said of it, then the numbers.
fn check(number: usize, event: &Event) -> String {
    let found = |name: &str| attribute(&event.attributes, name);
    let name = found(known::CHECK_NAME).unwrap_or_else(|| event.name.clone());
    let outcome = found(known::CHECK_OUTCOME).unwrap_or_default();
    let mark = if outcome == "fail" { "->" } else { "" };
    let question = QUESTIONS.iter().find(|question| question.name == name).map_or("", |question| question.text);
    let mut text = format!("  {mark:2}{number:3}. {outcome:8}{name:16}{question}\n");
    let numbers: Vec<String> = event.attributes.iter().filter_map(number_of).collect();
    for line in [found(known::CHECK_TEXT).unwrap_or_default(), numbers.join("  ")] {
        if !line.is_empty() {
            let _ = writeln!(text, "{:33}{line}", "");
        }
    }
    text
}

/// An attribute as `name=value`, unless it stands elsewhere already.
fn number_of(attribute: &KeyValue) -> Option<String> {
    let (name, value) = pair(attribute);
    (!SHOWN.contains(&name)).then(|| format!("{}={value}", name.strip_prefix(CHECK).unwrap_or(name)))
}

fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    attributes.iter().find(|attribute| attribute.key == name).map(|attribute| pair(attribute).1)
}

fn pair(attribute: &KeyValue) -> (&str, String) {
    (&attribute.key, attribute.value.as_ref().map(plain).unwrap_or_default())
}

/// A value as text. Control characters are shown by their names: a client's words end on somebody's terminal.
fn plain(value: &AnyValue) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.chars().flat_map(visible).collect(),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        Some(Value::ArrayValue(array)) => array.values.iter().map(scalar).collect::<Vec<_>>().join(", "),
        Some(Value::BytesValue(bytes)) => id(bytes),
        _ => String::new(),
    }
}

/// A value inside an array. Arrays in arrays are not shown: they could be as deep as the sender likes.
fn scalar(value: &AnyValue) -> String {
    if matches!(value.value, Some(Value::ArrayValue(_))) { "[…]".into() } else { plain(value) }
}

fn visible(letter: char) -> Vec<char> {
    if letter.is_control() { letter.escape_default().collect() } else { vec![letter] }
}

fn instant(span: &Span) -> Timestamp {
    Timestamp::from_millis(i64::try_from(span.start_time_unix_nano / 1_000_000).unwrap_or(i64::MAX))
}

fn took(span: &Span) -> String {
    let nanos = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
    format!("{}.{:03} ms", nanos / 1_000_000, nanos / 1000 % 1000)
}

fn parent(span: &Span) -> String {
    if span.parent_span_id.is_empty() { String::new() } else { format!(" of {}", id(&span.parent_span_id)) }
}

fn id(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A trace id as it is written: 32 hex digits (W3C Trace Context §3.2.2.3).
pub fn parse_id(text: &str) -> Option<Vec<u8>> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(|id| id.to_be_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::{parse_id, text};
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::trace::v1::Span;
    use opentelemetry_proto::tonic::trace::v1::span::Event;

    fn attribute(name: &str, value: Value) -> KeyValue {
        KeyValue { key: name.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    }

    #[test]
    fn a_span_reads_as_a_trail() {
        let check = vec![
            attribute("curfew.check.name", Value::StringValue("expiry".into())),
            attribute("curfew.check.outcome", Value::StringValue("fail".into())),
            attribute("curfew.check.leeway_ms", Value::IntValue(60_000)),
        ];
        let span = Span {
            trace_id: vec![0xab; 16],
            name: "GET".into(),
            start_time_unix_nano: 1_793_594_096_789_000_000,
            end_time_unix_nano: 1_793_594_096_790_250_000,
            attributes: vec![
                attribute("url.path", Value::StringValue("/a\u{1b}[2J".into())),
                attribute("curfew.reason", Value::StringValue("token_expired".into())),
                attribute("http.response.status_code", Value::IntValue(401)),
            ],
            events: vec![Event { name: "curfew.check".into(), attributes: check, ..Event::default() }],
            ..Span::default()
        };
        let text = text(&span);
        assert!(text.starts_with("2026-11-02T04:34:56.789Z  abababab"), "{text}");
        assert!(text.contains("  401  token_expired") && text.contains("1.250 ms"), "{text}");
        assert!(text.contains("  ->  1. fail    expiry          Is its time not over?\n"), "{text}");
        assert!(text.contains("leeway_ms=60000") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn an_id_is_thirty_two_hex_digits() {
        assert_eq!(parse_id("000102030405060708090a0b0c0d0e0f").unwrap(), (0..16).collect::<Vec<u8>>());
        for bad in ["", "+00102030405060708090a0b0c0d0e0f", "00", "last"] {
            assert_eq!(parse_id(bad), None, "{bad}");
        }
    }
}
