//! Curfew: an API gateway that makes every token keep its hours.

pub mod decide;
pub mod idp;
pub mod settings;
pub mod state;
