//! The sessions of which this process knows: when each was begun, used, and left alone. It is asked before a request is
//! judged, told after it was admitted, and decides nothing.
//!
//! | file | holds |
//! |---|---|
//! | `name` | how a session is named by its token |
//! | `entry` | one session in 78 bytes |
//! | `table` | an open table of them, which grows in small steps |
//! | `store` | the tables, their bound, and what is counted |
//! | `terms` | how they are kept, and for how long one is needed |
//! | `desk` | where a request asks what other instances know of one |
//! | `breaker` | whether it is worth to ask them |
//! | `vouched` | what issuers said of those for which there was no room |
//! | `rounds` | the look through all, which forgets what is over though nothing new comes |
//! | `late` | an activity that waits until others were asked |
//! | `sharing` | what waits to be told to other instances, and what is learnt of them |

mod breaker;
mod desk;
mod entry;
mod late;
mod name;
mod rounds;
mod sharing;
mod store;
mod table;
mod terms;
mod vouched;

pub use desk::{Asked, Desk, Question, Questions, Unknown};
pub use late::{Late, Used};
pub use name::{Name, name};
pub use rounds::{Looked, QUIET, Rounds};
pub use sharing::Pace;
pub use store::{Activity, Counts, Sessions, Turn};
pub use terms::{LINGER, Terms};
