//! Shared Signals end to end: a transmitter written to the text of RFC 8417, 8935, 8936 and SSF 1.0, without a line of
//! the receiver's, and the real gateway; what it tells is enforced by the next request. §12 and §24 I2 of the standards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

#[path = "../support/mod.rs"]
mod support;

mod audited;
mod dialects;
mod faults;
mod poll;
mod push;
mod stream;
mod transmitter;
mod world;
