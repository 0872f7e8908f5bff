//! One file a way to pick an endpoint.

pub mod least_request;
pub mod round_robin;
pub mod sticky;
