//! The words that settings of every room are written in: spans of time, sizes, secrets, and what may be off.
//! Nothing here knows a route or a token.
//!
//! | word | written as | is |
//! |---|---|---|
//! | [`Span`] | `15m`, `1h30m`, `500ms`, `0s` | a length of time |
//! | [`Bytes`] | `8KiB`, `64kB`, `4096` | a size |
//! | [`Secret`] | `{file: path}`, `{env: NAME}` | where a secret is kept, never the secret |
//! | [`Seal`] | | whether secrets are what they were |
//! | `host_and_port` | `0.0.0.0:8443` | what an address to listen on is like |
//! | `files` | | files that settings name, read with a bound |
//! | [`OrOff`] | a value, or `off` | a rule that can be switched off in so many words |

mod bytes;
mod files;
mod or_off;
mod seal;
mod secret;
mod socket;
mod span;

pub use bytes::Bytes;
pub use files::{LONGEST_PEM, read_bounded, read_certificates};
pub use or_off::OrOff;
pub use seal::Seal;
pub use secret::{SECRET_IN_PLACE, Secret, SecretError};
pub use socket::host_and_port;
pub use span::Span;
