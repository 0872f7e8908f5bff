//! Gauges of the sessions that are remembered. Those of the store in which instances share them are in `sharing`.

use std::time::Duration;

use super::names::metric;
use super::scrape::Gauges;

/// What looking through all sessions found the last time.
#[derive(Clone, Copy, Debug, Default)]
pub struct LookedThrough<'a> {
    /// How many users were not active for so long.
    pub idle: &'a [(&'static str, usize)],
    /// How long it worked.
    pub worked: Duration,
    /// For how long at most it held up requests.
    pub held_up: Duration,
    /// How many sessions were let go since the start, by it or otherwise.
    pub forgotten: u64,
}

impl Gauges {
    /// Sessions: how many are remembered and in how many bytes, how many ended for which reason, how many found no room.
    pub fn sessions(&mut self, held: usize, bytes: usize, ended: &[(&str, u64)], unkept: u64) {
        self.put(metric::SESSIONS, &[], held as f64);
        self.put(metric::SESSIONS_BYTES, &[], bytes as f64);
        for (reason, count) in ended {
            self.count(metric::SESSIONS_ENDED, &[("reason", reason)], *count);
        }
        self.count(metric::SESSIONS_UNKEPT, &[], unkept);
    }

    /// What looking through them found.
    pub fn looked_through(&mut self, seen: &LookedThrough<'_>) {
        for (quiet, sessions) in seen.idle {
            self.put(metric::SESSIONS_IDLE, &[("quiet", quiet)], *sessions as f64);
        }
        self.count(metric::SESSIONS_FORGOTTEN, &[], seen.forgotten);
        self.put(metric::SESSIONS_CLEANUP, &[], seen.worked.as_secs_f64());
        self.put(metric::SESSIONS_CLEANUP_HOLD, &[], seen.held_up.as_secs_f64());
    }

    /// What issuers said of sessions without room.
    pub fn vouched(&mut self, counts: &[(&str, u64)]) {
        for (answer, count) in counts {
            self.count(metric::SESSIONS_VOUCHED, &[("answer", answer)], *count);
        }
    }
}
