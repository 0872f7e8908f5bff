//! `curfew schema`.

use super::completions::print;
use super::exit::Exit;

/// Prints the JSON Schema of the config.
#[must_use]
pub fn schema() -> Exit {
    print(crate::control::schema::schema().as_bytes())
}
