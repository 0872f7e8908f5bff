//! Asking an issuer about one token (RFC 7662), for those who wait at its desk (`state::introspection`).
//!
//! | file | holds |
//! |---|---|
//! | `settings` | what the config says of it |
//! | `credentials` | as whom the gateway asks |
//! | `assertion` | a token that it signs to say so |
//! | `rotating` | keys and certificates in files, read again when they are others |
//! | `asker` | one question, asked over the network |
//! | `answer` | what the answer says of the token that was asked about |
//! | `teller` | the task: from the desk to the issuer and back |
//! | `running` | the task, started; and how it stands |

mod answer;
mod asker;
mod assertion;
mod credentials;
mod rotating;
mod running;
pub mod settings;
mod teller;

pub use teller::Introspected;
pub(super) use teller::{Teller, build};
