//! What was acknowledged outlives the process: kill -9 at any instant, a torn end, a full disk, a disk that fails.
//! `kill.rs` has the real thing, with processes; the others have a disk that tests hold in their hand.

mod again;
mod disk;
mod faults;
mod format;
mod kill;
mod size;
mod world;
