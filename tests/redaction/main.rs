//! Does anything that was told in confidence appear where it does not belong? A gateway with everything switched on meets
//! good and bad traffic whose tokens, keys, cookies, passwords, subjects and session ids are marked; afterwards nothing
//! that was written anywhere may hold a mark, in any spelling. What was searched, and how often each mark was found, is
//! printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod commands;
mod events;
mod liar;
mod marks;
mod panics;
#[path = "../fleet/redis.rs"]
#[allow(dead_code, reason = "the fleet's tests use more of it")]
mod redis;
mod run;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
mod world;
