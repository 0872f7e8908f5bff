//! A size in bytes, written with or without a unit.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// A number of bytes: `8KiB`, `1MiB`, `64kB`, or a bare `4096`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Bytes {
    /// So many bytes.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// So many times 1,024 bytes.
    pub const fn kib(count: u32) -> Self {
        Self((count as u64) << 10)
    }

    /// So many times 1,048,576 bytes.
    pub const fn mib(count: u32) -> Self {
        Self((count as u64) << 20)
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory; the largest length where it would not fit.
    pub fn len(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Whether this is no byte at all.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let scale = scale(unit.trim()).ok_or_else(|| unclear(text))?;
        if number.is_empty() {
            return Err(unclear(text));
        }
        let count = number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
        count.map(Self).ok_or_else(|| format!("`{text}` is more bytes than can be counted"))
    }
}

fn scale(unit: &str) -> Option<u64> {
    if unit.is_empty() {
        return Some(1);
    }
    UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, scale)| *scale)
}

fn unclear(text: &str) -> String {
    format!("`{text}` is not a size: write a whole number with B, kB, MB, GB, KiB, MiB or GiB, for example `8KiB`")
}

impl std::str::FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

/// As it would be written in the settings: in the largest binary unit that loses nothing.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |scale: u64| self.0 != 0 && self.0.is_multiple_of(scale);
        match UNITS.iter().take(3).find(|(_, scale)| fits(*scale)) {
            Some((unit, scale)) => write!(f, "{}{unit}", self.0 / scale),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BytesVisitor)
    }
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as `8KiB`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
        Bytes::parse(text).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Bytes, E> {
        Ok(Bytes(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Bytes, E> {
        let count = u64::try_from(number).map_err(|_| E::custom("a size cannot be negative"))?;
        Ok(Bytes(count))
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A size in bytes, such as `8KiB`; a bare number is a number of bytes.",
            "pattern": r"^\s*[0-9]+\s*([kKmMgG][iI]?)?[bB]?\s*$",
            "minimum": 0,
            "examples": ["8KiB", "1MiB", "64kB", 4096],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<u64, String> {
        serde_json::from_str::<Bytes>(json).map(Bytes::get).map_err(|e| e.to_string())
    }

    #[test]
    fn units_are_read() {
        for (json, count) in [
            ("\"8KiB\"", 8_192),
            ("\"8 kib\"", 8_192),
            ("\"1MiB\"", 1_048_576),
            ("\"64kB\"", 64_000),
            ("\"10B\"", 10),
            ("\"10\"", 10),
            ("4096", 4_096),
            ("0", 0),
        ] {
            assert_eq!(read(json), Ok(count), "{json}");
        }
    }

    #[test]
    fn what_is_not_a_size_says_what_to_write() {
        for (json, says) in [
            ("\"8K\"", "is not a size"),
            ("\"KiB\"", "is not a size"),
            ("\"\"", "is not a size"),
            ("\"-1\"", "is not a size"),
            ("\"1.5MiB\"", "is not a size"),
            ("-1", "cannot be negative"),
            ("\"99999999999GiB\"", "more bytes than can be counted"),
            ("true", "expected a size such as `8KiB`"),
        ] {
            let told = read(json).unwrap_err();
            assert!(told.contains(says), "{json}: {told}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for (size, text) in
            [(Bytes::kib(8), "8KiB"), (Bytes::mib(1), "1MiB"), (Bytes::new(1_000), "1000B"), (Bytes::new(0), "0B")]
        {
            assert_eq!(size.to_string(), text);
            assert_eq!(text.parse(), Ok(size));
        }
    }
}
