//! The data plane, in the order a request meets it.
//!
//! | file | holds |
//! |---|---|
//! | `listen`, `accept` | where we listen, and the loop that takes connections |
//! | `counters`, `drain` | how many there are, and how the last are waited for |
//! | `establish` | what comes before HTTP |
//! | `proxy_protocol` | who really connected |
//! | `certificates`, `client_certificates`, `tls` | which certificate on either side, and the handshake |
//! | `framing` | the strict reader in front of HTTP/1.1 |
//! | `connection`, `driving` | HTTP/1.1 and HTTP/2 over one connection |
//! | `answered`, `streams` | which requests are being answered, until when, and how one is ended from outside |
//! | `stack`, `gate` | the layers around the line, and the line |
//! | `entry`, `authority`, `path`, `router` | one host, one path, one route |
//! | `doors` | paths of ours, at which providers tell of events |
//! | `hearing` | what other instances know of a session, where this one does not know enough |
//! | `hygiene`, `identity` | what is taken off a request, and what is put on it |
//! | `audited` | what the line has for the audit log |
//! | `vigil`, `standing`, `attendance` | whether the tokens of what lasts still stand, and whether its user is there |
//! | `suspended` | what ended while timers stood still |
//! | `live` | which connections are live, for who asks |
//! | `passage`, `body`, `cut`, `grpc`, `tunnel`, `frames` | the way through, and back, and how it is cut short |
//! | `telling`, `session_door`, `origin`, `pace` | when a session ends: told on responses, and to who asks |
//! | `answer` | from a reason to a response |
//! | `seen`, `report` | the request as it came, and what is kept of it until its end |
//! | `fallen` | what is left of a request that panicked |
//! | `settings`, `sessions`, `when`, `presets`, `policies`, `doubts`, `plan` | from the config to one value that is swapped whole |

pub mod accept;
pub mod answer;
mod answered;
mod attempts;
mod attendance;
mod audited;
pub mod authority;
pub mod body;
pub mod certificates;
pub mod client_certificates;
pub mod connection;
pub mod counters;
mod cut;
pub mod doors;
pub mod doubts;
pub mod drain;
mod driving;
pub mod entry;
mod establish;
mod fallen;
mod frames;
pub mod framing;
pub mod gate;
mod grpc;
mod hearing;
pub mod hygiene;
pub mod identity;
pub mod listen;
pub mod live;
pub mod origin;
pub mod pace;
pub mod passage;
pub mod path;
pub mod plan;
pub mod policies;
pub mod presets;
pub mod proxy_protocol;
pub mod report;
pub mod router;
mod seen;
pub mod session_door;
pub mod sessions;
pub mod settings;
pub mod shadow;
mod sighting;
pub mod stack;
mod standing;
pub mod streams;
pub mod suspended;
pub mod telling;
pub mod tls;
pub mod trace_fields;
pub mod tunnel;
mod vigil;
pub mod when;
