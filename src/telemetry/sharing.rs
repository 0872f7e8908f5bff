//! Gauges of the store in which instances share their sessions.

use super::names::metric;
use super::scrape::Gauges;

/// How the store stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct SharingSeen {
    /// Whether it is joined.
    pub connected: bool,
    /// How many sessions were looked up with an answer.
    pub answered: u64,
    /// How many without.
    pub unanswered: u64,
    /// How often a session was told.
    pub told: u64,
    /// How many wait to be told.
    pub queued: usize,
    /// How many requests were judged without an answer that was needed, by what the policy says.
    pub lost: [(&'static str, u64); 3],
}

impl Gauges {
    /// How the store of sessions stands.
    pub fn sharing(&mut self, seen: &SharingSeen) {
        self.put(metric::STORE_CONNECTED, &[], f64::from(u8::from(seen.connected)));
        self.count(metric::STORE_LOOKUPS, &[("result", "answered")], seen.answered);
        self.count(metric::STORE_LOOKUPS, &[("result", "unanswered")], seen.unanswered);
        self.count(metric::STORE_TOLD, &[], seen.told);
        self.put(metric::STORE_QUEUED, &[], seen.queued as f64);
        for (policy, requests) in seen.lost {
            self.count(metric::STATE_LOST, &[("policy", policy)], requests);
        }
    }
}
