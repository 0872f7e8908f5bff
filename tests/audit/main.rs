//! Is what operators did, which config was in force and which sessions ended told in the audit log, and does it show if
//! somebody changes a word of it? The real binary, its files and a syslog receiver.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

#[path = "../support/mod.rs"]
mod support;

mod chain;
mod disk;
mod events;
mod gone;
mod sessions;
mod world;
