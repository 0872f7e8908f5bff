//! The fake world that the tests talk through: only doors that a user has (a config file, sockets, files).
//! Shared by path, `#[path = "../support/mod.rs"] mod support;`, so each binary uses its own part of it.
//!
//! | file | holds |
//! |---|---|
//! | `authority` | a throw-away certificate authority and server certificates |
//! | `client` | clients with a certificate of their own |
//! | `mint` | signing keys, key sets, and tokens built by hand, the broken ones too |
//! | `provider` | an HTTP server of canned documents that counts what was fetched |
//! | `upstream` | a service that records every byte it received and echoes it |
//! | `confided` | the tokens that were issued, and whether one of them was written down |
//! | `config` | the config file of a test gateway |
//! | `gateway` | the real binary as a child process |
//! | `port` | ports for those who must be told one |
//! | `answer` | a response, taken apart |
//! | `raw` | a client that sends exact bytes over TLS or plain TCP |
//! | `h2` | a client that sends exact HTTP/2 frames |
//! | `hpack` | just enough of RFC 7541 for it |
//! | `grpc` | a gRPC service that gives back what it is sent, for as long as its client likes |
//! | `lasting` | clients that hold a WebSocket, a stream of events or of gRPC open, until it is ended |
//! | `reasons` | §25 of the standards as the tests understand it, written apart from the gateway's own table |
//! | `table` | runs rows, tells all failures at once, keeps the list of known gaps honest |
//! | `wait` | conditions with a bound, instead of sleeps |
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod answer;
pub mod authority;
pub mod client;
pub mod confided;
pub mod config;
pub mod gateway;
pub mod grpc;
pub mod h2;
pub mod hpack;
mod huffman;
pub mod lasting;
pub mod mint;
pub mod port;
pub mod provider;
pub mod raw;
pub mod reasons;
pub mod table;
pub mod upstream;
pub mod wait;
