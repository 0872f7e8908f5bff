//! The data plane, in the order a request meets it.
//!
//! | file | holds |
//! |---|---|
//! | `listen` | where we listen, and what a connection may use up |
//! | `accept` | the loop that takes connections, and the end of it |
//! | `proxy_protocol` | who really connected |
//! | `certificates`, `tls` | which certificate, and the handshake |
//! | `framing` | the strict reader in front of HTTP/1.1 |
//! | `connection` | HTTP/1.1 and HTTP/2 over one connection |

pub mod accept;
mod answered;
pub mod certificates;
pub mod connection;
pub mod drain;
pub mod framing;
pub mod listen;
pub mod proxy_protocol;
pub mod tls;
