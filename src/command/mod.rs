//! The command line: one file a command. What a command does is done in the rooms below.

pub mod admin;
pub mod asked;
pub mod audit;
mod chained;
pub mod check;
pub mod completions;
pub mod connections;
pub mod demo;
pub mod doctor;
mod doctored;
pub mod exit;
pub mod explain;
pub mod import;
mod lines;
pub mod nodes;
pub mod operators;
pub mod policy;
pub mod refusals;
pub mod revoke;
pub mod run;
pub mod schema;
mod shown;
pub mod trace;
pub mod usage;
pub mod watch;
