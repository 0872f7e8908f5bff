//! Control: what the operator says to the gateway, and what the gateway does about it.
//!
//! | file | holds |
//! |---|---|
//! | `config` | the engine that reads a text into a typed value, or tells all its faults |
//! | `settings`, `sessions` | the root of the settings: every room's block, named; and the block `sessions` |
//! | `check` | that the blocks fit together, one subject a file |
//! | `load` | from a file to settings with their revision |
//! | `build`, `doors` | from settings to a plan, and the doors in it that lead to revocation sources |
//! | `reload`, `stands`, `pending` | the next config brought into force, how it stands then, and what of it waits for a restart |
//! | `changes` | what a reload changed, for the audit log |
//! | `schema`, `redact`, `resolved` | the settings as a JSON Schema, as they are in effect, and what they come to on a route |

mod changes;
pub mod check;
pub mod config;
mod load;
pub mod redact;
pub mod resolved;
pub mod schema;
pub mod sessions;
pub mod settings;

pub mod admin;
pub mod build;
pub mod doors;
pub mod pending;
pub mod reload;
mod stands;

pub use load::{Loaded, load, read, source};
