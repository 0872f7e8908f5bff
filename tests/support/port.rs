//! Ports for processes that need to be told one. Not from the system's own range, where any connection going out may
//! take what was free a moment ago; and each test process has a stretch of its own.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 10_240;
const STRETCH: u32 = 32;
const STRETCHES: u32 = 687;

/// A port of 127.0.0.1 that nobody uses.
pub fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id() % STRETCHES * STRETCH;
    loop {
        let place = begin + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(FIRST + place % (STRETCH * STRETCHES)).expect("below the system's range");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
