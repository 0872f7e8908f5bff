//! Notice: how often the process's log is told of a trouble that lasts, and in which words; and work that is begun anew when
//! it dies.
//!
//! | file | holds |
//! |---|---|
//! | `trouble` | one thing that can go wrong again and again |
//! | `supervised` | work that goes on, however often it dies |
//! | `unquoted` | errors of JSON, without what they quote |

mod supervised;
mod trouble;
mod unquoted;

pub use supervised::{deaths, supervised, supervised_with};
pub use trouble::Trouble;
pub use unquoted::unquoted;
