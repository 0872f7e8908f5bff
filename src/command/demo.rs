//! `curfew demo`.

use super::exit::Exit;
use super::usage;
use crate::demo;

/// Runs the demo.
#[must_use]
pub fn demo(what: &usage::Demo) -> Exit {
    let _ = (what, demo::run);
    Exit::Done
}
