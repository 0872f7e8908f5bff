//! Control: what the operator says to the gateway, and what the gateway does about it.

pub mod config;
