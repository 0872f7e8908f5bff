//! What is revoked, and how fresh that knowledge is. Where it comes from is not told here: `idp`'s sources
//! write it, each into a [`Feed`] of its own, so that what one source says never hides what another says.
//!
//! | file | holds |
//! |---|---|
//! | `entry` | one revocation as sources give it, and as it is stored |
//! | `shards` | the entries by fingerprint |
//! | `feed` | one source: its bounds, its count, when it was last heard |
//! | `table` | which feeds there are, and which speak for an issuer |
//! | `set` | the whole: look-up, freshness, writing, purging |

mod entry;
mod feed;
mod set;
mod shards;
mod table;

pub use entry::{Revoked, Target};
pub use feed::{Bounds, Feed, FeedStanding};
pub use set::{Full, Revocations};

#[cfg(test)]
mod tests;
