//! Do alerts and dashboards say what is so? Rules in promtool; their words, links and layout; and every query of them
//! run in a real Prometheus that scrapes a real gateway under traffic of all kinds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

#[path = "../fleet/redis.rs"]
#[allow(dead_code, reason = "shared with the tests of the fleet")]
mod redis;
#[path = "../support/mod.rs"]
mod support;

mod cardinality;
mod cases;
mod doors;
mod exemplars;
mod files;
mod layout;
mod live;
mod prometheus;
mod provider;
mod renewals;
mod traffic;
mod unit;
mod words;
mod world;
