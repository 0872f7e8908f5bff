//! `curfew schema`.

use super::completions::print;
use super::exit::Exit;
use super::usage::Described;
use crate::control::schema;

/// Prints a JSON Schema.
#[must_use]
pub fn schema(of: Described) -> Exit {
    let text = match of {
        Described::Config => schema::schema(),
        Described::Feed => schema::feed(),
    };
    print(text.as_bytes())
}
