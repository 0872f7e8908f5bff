//! How sessions are kept, and for how long one is needed.

use super::name::Name;
use crate::decide::session::{KeySource, Life, OnFull};
use crate::decide::time::{Moment, millis};
use std::time::Duration;

/// For how long a session is kept beyond the instant at which its token would do: as far as clocks may differ.
pub const LINGER: Duration = Duration::from_secs(300);

/// How sessions are kept, as the settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How many at most.
    pub max: usize,
    /// How long after its last activity one is remembered, at the least.
    pub remember: Duration,
    /// The greatest length of a session, where all that ask for anything ask for one: after it, the sign-in that a token
    /// tells is enough.
    pub absolute: Option<Duration>,
    /// What to do with one for which there is no room.
    pub on_full: OnFull,
}

impl Terms {
    /// The steady second until which a session is needed that was last seen at this steady millisecond: until the sign-in that
    /// a token tells is answer enough, and as long as a token may come that tells none, because not all tokens of a session
    /// do.
    pub(super) fn until(&self, life: &Life, seen: i64) -> u32 {
        let absolute = self.absolute.map_or(i64::MIN, |absolute| life.began.saturating_add(millis(absolute)));
        lingers(seen.saturating_add(millis(self.remember)).max(absolute))
    }
}

/// When it was last seen, in steady milliseconds: one that has ended is remembered for as long as its tokens come, else one of
/// them would begin it anew. But where no sign-in can be told from a renewed token, its user could then never come back: that
/// counts from the last activity.
pub(super) fn seen(name: &Name, life: &Life, now: Moment) -> i64 {
    if name.source == KeySource::Client { life.last } else { life.last.max(millis(now.steady)) }
}

fn lingers(ms: i64) -> u32 {
    u32::try_from(ms.saturating_add(millis(LINGER)).max(0) / 1000 + 1).unwrap_or(u32::MAX)
}
