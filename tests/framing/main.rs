//! Proves that what hyper is given of an HTTP/1.1 stream is framed strictly however its bytes arrive, and that
//! listeners do what they say: TLS, PROXY protocol, clocks, drain.

mod agreement;
mod clocks;
mod rig;
mod sockets;
mod tables;
mod tunnels;
mod wire;
