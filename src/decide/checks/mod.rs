//! One file a check: its settings, and how it asks. Their order is told in `policy`, not here.

pub mod absolute;
pub mod age;
pub mod algorithm;
pub mod audience;
pub mod binding;
pub mod claims;
pub mod expiry;
pub mod form;
pub mod freshness;
pub mod idle;
pub mod introspection;
pub mod issued;
pub mod issuer;
pub mod jitter;
pub mod key;
pub mod lifetime;
pub mod not_before;
pub mod permission;
pub mod presence;
pub mod revocation;
pub mod scope;
pub mod signature;
mod stage;
pub mod status;
pub mod step_up;
pub mod token_type;
