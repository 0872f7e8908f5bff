//! The data plane, in the order a request meets it.

pub mod framing;
