//! Notice: how often the process's log is told of a trouble that lasts.
//!
//! | file | holds |
//! |---|---|
//! | `trouble` | one thing that can go wrong again and again |

mod trouble;

pub use trouble::Trouble;
