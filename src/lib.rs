//! Curfew: an API gateway that makes every token keep its hours.

pub mod control;
pub mod decide;
pub mod settings;
