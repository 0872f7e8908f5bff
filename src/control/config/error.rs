//! What serde says when a value does not fit, kept as data, with the place where it was said.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use super::tree::NodeId;

/// What did not fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A mapping has a key that nobody reads.
    UnknownKey { name: String, valid: &'static [&'static str] },
    /// A word is none of those that may stand here.
    UnknownWord { name: String, valid: &'static [&'static str] },
    /// A key is missing.
    Missing(&'static str),
    /// A value is of another kind, or out of bounds.
    Unfit { found: String, wanted: String },
    /// What the reader of the value said itself.
    Other(String),
    /// Follows from something that was left out before, or from too much work; not to be told.
    Silent,
}

/// What serde expects where a word stands with its value.
pub(super) const ONE_KEY: &str = "map with a single key";

impl Kind {
    /// Whether it complains of this key in a mapping that has no room for it: nobody reads it there, or the mapping is a
    /// word with its value.
    pub(super) fn is_of_one_key_more(&self, key: &str) -> bool {
        match self {
            Self::UnknownKey { name, .. } => name == key,
            Self::Unfit { wanted, .. } => wanted == ONE_KEY,
            _ => false,
        }
    }
}

/// The place of an error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// A value.
    Value(NodeId),
    /// The key of a value.
    Key(NodeId),
    /// What stands in for a missing key of this mapping.
    StandIn(NodeId, &'static str),
}

/// An error of one attempt to read the tree.
#[derive(Clone, Debug)]
pub(super) struct Error {
    pub(super) kind: Kind,
    pub(super) place: Option<Place>,
}

impl Error {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, place: None }
    }

    /// The same at this place, unless a deeper place is known.
    pub(super) fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    /// Whether it is the same complaint at the same place.
    pub(super) fn repeats(&self, other: &Self) -> bool {
        self.place == other.place && self.kind == other.kind
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(Kind::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::new(Kind::Unfit { found: super::words::found(found), wanted: wanted.to_string() })
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::invalid_type(found, wanted)
    }

    fn invalid_length(count: usize, wanted: &dyn Expected) -> Self {
        Self::new(Kind::Unfit { found: format!("{count} of them"), wanted: wanted.to_string() })
    }

    fn unknown_field(name: &str, valid: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownKey { name: name.to_owned(), valid })
    }

    fn unknown_variant(name: &str, valid: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownWord { name: name.to_owned(), valid })
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(Kind::Missing(name))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::new(Kind::Other(format!("`{name}` is given twice, under two of its names\nkeep one of them")))
    }
}
