//! May operators revoke, take back and ask, nobody else, and is every word of it in the audit log? The real binary over
//! real sockets; the OpenAPI document against the table of endpoints, and its examples run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod commands;
mod confirm;
mod crowd;
mod deeds;
mod document;
mod entries;
mod explain;
mod guard;
mod imports;
mod world;
