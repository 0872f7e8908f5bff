//! The data plane, in the order a request meets it: listen, TLS, framing, the gate, delivery or refusal.

pub mod answer;
pub mod authority;
pub mod hygiene;
pub mod path;
pub mod policies;
pub mod router;
pub mod settings;
