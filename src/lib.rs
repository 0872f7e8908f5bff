//! Curfew: an API gateway that makes every token keep its hours. The rooms, in reading order; nothing is
//! re-exported here.

pub mod app;
pub mod command;
pub mod control;
pub mod decide;
pub mod demo;
pub mod doctor;
pub mod idp;
pub mod notice;
pub mod proxy;
pub mod settings;
pub mod state;
pub mod telemetry;
pub mod token;
pub mod upstream;
