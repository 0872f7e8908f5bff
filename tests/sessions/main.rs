//! Do sessions end on time, from outside? Limits of seconds, over real sockets, against the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod boundary;
mod ends;
mod live;
mod moves;
mod rules;
mod spread;
mod streams;
mod warned;
mod world;
