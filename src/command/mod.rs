//! The command line: one file a command. What a command does is done in the rooms below.

pub mod check;
pub mod completions;
pub mod demo;
pub mod exit;
pub mod explain;
pub mod run;
pub mod schema;
pub mod usage;
