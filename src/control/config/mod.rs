//! The config engine: a text in YAML or JSON becomes a typed value, or a list of all faults with their places.
//! It knows no setting of Curfew; whoever calls it names the root type.
//!
//! | step | file |
//! |---|---|
//! | text into a tree that knows its places, within bounds | `reader` (`scalar`, `tree`) |
//! | tree into a value, with serde | `de`, `access` (`error`, `standin`) |
//! | again without what was wrong, until nothing new is wrong | `parse` (`marks`, `culprit`) |
//! | what is told, in which words | `words`, `fault`, `render` |
//! | where things stand, and what of them to rely on, for the checks that come after | `spans` (`repairs`) |

mod access;
mod culprit;
mod de;
mod error;
mod fault;
mod marks;
mod parse;
mod reader;
mod render;
mod repairs;
mod scalar;
mod spans;
mod standin;
#[cfg(test)]
mod tests;
mod tree;
mod words;

pub(super) use fault::in_order;
pub use fault::{Fault, Severity};
pub use parse::{Broken, Parsed, parse};
pub use render::render_all;
pub use spans::{Location, Spans, join};
pub(super) use words::advise;
