//! The children of a node as serde reaches them: items, entries, and the word of a choice.
//! What is left out is not shown, and what stands in comes last.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

use super::de::At;
use super::error::{Error, Kind, Place};
use super::scalar::{Plain, resolve};
use super::standin::StandIn;
use super::tree::NodeId;

/// The live children of a list or a mapping, then the stand-ins of a mapping.
pub(super) struct Entries<'a> {
    of: At<'a>,
    live: std::slice::Iter<'a, NodeId>,
    stand_ins: Vec<(&'static str, usize)>,
    /// The entry whose key was just read.
    entry: Option<Entry>,
}

#[derive(Clone, Copy)]
enum Entry {
    Child(NodeId),
    StandIn(&'static str, usize),
}

impl<'a> Entries<'a> {
    pub(super) fn of(of: At<'a>) -> Self {
        let live = of.tree.node(of.id).children().iter();
        Self { of, live, stand_ins: of.marks.stand_ins(of.id).to_vec(), entry: None }
    }

    fn next_child(&mut self) -> Option<NodeId> {
        let marks = self.of.marks;
        self.live.find(|child| !marks.is_gone(**child)).copied()
    }
}

impl<'de> SeqAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(child) = self.next_child() else { return Ok(None) };
        seed.deserialize(self.of.to(child)).map(Some).map_err(|error| error.at(Place::Value(child)))
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let stand_in = |(name, guess)| Entry::StandIn(name, guess);
        self.entry = self.next_child().map(Entry::Child).or_else(|| self.stand_ins.pop().map(stand_in));
        match self.entry {
            None => Ok(None),
            Some(Entry::Child(child)) => {
                let key = Key(self.of.tree.node(child).key().unwrap_or(""));
                seed.deserialize(key).map(Some).map_err(|error| error.at(Place::Key(child)))
            }
            Some(Entry::StandIn(name, _)) => {
                let place = Place::StandIn(self.of.id, name);
                seed.deserialize(Key(name)).map(Some).map_err(|error| error.at(place))
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.entry.take() {
            None => Err(Error::new(Kind::Silent)),
            Some(Entry::Child(child)) => {
                seed.deserialize(self.of.to(child)).map_err(|error| error.at(Place::Value(child)))
            }
            Some(Entry::StandIn(name, guess)) => {
                let place = Place::StandIn(self.of.id, name);
                seed.deserialize(StandIn::new(guess)).map_err(|error| error.at(place))
            }
        }
    }
}

/// A word of several, with or without a value.
pub(super) struct Choice<'a> {
    /// Its value, or the word itself if it stands alone.
    at: At<'a>,
    alone: bool,
}

impl<'a> Choice<'a> {
    /// The node is the word.
    pub(super) fn alone(at: At<'a>) -> Self {
        Self { at, alone: true }
    }

    /// The node is the value, and the word is its key.
    pub(super) fn keyed(at: At<'a>) -> Self {
        Self { at, alone: false }
    }

    fn valued(self) -> Result<At<'a>, Error> {
        if self.alone {
            return Err(Error::invalid_type(Unexpected::UnitVariant, &"the word as a key, with its value"));
        }
        Ok(self.at)
    }
}

impl<'de> EnumAccess<'de> for Choice<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let (word, place) = match self.alone {
            true => (self.at.text(), self.at.here()),
            false => (self.at.tree.node(self.at.id).key(), Place::Key(self.at.id)),
        };
        let word = seed.deserialize(Key(word.unwrap_or(""))).map_err(|error| error.at(place))?;
        Ok((word, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        if self.alone {
            return Ok(());
        }
        serde::Deserialize::deserialize(self.at)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        let at = self.valued()?;
        seed.deserialize(at).map_err(|error| error.at(at.here()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.valued()?.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.valued()?.deserialize_struct("", fields, visitor)
    }
}

/// A key. It is a word, and a number or a truth value only where one is asked for.
struct Key<'a>(&'a str);

macro_rules! resolved {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match resolve(self.0) {
                Plain::Truth(truth) => visitor.visit_bool(truth),
                Plain::Unsigned(number) => visitor.visit_u64(number),
                Plain::Signed(number) => visitor.visit_i64(number),
                Plain::Float(number) => visitor.visit_f64(number),
                Plain::Text(_) | Plain::Nothing => visitor.visit_str(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Error;

    resolved! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let word: StrDeserializer<'_, Error> = self.0.into_deserializer();
        word.deserialize_enum(name, words, visitor)
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
