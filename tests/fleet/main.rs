//! What one instance is told, do all of them enforce, whatever becomes of the Redis between them? With a real Redis 7,
//! started, killed, stopped and emptied.

#![allow(missing_docs, reason = "a test tells what it proves in its name and its comment")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/redis_model.rs"]
#[allow(dead_code, reason = "years are played elsewhere")]
mod redis_model;

mod full;
mod gates;
mod instance;
mod keeping;
mod losses;
mod processes;
mod propagation;
mod redis;
mod session_answers;
mod session_cost;
mod session_cut_off;
mod session_faults;
mod session_load;
mod session_merged;
mod session_revived;
mod session_streams;
mod session_used;
mod session_ways;
mod session_words;
mod sessions;
mod shared;
mod spread;
mod ways;
