//! Jitter: each session has a part of its own by which a limit of it comes earlier, so that what began together does not
//! end together. The part is drawn from the session's name: it is the same each time, and wherever names are the same.

use crate::decide::time::millis;
use std::time::Duration;

/// The limit for the session of this lot, in milliseconds: earlier by at most the whole jitter, and never later.
#[must_use]
pub fn earlier(limit: Duration, jitter: Duration, lot: u32) -> i64 {
    let part = (i128::from(millis(jitter)) * i128::from(lot)) >> 32;
    millis(limit).saturating_sub(i64::try_from(part).unwrap_or(i64::MAX)).max(0)
}
