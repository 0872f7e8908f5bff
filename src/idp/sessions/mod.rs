//! Sessions that instances share, over a Redis: what one saw, the others learn before they end a session. Of Redis nothing
//! is asked but to join and to remember: every instance holds what it saw, and tells it again to a store that was lost.
//!
//! | file | holds |
//! |---|---|
//! | `share` | one instance: joins, tells what is due, and looks up what it does not know |
//! | `words`, `merge.lua` | what is said to Redis |
//! | `record` | a session as it stands there |

mod record;
mod share;
mod words;

pub use share::Share;
