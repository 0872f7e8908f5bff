//! Is a request delivered, once, by the right endpoint, in time, or told why not? Real sockets on ports that the
//! system picks; time stands still where a test waits for time.
//!
//! | file | question |
//! |---|---|
//! | `reuse` | Which connections serve a second request, and what if one of them has died? |
//! | `faults` | What if the endpoint is away, slow, rude or wrong? |
//! | `uploads` | What if the client's body is slow or breaks off? |
//! | `secure` | Whom does it trust? |
//! | `http2` | Many streams, trailers, and what HTTP/2 cannot carry |
//! | `choice` | Which endpoint is asked? |
//! | `probes` | Who is well? |
//! | `world` | the endpoints, and the request |

#[path = "../support/authority.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod authority;
mod choice;
mod faults;
mod http2;
mod probes;
mod reuse;
mod secure;
mod uploads;
mod world;
