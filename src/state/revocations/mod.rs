//! What is revoked, and how fresh that knowledge is. Where it comes from is not told here: `idp`'s sources
//! write it, each into a [`Feed`] of its own, so that what one source says never hides what another says.
//!
//! | file | holds |
//! |---|---|
//! | `entry` | one revocation as sources give it, and as it is stored |
//! | `name`, `layout` | how it is told from others, and packed into words |
//! | `slots` | a table of them that is read while it is written |
//! | `blocks` | the memory that one table gives back and another one takes |
//! | `half`, `shards` | many of these, each with one writer at a time |
//! | `feed` | one source: its bounds, its count, when it was last heard |
//! | `table` | which feeds there are, and which speak for an issuer |
//! | `snapshot` | all that a source said, being replaced |
//! | `set` | the whole: look-up, freshness, writing, purging |
//! | `offers` | what comes in one by one |
//! | `export` | the entries, told one by one |
//! | `voids` | what was taken back of what may be told again |
//! | `carry` | what one source said, put into the feed of another |
//! | `changes` | how often it was written |

mod blocks;
mod carry;
mod changes;
mod entry;
mod export;
mod feed;
mod half;
mod layout;
mod name;
mod offers;
mod set;
mod shards;
mod slots;
mod snapshot;
mod table;
mod voids;

pub use entry::{Revoked, SLACK, Target};
pub use feed::{Bounds, Feed, FeedStanding};
pub use set::{Full, Holdings, Known, Revocations};
pub use snapshot::Snapshot;
pub use voids::{Void, Voids};

#[cfg(test)]
mod tests;
