//! The audit log: what operators did, which config was in force, which sessions ended, as a chain of lines. Each line
//! carries the hash of the one before it, so that one that was removed, changed or moved shows. What operators do is on
//! disk before they are answered; what the line tells is handed to a thread and never waited for.
//!
//! | file | holds |
//! |---|---|
//! | `settings` | where it goes, which events, how long |
//! | `event` | what can happen |
//! | `line`, `chain` | an event as bytes, and how one line seals the next |
//! | `file` | the file, where it was left, and its rotation |
//! | `medium`, `book` | what may fail under it, and the chain on it: added to, taken back, durable |
//! | `writer`, `room` | the thread, and who hands it events |
//! | `upkeep` | what it does besides: syncs, rotates, looks whether its file is still there |
//! | `syslog`, `socket`, `logs` | the same lines to somebody else |
//! | `counts` | what became of them |
//! | `verify` | whether the chain holds, without the gateway |

mod book;
mod chain;
mod counts;
mod event;
mod file;
mod line;
mod logs;
mod medium;
mod room;
mod settings;
mod socket;
mod syslog;
#[cfg(test)]
mod tests;
mod upkeep;
pub mod verify;
mod writer;

pub use chain::Key;
pub use event::{Event, Kind};
pub use logs::{Logs, Unsent, open as open_logs};
pub use room::{Audit, OpenError};
pub use settings::{Receiver, Settings, SyncPolicy, Syslog};
