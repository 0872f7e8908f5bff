//! Signing keys, by issuer: what a JWKS is read into, and what verification looks a key up in.
//! Fetching is not done here: `idp` does it, and publishes what it got.
//!
//! | file | holds |
//! |---|---|
//! | `key` | one key, bound to one algorithm; `verify` |
//! | `jwk` | one entry of a JWKS, read strictly |
//! | `secret` | a shared secret as a key |
//! | `set` | the keys of one issuer at one moment; `find` |
//! | `issuer` | the current set of one issuer, its age, its errors |
//! | `demand` | the one refetch that many requests may ask for |

mod demand;
mod issuer;
mod jwk;
mod key;
mod secret;
mod set;

pub use issuer::{Fetches, IssuerKeys, Lookup, Patience, Published, Standing};
pub use jwk::{KeyFault, of_proof};
pub use key::Key;
pub use secret::{WeakSecret, secret_set};
pub use set::{Ignored, KeySet, MAX_KEYS, SetFault};

#[cfg(test)]
mod tests;
