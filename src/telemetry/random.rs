//! Random numbers for ids and for sampling: fast, one generator a thread, seeded from the system.
//! Not for secrets.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    static STATE: Cell<[u64; 4]> = Cell::new(seed());
}

/// The standard library's hash keys come from the system's source of randomness.
fn seed() -> [u64; 4] {
    let mut word = 0;
    let seed = std::array::from_fn(|index| {
        word = RandomState::new().hash_one((index, word));
        word
    });
    // The generator stands still on zero alone.
    if seed == [0; 4] { [1; 4] } else { seed }
}

/// The next number, by xoshiro256++.
#[must_use]
pub fn next() -> u64 {
    STATE.with(|state| {
        let [a, b, c, d] = state.get();
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        let (b2, a2) = (b ^ c, a ^ d);
        state.set([a2, b2, c ^ (b << 17), d.rotate_left(45)]);
        result
    })
}

/// A number that is not zero: ids of zero are invalid (W3C Trace Context §3.2.2.3).
#[must_use]
pub fn id() -> u64 {
    loop {
        let id = next();
        if id != 0 {
            return id;
        }
    }
}
