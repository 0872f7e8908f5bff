//! A value, or the word `off`. Turning a rule off is said in so many words; silence means the default.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

/// A value, or the word `off`. YAML 1.2 reads `off` as a word, not as false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrOff<T> {
    /// Written `off`.
    #[default]
    Off,
    /// Written as the value itself.
    On(T),
}

impl<T> OrOff<T> {
    /// The value, unless it is off.
    pub fn on(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }

    /// A look at the value, unless it is off.
    pub const fn as_ref(&self) -> OrOff<&T> {
        match self {
            Self::Off => OrOff::Off,
            Self::On(value) => OrOff::On(value),
        }
    }

    /// Whether it is off.
    pub const fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }
}

impl<T: Serialize> Serialize for OrOff<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("off"),
            Self::On(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrOff<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OrOffVisitor(PhantomData))
    }
}

/// Keeps the word `off` for itself and hands every other shape on to the value's own reader.
struct OrOffVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OrOffVisitor<T> {
    type Value = OrOff<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or `off`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OrOff<T>, E> {
        if text == "off" {
            return Ok(OrOff::Off);
        }
        T::deserialize(text.into_deserializer()).map(OrOff::On)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<OrOff<T>, E> {
        T::deserialize(value.into_deserializer()).map(OrOff::On)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<OrOff<T>, E> {
        T::deserialize(value.into_deserializer()).map(OrOff::On)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<OrOff<T>, E> {
        T::deserialize(value.into_deserializer()).map(OrOff::On)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<OrOff<T>, E> {
        T::deserialize(value.into_deserializer()).map(OrOff::On)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OrOff<T>, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(seq)).map(OrOff::On)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OrOff<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(OrOff::On)
    }
}

impl<T: JsonSchema> JsonSchema for OrOff<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrOff", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": "off" }, generator.subschema_for::<T>()] })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::settings::{Bytes, Secret, Span};

    fn read<T: de::DeserializeOwned>(json: &str) -> Result<OrOff<T>, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    #[test]
    fn every_shape_of_value_can_be_off() {
        assert_eq!(read::<Span>("\"off\""), Ok(OrOff::Off));
        assert_eq!(read("\"15m\""), Ok(OrOff::On(Span::mins(15))));
        assert_eq!(read("4096"), Ok(OrOff::On(Bytes::kib(4))));
        assert_eq!(read("true"), Ok(OrOff::On(true)));
        assert_eq!(read("0.5"), Ok(OrOff::On(0.5)));
        assert_eq!(read("[1, 2]"), Ok(OrOff::On(vec![1, 2])));
        assert_eq!(read(r#"{"env":"KEY"}"#), Ok(OrOff::On(Secret::Env("KEY".into()))));
        assert_eq!(read(r#"{"a":1}"#), Ok(OrOff::On(BTreeMap::from([("a".to_owned(), 1)]))));
    }

    #[test]
    fn the_value_speaks_for_itself_when_it_is_wrong() {
        let told = read::<Span>("900").unwrap_err();
        assert!(told.contains("write `900s`"), "{told}");
        assert!(read::<Span>("false").unwrap_err().contains("expected a duration"));
    }

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(serde_json::to_string(&OrOff::<Span>::Off).unwrap(), "\"off\"");
        assert_eq!(serde_json::to_string(&OrOff::On(Span::mins(15))).unwrap(), "\"15m\"");
    }
}
