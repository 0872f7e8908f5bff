//! Does `curfew doctor` say what is wrong, what will break next and when, and nothing that is not so? Each fault is made
//! real: certificates that end, clocks that differ, providers, upstreams and a Redis that are gone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod alone;
mod idp;
mod nodes;
mod pages;
#[path = "../fleet/redis.rs"]
#[allow(dead_code, reason = "the fleet's tests use more of it")]
mod redis;
#[path = "../support/mod.rs"]
mod support;
mod world;
