//! Is each answer right? One table per check of `decide/checks`: policy and evidence in, finding and reason out, with
//! the boundary instants to the millisecond. No sockets, no clock: time is a value.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

#[path = "../support/reasons.rs"]
mod reasons;

mod bindings;
mod boundary;
mod claims;
mod grounds;
mod introspections;
mod revocations;
mod rules;
mod sessions;
mod stages;
mod statuses;
mod times;
mod world;
