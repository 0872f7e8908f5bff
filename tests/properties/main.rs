//! Which laws always hold?
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

#[path = "../support/redis_model.rs"]
#[allow(dead_code, reason = "some of it compares it with a real one")]
mod redis_model;

mod fleet;
mod fleet_member;
mod fleet_sessions;
mod fleet_told;
mod fleet_world;
mod judgement;
mod proof;
mod rules;
mod sessions;
mod sessions_bound;
mod time;
