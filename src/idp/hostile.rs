//! Nothing that the network sends makes a reader panic, or believe more than it was told.

use super::feed;
use super::feed_document;
use super::feed_stream::{Entries, First, first};
use super::{blocks, form, place, sources};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// JSON of few shapes and few words, so that it often almost means something.
fn json_like() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 24] = [
        "format",
        "iss_sub",
        "iss",
        "sub",
        "opaque",
        "id",
        "complex",
        "user",
        "session",
        "device",
        "tenant",
        "email",
        "a@b.c",
        "aliases",
        "identifiers",
        "jwt_id",
        "jti",
        "https://i",
        "type",
        "token",
        "subject",
        "at",
        "until",
        "",
    ];
    let word = || prop::sample::select(&WORDS[..]).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        word().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        let members = prop::collection::vec((word(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::Array),
            members.prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn read_lines(text: &[u8]) {
    let mut lines = blocks::Lines::new(text);
    if let Ok(First::Plain(head)) = first(&mut lines) {
        let _ = head.blocks();
        let entries: Vec<_> = Entries::new(lines, head.count).collect();
        let whole = entries.iter().all(Result::is_ok);
        assert!(!whole || String::from_utf8_lossy(text).contains("\"end\""), "whole without an end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn bytes_are_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        read_lines(&bytes);
        let _ = (feed_document::document(&bytes, 9), feed::ndjson(&bytes), feed::ids(&bytes));
        let _ = place::Place::read(&[0; 8], &bytes);
        let _ = form::only(&String::from_utf8_lossy(&bytes), "logout_token");
    }

    #[test]
    fn what_is_almost_a_feed_is_read_or_told(head in json_like(), all in prop::collection::vec(json_like(), 0..8)) {
        let lines: String = all.iter().map(|one| format!("{one}\n")).collect();
        read_lines(format!("{head}\n{lines}").as_bytes());
        read_lines(format!("{{}}\n{lines}{}", json!({"end": true, "count": all.len()})).as_bytes());
        let _ = feed::ndjson(lines.as_bytes());
        let _ = feed_document::document(json!({"entries": all, "complete": true}).to_string().as_bytes(), 9);
    }

    #[test]
    fn subjects_are_names_or_faults(subject in json_like(), event in json_like()) {
        sources::ssf::hostile::read(&subject, &event);
    }
}
