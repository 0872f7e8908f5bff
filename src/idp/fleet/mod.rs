//! The fleet's own channel: what one instance is told, all of them enforce. Over a Redis stream, of which nothing is
//! asked but to pass on: every instance holds the truth, and writes it anew into a Redis that has lost it.
//!
//! | file | holds |
//! |---|---|
//! | `settings` | what the config says of it |
//! | `note`, `block` | one entry on its way; many of them as the stream holds them |
//! | `telling`, `outbox` | what is to be told, and waits to be written |
//! | `stands` | whose entries are shared, and where those of others go |
//! | `lifting` | what operators enter and lift, in one order everywhere |
//! | `server`, `words` | how Redis is reached, and what is said to it |
//! | `merging`, `seating` | what they told, taken in and kept; which issuer has which feeds of it |
//! | `hub` | the part that stays when the settings change |
//! | `member` | one instance: joins, and joins again |
//! | `reading`, `writing` | what it does once it has joined |
//! | `seeding` | everything that is held, written anew |
//! | `tending` | settings made into all this |
//! | `presence`, `roster`, `heralding` | who is in the fleet, and how far each has read |
//! | `propagation` | what operators are told of that |
//! | `standing` | what metrics tell of it |
//! | `examine` | a look at the Redis, for the doctor |

mod block;
mod examine;
mod heralding;
mod hub;
mod lifting;
mod member;
mod merging;
mod note;
mod outbox;
mod presence;
mod propagation;
mod reading;
mod roster;
mod seating;
mod seeding;
mod server;
pub mod settings;
mod standing;
mod stands;
mod telling;
mod tending;
mod words;
mod writing;

pub use examine::{Redis, examine};
pub(super) use hub::Hub;
pub(super) use note::Voice;
pub use propagation::{Instance, Propagation};
pub use server::ServerError;
pub(super) use server::{Link, Server};
pub use standing::Standing;
pub(super) use telling::Telling;
pub(super) use tending::{PLACE, prepare};
