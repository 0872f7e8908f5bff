//! The real gateway among real parts: an OpenID provider, curl, WebSocket and gRPC clients, openssl, promtool, a
//! collector of traces. What needs a part that is missing fails and says so; `tests/run` installs them.
//! What an unkind client may send is not here (tests/attacks).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by ending"
)]

mod chromium;
mod clients;
mod command_line;
mod held;
mod introspection;
mod logout;
mod otlp;
#[path = "../support/port.rs"]
mod port;
mod provider;
mod refreshed;
mod statuses;
mod steady;
mod telemetry;
mod tls;
mod world;
