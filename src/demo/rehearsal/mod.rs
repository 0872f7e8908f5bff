//! The demo rehearsed over real sockets: whole, with an understudy in the gateway's place, and its provider alone.

mod endpoints;
mod play;
mod sessions;
mod understudy;
