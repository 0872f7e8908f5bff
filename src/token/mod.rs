//! From a request to evidence: where the token is, what it says, whether its signature verifies.
//! Nothing is judged here.

pub mod claims;
pub mod compact;
pub mod gather;
pub mod header;
pub mod issuers;
pub mod json;
pub mod location;
pub mod locations;
pub mod proof;
pub mod target;
pub mod untrusted;
pub mod verify;
