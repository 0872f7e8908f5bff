//! A length of time, written with its unit. The reading of clocks is elsewhere.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use jiff::SpanRelativeTo;
use jiff::fmt::friendly::{Spacing, SpanParser, SpanPrinter};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// A length of time that is never negative: `15m`, `1h30m`, `500ms`, `0s`. A day is 24 hours.
///
/// A number without a unit is refused, because half of all readers would take it for the other unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

impl Span {
    /// No time at all, written `0s`.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The span of this duration.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// So many milliseconds.
    pub const fn millis(count: u64) -> Self {
        Self(Duration::from_millis(count))
    }

    /// So many seconds.
    pub const fn secs(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }

    /// So many minutes.
    pub const fn mins(count: u32) -> Self {
        Self(Duration::from_secs(count as u64 * 60))
    }

    /// So many hours.
    pub const fn hours(count: u32) -> Self {
        Self(Duration::from_secs(count as u64 * 3600))
    }

    /// The duration itself.
    pub const fn get(self) -> Duration {
        self.0
    }

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.parse::<f64>().is_ok() {
            return Err(without_unit(text));
        }
        // jiff also reads `1h 02:03`, which is one spelling too many for a settings file.
        let span = SpanParser::new().parse_span(text).ok().filter(|_| !text.contains(':'));
        let span =
            span.ok_or_else(|| format!("`{text}` is not a duration: write for example `15m`, `1h30m` or `500ms`"))?;
        let signed = span.to_duration(SpanRelativeTo::days_are_24_hours());
        let signed = signed.map_err(|_| format!("`{text}` has no fixed length: use weeks or smaller units"))?;
        let duration =
            Duration::try_from(signed).map_err(|_| format!("a duration cannot be negative, as `{text}` is"))?;
        Ok(Self(duration))
    }
}

fn without_unit(number: impl fmt::Display) -> String {
    format!("a duration needs a unit: write `{number}s` for seconds or `{number}ms` for milliseconds, not `{number}`")
}

impl Deref for Span {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

/// As it would be written in the settings.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&SpanPrinter::new().spacing(Spacing::None).unsigned_duration_to_string(&self.0))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as `15m`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        Span::parse(text).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Span, E> {
        Err(E::custom(without_unit(number)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Span, E> {
        Err(E::custom(without_unit(number)))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Span, E> {
        Err(E::custom(without_unit(number)))
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time with its unit, such as `15m`; a day is 24 hours.",
            "pattern": r"^\s*[0-9].*[A-Za-zµ]\s*$",
            "examples": ["15m", "1h30m", "500ms", "0s"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Duration, String> {
        serde_json::from_str::<Span>(json).map(Span::get).map_err(|e| e.to_string())
    }

    #[test]
    fn units_are_read() {
        for (text, millis) in [
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("500ms", 500),
            ("0s", 0),
            ("1.5s", 1_500),
            ("1d", 86_400_000),
            ("2 weeks", 1_209_600_000),
        ] {
            assert_eq!(read(&format!("\"{text}\"")), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_says_what_to_write() {
        for (json, says) in [
            ("900", "write `900s`"),
            ("\"900\"", "write `900s`"),
            ("1.5", "write `1.5s`"),
            ("\"-15m\"", "cannot be negative"),
            ("\"15m ago\"", "cannot be negative"),
            ("\"1 month\"", "no fixed length"),
            ("\"1h 02:03\"", "is not a duration"),
            ("\"soon\"", "is not a duration"),
            ("\"\"", "is not a duration"),
            ("\"99999999999999999999h\"", "is not a duration"),
            ("true", "expected a duration such as `15m`"),
        ] {
            let told = read(json).unwrap_err();
            assert!(told.contains(says), "{json}: {told}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for span in
            [Span::ZERO, Span::millis(1_500), Span::mins(90), Span::hours(49), Span::new(Duration::from_nanos(1))]
        {
            let json = serde_json::to_string(&span).unwrap();
            assert_eq!(serde_json::from_str::<Span>(&json).unwrap(), span, "{json}");
        }
        assert_eq!(Span::mins(90).to_string(), "1h30m");
        assert_eq!(Span::ZERO.to_string(), "0s");
    }
}
