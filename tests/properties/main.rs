//! Which laws always hold?
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod fleet;
mod fleet_sessions;
mod fleet_told;
mod fleet_world;
mod judgement;
mod proof;
mod rules;
mod sessions;
mod sessions_bound;
mod time;
