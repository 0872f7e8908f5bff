//! One file a place where a token may be. The rule that only one may be used is told in `location`.

pub mod authorization;
pub mod cookie;
