//! Can it be asked afterwards why a request was refused? The real binary and its commands, from nothing but the answer;
//! over restarts, floods, torn files and full disks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

#[path = "../support/mod.rs"]
mod support;

mod ask;
mod before;
#[path = "../telemetry/collector.rs"]
#[allow(dead_code, reason = "the tests of spans use more of it")]
mod collector;
mod demo;
mod filters;
mod flood;
mod keep;
mod loud;
mod nasty;
mod panics;
mod shadow;
mod store;
mod world;
