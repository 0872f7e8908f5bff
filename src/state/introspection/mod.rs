//! What issuers said when they were asked about tokens (RFC 7662), kept for a short while, and the one question that
//! many requests wait for together. The asking itself is `idp`'s.
//!
//! | file | holds |
//! |---|---|
//! | `desk` | of one issuer: where a request gets its answer, at once or after a bounded wait |
//! | `shelf` | answers, until they are too old |
//! | `breaker` | whether it is worth asking at all |

mod breaker;
mod desk;
mod shelf;
#[cfg(test)]
mod tests;

pub use desk::{Desk, Inquiries, Inquiry, Limits, Outcome, Question, Standing};
