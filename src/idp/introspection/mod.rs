//! Asking an issuer about one token (RFC 7662), for those who wait at its desk (`state::introspection`).
//!
//! | file | holds |
//! |---|---|
//! | `settings` | what the config says of it |
//! | `asker` | one question, asked over the network |
//! | `answer` | what the answer says of the token that was asked about |
//! | `teller` | the task: from the desk to the issuer and back |
//! | `running` | the task, started; and how it stands |

mod answer;
mod asker;
mod running;
pub mod settings;
mod teller;

pub use teller::Introspected;
pub(super) use teller::{Teller, build};
