//! Strict JSON objects, as tokens must be made of them: no member twice at any depth, nothing after the
//! closing brace, bounded depth, members and strings (RFC 7515 §4 and §10.12, JWT-04, JWT-05, JWT-25).

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// How deep objects and arrays may nest.
const DEPTH: u8 = 16;
/// How many members or elements one of them may have.
const MEMBERS: usize = 256;
/// How long one string may be, in bytes.
const STRING: usize = 4096;

/// Why a text is not a strict JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// It is not JSON, or not an object, or has a member twice.
    Malformed,
    /// A number that no double can hold: JSON by its grammar, but no claim of ours can be that.
    NumberOutOfRange,
}

/// Reads a strict JSON object.
///
/// # Errors
/// If the text is anything else.
pub fn object(text: &[u8]) -> Result<Map<String, Value>, JsonFault> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict { depth: DEPTH }.deserialize(&mut reader).map_err(|error| fault(&error))?;
    reader.end().map_err(|error| fault(&error))?;
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(JsonFault::Malformed),
    }
}

/// The library tells the kinds of syntax errors apart only by their text.
fn fault(error: &serde_json::Error) -> JsonFault {
    if error.to_string().starts_with("number out of range") {
        JsonFault::NumberOutOfRange
    } else {
        JsonFault::Malformed
    }
}

#[derive(Clone, Copy)]
struct Strict {
    depth: u8,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        if value.len() > STRING { Err(E::custom("string too long")) } else { Ok(Value::String(value.to_owned())) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            if items.len() == MEMBERS {
                return Err(A::Error::custom("too many elements"));
            }
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(inner)?;
            if map.len() == MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a member twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::{JsonFault, object};

    #[test]
    fn only_strict_objects_are_read() {
        for good in [r#"{}"#, r#" {"a":1,"b":{"a":[1,2.5,null,true,"x"]}} "#, "{\"\\u00e9\":\"\u{e9}\"}"] {
            assert!(object(good.as_bytes()).is_ok(), "{good}");
        }
        let deep = format!("{}1{}", r#"{"a":"#.repeat(17), "}".repeat(17));
        let wide = format!("{{{}}}", (0..257).map(|i| format!("\"m{i}\":1")).collect::<Vec<_>>().join(","));
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(4097));
        let bad: &[&[u8]] = &[
            b"",
            b"[]",
            b"1",
            b"null",
            b"\"x\"",
            b"{",
            b"{} {}",
            b"{}x",
            b"{'a':1}",
            b"{\"a\":1,}",
            b"{\"a\":NaN}",
            b"{\"a\":1,\"a\":2}",
            b"{\"a\":1,\"\\u0061\":2}",
            b"{\"c\":{\"j\":1,\"j\":2}}",
            b"\xef\xbb\xbf{}",
            b"{\0}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
            b"\xff\xfe{\0}\0",
            deep.as_bytes(),
            wide.as_bytes(),
            long.as_bytes(),
        ];
        for text in bad {
            assert_eq!(object(text), Err(JsonFault::Malformed), "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(object(br#"{"exp":1e400}"#), Err(JsonFault::NumberOutOfRange));
        let bomb = "[".repeat(100_000);
        assert!(object(format!(r#"{{"a":{bomb}"#).as_bytes()).is_err());
    }
}
