//! The framing guard: reads an HTTP/1.1 byte stream strictly before hyper may see it, because two readers that frame
//! the same bytes differently are how requests are smuggled. Not here: what a request means, and any answer.
//!
//! | file | holds |
//! |---|---|
//! | `fault` | what can be wrong with a stream |
//! | `glimpse` | what a refused head said, as far as it can be read |
//! | `grammar` | which bytes may stand where |
//! | `section` | a head or a trailer section, line by line |
//! | `request_line` | method, target, version |
//! | `fields` | what the fields of a head say about framing and host |
//! | `chunks` | a chunked body |
//! | `parser` | one message after another |
//! | `state` | what the connection's tasks share |
//! | `clock` | how long the peer may be silent |
//! | `silence` | what happens when it is silent for longer |
//! | `stream` | the wrapper around the connection |

mod chunks;
mod clock;
mod fault;
mod fields;
mod glimpse;
mod grammar;
mod parser;
mod request_line;
mod section;
mod silence;
mod state;
mod stream;

pub(in crate::proxy) use clock::Clock;
pub use fault::{Fault, FramingReason};
pub use glimpse::Glimpse;
pub use section::HeadLimits;
pub use silence::Clocks;
pub use state::{FAULT_FIELD, FramingHandle, FramingState};
pub use stream::{Framed, Guard};
