//! What comes from the identity provider: keys and revocations, kept fresh by tasks of their own. Knows no request.
//!
//! | file | holds |
//! |---|---|
//! | `settings` | what the config says of issuers and of revocation sources |
//! | `web_url`, `guard`, `connect`, `fetch` | one bounded, guarded GET |
//! | `coding` | bodies that come gzipped or as Zstandard, and are still bounded |
//! | `exchange` | one bounded, guarded exchange of JSON |
//! | `discovery`, `jwks`, `store` | where an issuer's keys come from, and where the last good ones are kept |
//! | `feed`, `feed_document`, `sink`, `source`, `sources` | revocations: their words, where they go, who brings them |
//! | `feed_stream`, `blocks`, `arriving`, `intake` | a feed that is read line by line while it comes |
//! | `introspection` | asking an issuer about one token |
//! | `keeping`, `place` | where they are kept over a restart, and where a poll goes on |
//! | `receive`, `reception`, `throttle`, `events` | sources that are told: their contract, and where events are handed in |
//! | `operator` | what operators enter: a feed of their own for each issuer |
//! | `former` | what sources were told that are no more |
//! | `fleet` | what one instance is told, all of them enforce |
//! | `sessions` | sessions that instances share |
//! | `signed`, `terms`, `form` | tokens that a provider sends about its users: verified, and judged |
//! | `status_token` | a signed status list, verified and unpacked |
//! | `told` | what sources have in common that are only told |
//! | `backoff`, `refresh`, `steps` | when the next attempt is made, the task that makes it, and a clock that is stepped |
//! | `build`, `preparing`, `prepared`, `running`, `room` | settings made into tasks; the tasks, started, exchanged and stopped |

mod arriving;
mod backoff;
mod blocks;
pub mod build;
mod coding;
pub mod connect;
pub mod degraded;
pub mod discovery;
pub mod events;
mod exchange;
pub mod feed;
mod feed_document;
pub mod feed_stream;
pub mod fetch;
mod file;
pub mod fleet;
mod form;
pub mod former;
pub mod guard;
pub mod held_back;
#[cfg(test)]
mod hostile;
mod intake;
pub mod introspection;
pub mod jwks;
mod keeping;
pub mod operator;
pub mod place;
mod prepared;
mod preparing;
pub mod receive;
pub mod reception;
mod refresh;
pub mod room;
mod running;
pub mod sessions;
pub mod settings;
pub mod signed;
pub mod sink;
pub mod source;
pub mod sources;
mod status_token;
mod steps;
mod store;
pub mod terms;
mod throttle;
mod told;
pub mod web_url;
