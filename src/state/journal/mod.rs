//! What is revoked, over a restart: a journal of what sources said, and a compact snapshot of it now and then.
//! What was said to be kept is on the disk before that is said. Who says what is not told here.
//!
//! | file | holds |
//! |---|---|
//! | `disk` | the files of one directory, which one process has at a time |
//! | `key` | the key of fingerprints, kept beside them: without it the entries name nobody |
//! | `frame` | a file's header, and records that show whether they are whole |
//! | `batch` | what a record says |
//! | `reader` | one file, read to its end, to a torn end, or to a damage |
//! | `inventory` | which files there are, and whether they follow each other |
//! | `load` | the files, read into the revocation set |
//! | `queue`, `writer` | many who wait for one write |
//! | `compact` | the set, written as a snapshot |
//! | `again` | what could not be read, read later |
//! | `voice` | whose words a record holds |
//! | `account` | one source's place in the journal |
//! | `room` | the whole: opened, read, written, closed |

mod account;
mod again;
mod batch;
mod compact;
pub mod disk;
mod frame;
mod inventory;
pub mod key;
mod load;
mod queue;
mod reader;
mod room;
mod stats;
mod voice;
mod writer;

pub use account::{Account, Receipt, Turn, sum};
pub use frame::{Check, JournalError};
pub use load::Recovered;
pub use queue::Unwritten;
pub use room::{DIRECTORY, Journal};
pub use stats::{JournalStanding, SYNC_BUCKETS};
pub use voice::Voice;
