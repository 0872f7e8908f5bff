//! Status lists (Token Status List, draft-ietf-oauth-status-list-20), as values: what a token says of its list, and
//! what the list says of the token. How lists are fetched and kept is not told here.

use super::time::Timestamp;
use std::time::Duration;

/// What a token says of its status: its claim `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StatusClaim {
    /// Nothing, or nothing of a status list.
    #[default]
    Absent,
    /// Something that no status list can be found by (§6.2 of the draft).
    Malformed,
    /// Its place in a list.
    Listed(Listed),
}

/// A place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// `uri`: which list.
    pub uri: Box<str>,
    /// `idx`: which of its places, from zero.
    pub index: u64,
}

/// The status of a token is valid (§7.1 of the draft).
pub const VALID: u8 = 0;
/// The token is revoked.
pub const INVALID: u8 = 1;
/// The token is not valid for the time being.
pub const SUSPENDED: u8 = 2;

/// What is known of the status of one token at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// The token names no list.
    #[default]
    Unlisted,
    /// No source of its issuer may fetch that list.
    Foreign,
    /// The list was not had yet.
    Missing,
    /// The provider itself said that the list says nothing after this instant.
    Expired(Timestamp),
    /// The list has no such place.
    Outside {
        /// How many places it has.
        places: u64,
    },
    /// The list says this.
    Said {
        /// The value.
        value: u8,
        /// Whether the settings take a value of the application's own for a good one.
        accepted: bool,
        /// How long ago the list was fetched.
        age: Duration,
        /// The age from which on it is stale.
        max: Duration,
    },
}
