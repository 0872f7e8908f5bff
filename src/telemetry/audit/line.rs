//! An event as bytes: one line of JSON in ASCII, the members always in the same order. What is no ASCII, and what could
//! move a cursor, is escaped as JSON escapes it, so that a line does nothing where it is shown.

use std::io::{self, Write};

use serde::Serialize as _;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};

use super::event::Event;

/// Compact, and ASCII alone.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut units = [0; 2];
        for char in fragment.chars() {
            if matches!(char, ' '..='~') {
                writer.write_all(&[char as u8])?;
            } else {
                char.encode_utf16(&mut units).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))?;
            }
        }
        Ok(())
    }
}

/// A value in ASCII JSON.
#[must_use]
pub(super) fn ascii(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing a value into memory cannot fail.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut out, Ascii));
    out
}

/// All of a line that is sealed: everything before its hash.
#[must_use]
pub(super) fn body(seq: u64, instance: &str, event: &Event, prev: &str) -> Vec<u8> {
    let mut out = format!("{{\"seq\":{seq},\"time\":\"{}\",\"instance\":", event.at).into_bytes();
    out.extend(ascii(&instance.into()));
    out.extend_from_slice(b",\"event\":");
    out.extend(ascii(&event.name.into()));
    for (name, value) in &event.fields {
        out.push(b',');
        out.extend(ascii(&name.as_str().into()));
        out.push(b':');
        out.extend(ascii(value));
    }
    out.extend_from_slice(b",\"prev\":\"");
    out.extend_from_slice(prev.as_bytes());
    out.push(b'"');
    out
}

/// What is read of a line.
pub(super) type Members = Map<String, Value>;

/// The members of a line, if it is one.
pub(super) fn read(line: &[u8]) -> Option<Members> {
    serde_json::from_slice(line).ok()
}
