//! Is a token's issuer asked when it is to be, believed only where it makes sense, and never waited for in vain? A fake
//! provider over real sockets that lies, stalls and dies, and the real binary; §7 of the standards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

#[path = "../support/mod.rs"]
mod support;

mod asked;
mod check;
mod credentials;
mod faults;
mod full;
mod idp;
mod lasting;
mod secured;
mod stale;
mod world;
