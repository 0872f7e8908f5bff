//! What a reload changed, for the audit log: each place at which two configs differ, with what stood there before and
//! what stands there now, as far as either may be shown.

use super::load::Loaded;
use super::redact::redacted;
use crate::decide::time::Timestamp;
use crate::telemetry::audit::{Event, Kind};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// As many places are told at most; of the rest, their number.
const MOST: usize = 64;
/// Nothing that stands at a place is told at greater length, in characters.
const LONGEST: usize = 256;

/// That one config was followed by another.
pub(super) fn event(old: &Loaded, new: &Loaded, waiting: &[&str], at: Timestamp) -> Event {
    let mut all = Vec::new();
    differ("", &redacted(&old.config), &redacted(&new.config), &mut all);
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    let event = Event::new(Kind::ConfigReloaded, at).with("old_revision", &*old.revision);
    let event = event.with("new_revision", &*new.revision).with("changes", all);
    event
        .maybe("more_changes", (more > 0).then_some(more))
        .maybe("waiting", (!waiting.is_empty()).then(|| json!(waiting)))
}

fn differ(path: &str, old: &Value, new: &Value, all: &mut Vec<Value>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Value::Object(old), Value::Object(new)) => {
            for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
                let at = |members: &Map<String, Value>| members.get(name).cloned().unwrap_or_default();
                differ(&joined(path, name), &at(old), &at(new), all);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for at in 0..old.len().max(new.len()) {
                let of = |items: &[Value]| items.get(at).cloned().unwrap_or_default();
                differ(&joined(path, &at.to_string()), &of(old), &of(new), all);
            }
        }
        _ => all.push(json!({ "path": short(path), "old": shown(old), "new": shown(new) })),
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A short value as it is; a long one as the beginning of its text.
fn shown(value: &Value) -> Value {
    match value {
        Value::Object(_) | Value::Array(_) | Value::String(_) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if text.chars().nth(LONGEST).is_some() { short(&text).into() } else { value.clone() }
        }
        _ => value.clone(),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "...",
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_that_differs_is_told() {
        let mut all = Vec::new();
        let long = "x".repeat(1000);
        let (old, new) =
            (json!({"a": {"b": [1, 2]}, "c": 1, "e": 5}), json!({"a": {"b": [1, 3, long]}, "d": {"f": 2}, "e": 5}));
        differ("", &old, &new, &mut all);
        let told: Vec<_> = all.iter().map(|change| change["path"].as_str().unwrap()).collect();
        assert_eq!(told, ["a.b.1", "a.b.2", "c", "d"]);
        assert_eq!((&all[0]["old"], &all[0]["new"]), (&json!(2), &json!(3)));
        assert_eq!(all[1]["new"].as_str().unwrap().len(), LONGEST + 3);
    }
}
