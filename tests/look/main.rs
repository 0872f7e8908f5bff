//! Does the page for operators show what is, to whoever may see it, and to nobody else? The real binary, looked at by a
//! real browser: `*.mjs` are its hands and eyes. `UPDATE=1` takes the runbook's pictures anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

#[path = "../support/mod.rs"]
mod support;

mod history;
#[path = "../records/loud.rs"]
#[allow(dead_code, reason = "the tests of records use more of it")]
mod loud;
mod page;
mod safety;
mod traffic;
mod window;
mod world;
