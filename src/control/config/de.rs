//! A node as serde reads it. Every error learns its place on the way out. How its children are reached is in `access`.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use serde::de::{Deserializer, Error as _, Unexpected, Visitor};

use super::access::{Choice, Entries};
use super::error::{Error, Kind, ONE_KEY, Place};
use super::marks::Marks;
use super::scalar::{Plain, resolve};
use super::tree::{Content, NodeId, Tree};

/// One node, as it is read in one attempt.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) tree: &'a Tree,
    pub(super) marks: &'a Marks,
    /// How many more nodes may be read in all attempts together.
    pub(super) fuel: &'a Cell<usize>,
    /// The collections that serde took as they came, perhaps into a buffer: an error there may lie deeper.
    pub(super) taken: &'a RefCell<HashSet<NodeId>>,
    pub(super) id: NodeId,
}

impl<'a> At<'a> {
    /// Another node of the same attempt.
    pub(super) fn to(self, id: NodeId) -> Self {
        Self { id, ..self }
    }

    fn content(self) -> &'a Content {
        &self.tree.node(self.id).content
    }

    fn burn(self) -> Result<(), Error> {
        let left = self.fuel.get().checked_sub(1).ok_or_else(|| Error::new(Kind::Silent))?;
        self.fuel.set(left);
        Ok(())
    }

    fn plain(self) -> Option<Plain<'a>> {
        match self.content() {
            Content::Scalar { text, plain: true } => Some(resolve(text)),
            Content::Scalar { text, plain: false } => Some(Plain::Text(text)),
            _ => None,
        }
    }

    /// The text of a scalar as it stands, whatever else it might mean; `None` for nothing.
    pub(super) fn text(self) -> Option<&'a str> {
        match self.content() {
            Content::Scalar { text, plain } => (!plain || resolve(text) != Plain::Nothing).then_some(text),
            _ => None,
        }
    }

    /// The place of this value.
    pub(super) fn here(self) -> Place {
        Place::Value(self.id)
    }

    /// What is here, for a message.
    fn unfit<'de, V: Visitor<'de>>(self, visitor: &V) -> Error {
        let found = match (self.content(), self.plain()) {
            (Content::List(_), _) => Unexpected::Seq,
            (Content::Mapping(_), _) => Unexpected::Map,
            (_, Some(Plain::Truth(truth))) => Unexpected::Bool(truth),
            (_, Some(Plain::Unsigned(number))) => Unexpected::Unsigned(number),
            (_, Some(Plain::Signed(number))) => Unexpected::Signed(number),
            (_, Some(Plain::Float(number))) => Unexpected::Float(number),
            (_, Some(Plain::Text(text))) => Unexpected::Str(text),
            (_, Some(Plain::Nothing) | None) => Unexpected::Unit,
        };
        Error::invalid_type(found, visitor).at(self.here())
    }

    fn scalar<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = match self.plain() {
            Some(Plain::Truth(truth)) => visitor.visit_bool(truth),
            Some(Plain::Unsigned(number)) => visitor.visit_u64(number),
            Some(Plain::Signed(number)) => visitor.visit_i64(number),
            Some(Plain::Float(number)) => visitor.visit_f64(number),
            Some(Plain::Text(text)) => visitor.visit_str(text),
            Some(Plain::Nothing) => visitor.visit_unit(),
            None => Err(self.unfit(&visitor)),
        };
        value.map_err(|error: Error| error.at(self.here()))
    }

    fn word<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text() {
            Some(text) => visitor.visit_str(text).map_err(|error: Error| error.at(self.here())),
            None => Err(self.unfit(&visitor)),
        }
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if !matches!(self.content(), Content::List(_)) {
            return Err(self.unfit(&visitor));
        }
        visitor.visit_seq(Entries::of(self))
    }

    fn mapping<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if !matches!(self.content(), Content::Mapping(_)) {
            return Err(self.unfit(&visitor));
        }
        visitor.visit_map(Entries::of(self))
    }

    fn choice<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.content() {
            Content::Scalar { .. } if self.text().is_some() => visitor.visit_enum(Choice::alone(self)),
            Content::Mapping(_) => {
                let mut live = self.marks.live(self.tree, self.id);
                match (live.next(), live.next()) {
                    (Some(child), None) => visitor.visit_enum(Choice::keyed(self.to(child))),
                    (None, _) if self.marks.is_touched(self.id) => Err(Error::new(Kind::Silent)),
                    _ => Err(Error::invalid_value(Unexpected::Map, &ONE_KEY)),
                }
            }
            _ => Err(self.unfit(&visitor)),
        }
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.burn()?;
            self.scalar(visitor)
        }
    )*};
}

macro_rules! words {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.burn()?;
            self.word(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for At<'_> {
    type Error = Error;

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_unit
    }

    words! { deserialize_str deserialize_string deserialize_char deserialize_bytes deserialize_byte_buf deserialize_identifier }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.burn()?;
        let value = match self.content() {
            Content::Scalar { .. } => return self.scalar(visitor),
            Content::List(_) => self.list(visitor),
            Content::Mapping(_) => self.mapping(visitor),
        };
        self.taken.borrow_mut().insert(self.id);
        value.map_err(|error: Error| error.at(self.here()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = match self.plain() {
            Some(Plain::Nothing) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        };
        value.map_err(|error: Error| error.at(self.here()))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self).map_err(|error| error.at(self.here()))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.burn()?;
        self.list(visitor).map_err(|error| error.at(self.here()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.burn()?;
        let value = self.mapping(visitor);
        // A flattened structure reads itself from a buffer too.
        self.taken.borrow_mut().insert(self.id);
        value.map_err(|error| error.at(self.here()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.burn()?;
        let is_mapping = matches!(self.content(), Content::Mapping(_));
        self.mapping(visitor).map_err(|mut error| {
            if let (false, Kind::Unfit { wanted, .. }) = (is_mapping, &mut error.kind)
                && wanted.starts_with("struct ")
            {
                *wanted = keyed(fields);
            }
            error.at(self.here())
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.burn()?;
        self.choice(visitor).map_err(|mut error| {
            if let Kind::Unfit { wanted, .. } = &mut error.kind
                && wanted.starts_with("enum ")
            {
                *wanted = format!("one of {}", super::words::list(words));
            }
            error.at(self.here())
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.burn()?;
        visitor.visit_unit()
    }
}

/// A mapping, by its first keys.
fn keyed(fields: &[&str]) -> String {
    match fields.get(..4.min(fields.len())) {
        Some(first) if !first.is_empty() => format!("a mapping with keys such as {}", super::words::list(first)),
        _ => "a mapping".to_owned(),
    }
}
