//! Notice: how often the process's log is told of a trouble that lasts, and in which words.
//!
//! | file | holds |
//! |---|---|
//! | `trouble` | one thing that can go wrong again and again |
//! | `unquoted` | errors of JSON, without what they quote |

mod trouble;
mod unquoted;

pub use trouble::Trouble;
pub use unquoted::unquoted;
