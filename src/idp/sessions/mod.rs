//! Sessions that instances share, over a Redis: what one saw, the others learn before they end a session. Of Redis nothing
//! is asked but to join and to remember: every instance holds what it saw, and tells it again to a store that was lost.
//!
//! | file | holds |
//! |---|---|
//! | `share` | one instance: joins, and joins again |
//! | `bond` | what it knows of the store, what it says there, and what it believes: all of it but the waiting |
//! | `telling`, `asking` | what it does once it has joined: tells what is due, and looks up what it does not know |
//! | `count` | how late it is there |
//! | `words`, `see.lua`, `merge.lua` | what is said to Redis |
//! | `record` | a session as it stands there |

mod asking;
mod bond;
mod count;
mod record;
mod share;
mod telling;
mod words;

pub use bond::{Bond, Kept, Look};
pub use share::Share;
pub use words::Store;
