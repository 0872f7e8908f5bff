//! Is what a provider tells us enforced by the very next request, and is nobody else believed? Events over real sockets
//! against the real binary; §24 I of the standards, each row with a positive twin.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

#[path = "../support/mod.rs"]
mod support;

mod audited;
mod backchannel;
mod door;
mod former;
mod full;
mod global;
mod keycloak;
mod lags;
mod restart;
mod size;
mod streams;
mod uploads;
mod world;
