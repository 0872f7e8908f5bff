//! Shared Signals (OpenID SSF 1.0, with CAEP and RISC): a transmitter tells of sessions and accounts by signed events
//! (RFC 8417), which it pushes (RFC 8935) or lets us poll (RFC 8936).
//!
//! | file | holds |
//! |---|---|
//! | `settings`, `stream_settings` | what the config says of it |
//! | `source` | the whole: its parts, and its life |
//! | `take` | one event, from its signature to its enforcement |
//! | `subject`, `complex` | whom an event is about, in the names that tokens carry |
//! | `event` | what an event means |
//! | `accounts` | which of two events of an account was the last |
//! | `push`, `poll` | how events come |
//! | `metadata`, `stream`, `watch` | where the transmitter is, the stream at it, and whether that lives |

mod accounts;
mod complex;
mod event;
#[cfg(test)]
mod gaps;
#[cfg(test)]
pub(in crate::idp) mod hostile;
mod metadata;
mod poll;
mod push;
mod settings;
mod source;
mod stream;
mod stream_settings;
mod subject;
mod take;
mod watch;

pub use settings::SsfSettings;
