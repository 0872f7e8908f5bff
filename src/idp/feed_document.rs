//! The document that `poll` fetches, read from front to back. Its entries are understood one by one, so that a bad one does
//! not hide the others; and reading ends where it is known that the document is of no use.

use super::feed::{FeedFault, Heard, MAX_CURSOR, entry, told};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A member of the document.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Member {
    Cursor,
    Entries,
    Complete,
    Shrunk,
    #[serde(other)]
    Other,
}

/// What was read of it until now.
#[derive(Default)]
struct Reading {
    heard: Heard,
    max_entries: usize,
    listed: bool,
    /// The rest says nothing that would help.
    ended: bool,
}

/// Reads a document. What is read of one that has more entries than its source may hold, or too many that cannot be read, is
/// used, and the rest is not looked at.
///
/// # Errors
/// If it is no document at all.
pub(super) fn document(body: &[u8], max_entries: usize) -> Result<Heard, FeedFault> {
    let mut reading = Reading { max_entries, ..Reading::default() };
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = Whole(&mut reading).deserialize(&mut json).and_then(|()| json.end());
    let Reading { heard, ended, .. } = reading;
    match read {
        Ok(()) if heard.cursor.as_ref().is_some_and(|cursor| cursor.len() > MAX_CURSOR) => {
            Err(FeedFault::Document(format!("a cursor of more than {MAX_CURSOR} bytes")))
        }
        Ok(()) => Ok(heard),
        // Whether these would have been all is not known.
        Err(_) if ended => Ok(Heard { complete: false, cursor: None, ..heard }),
        Err(error) => Err(FeedFault::Document(told(&error))),
    }
}

struct Whole<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `entries`")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<(), M::Error> {
        let reading = self.0;
        while let Some(member) = members.next_key()? {
            match member {
                Member::Cursor => reading.heard.cursor = members.next_value()?,
                Member::Complete => reading.heard.complete = members.next_value()?,
                Member::Shrunk => reading.heard.shrunk = members.next_value()?,
                Member::Entries if reading.listed => return Err(M::Error::duplicate_field("entries")),
                Member::Entries => {
                    reading.listed = true;
                    members.next_value_seed(List(reading))?;
                }
                Member::Other => _ = members.next_value::<IgnoredAny>()?,
            }
        }
        if reading.listed { Ok(()) } else { Err(M::Error::missing_field("entries")) }
    }
}

struct List<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<(), S::Error> {
        let Reading { heard, max_entries, ended, .. } = self.0;
        let mut number = 0;
        while let Some(raw) = list.next_element::<&'de RawValue>()? {
            let bearable = heard.take(number, entry(raw.get().as_bytes()));
            number += 1;
            if heard.entries.len() > *max_entries {
                heard.fault.get_or_insert(FeedFault::TooMany(*max_entries));
            } else if bearable {
                continue;
            }
            *ended = true;
            return Err(S::Error::custom("enough"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    /// Some seconds of a core, and more memory than the gateway has, would be one answer's: of 64 KB, as it comes.
    #[test]
    fn what_is_of_no_use_is_not_read_to_its_end() {
        let entries = |one: &str, times| vec![one; times].join(",");
        let bad =
            document(format!(r#"{{"complete":true,"entries":[{}"#, entries("1", 5_000_000)).as_bytes(), 9).unwrap();
        assert!(matches!(bad.fault, Some(FeedFault::Entry { number: 1, .. })) && !bad.complete);
        let good = r#"{"type":"token","id":"a"}"#;
        let many =
            document(format!(r#"{{"complete":true,"entries":[{}"#, entries(good, 100_000)).as_bytes(), 9).unwrap();
        assert_eq!((many.entries.len(), many.fault, many.complete), (10, Some(FeedFault::TooMany(9)), false));
        // A thousand that cannot be read hide nothing, and what fits is read.
        let some = format!(r#"{{"entries":[{},{}],"complete":true}}"#, entries("1", 1000), entries(good, 9));
        let some = document(some.as_bytes(), 9).unwrap();
        assert_eq!((some.entries.len(), some.complete), (9, true));
    }

    #[test]
    fn the_members_may_come_in_any_order() {
        let mut text = String::from(r#"{"x":[1,{"y":null}],"shrunk":true,"entries":["#);
        write!(text, r#"{{"type":"token","id":"a"}}],"cursor":"7","complete":true}} "#).unwrap();
        let heard = document(text.as_bytes(), 9).unwrap();
        assert_eq!(
            (heard.entries.len(), heard.complete, heard.shrunk, heard.cursor.as_deref()),
            (1, true, true, Some("7"))
        );
        let null = document(br#"{"cursor":null,"entries":[]}"#, 9).unwrap();
        assert_eq!((null.cursor, null.complete), (None, false));
        let long = format!(r#"{{"entries":[],"cursor":"{}"}}"#, "x".repeat(MAX_CURSOR + 1));
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"entries":{}}"#,
            "<html>",
            r#"{"entries":[],"entries":[]}"#,
            r#"{"entries":[]}x"#,
            &long,
        ] {
            assert!(document(bad.as_bytes(), 9).is_err(), "{bad}");
        }
    }
}
