//! `curfew demo`: an identity provider, an upstream and the gateway in one process, with lines to paste.
//! A room above `app` that uses only doors a user has: a config file and HTTP. There is no way round the gateway
//! in here, and nothing of the gateway is changed for it.
//!
//! | file | holds |
//! |---|---|
//! | `scenario` | THE table: each request, what it will answer, and why |
//! | `stories` | its part about time |
//! | `script` | the table as lines for a shell |
//! | `once` | the table as requests that are made, and what came of them |
//! | `run` | the whole life of a demo |
//! | `provider`, `keys`, `tokens`, `revocations` | the identity provider |
//! | `collector`, `trail` | the OTLP receiver, and a trace as text |
//! | `upstream`, `page` | the echo, and a page for a browser |
//! | `socket` | WebSockets, both ends |
//! | `certificates`, `config`, `address` | what the gateway is given |
//! | `serve`, `request`, `form`, `print` | HTTP both ways, forms, the table on the screen |

mod address;
mod certificates;
mod collector;
mod config;
mod form;
mod keys;
mod once;
mod page;
mod print;
mod provider;
mod request;
mod revocations;
mod run;
mod scenario;
mod script;
mod serve;
mod socket;
mod stories;
mod tokens;
mod trail;
mod upstream;

#[cfg(test)]
mod rehearsal;

pub use run::{DemoError, Options, Outcome, run};
