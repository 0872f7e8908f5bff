//! Gauges of what the whole fleet goes by: the channel between instances, and status lists.

use super::names::metric;
use super::scrape::Gauges;
use std::time::Duration;

/// How the channel between instances stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct FleetSeen {
    /// Whether it has joined.
    pub connected: bool,
    /// Redis's time of what was read last, in milliseconds since the epoch; 0 if there is none.
    pub position_ms: u64,
    /// What waits to be told.
    pub queued: usize,
    /// What was told.
    pub written: u64,
    /// How often everything was told again.
    pub reseeds: u64,
    /// How often the stream was made shorter.
    pub compactions: u64,
    /// How often the channel was lost.
    pub failures: u64,
    /// How often joining was refused.
    pub refusals: u64,
    /// How many instances are known, by how far they are.
    pub instances: [(&'static str, usize); 3],
    /// What was told here, and the slowest has not read.
    pub behind: u64,
    /// How long the first of it waits.
    pub behind_for: Duration,
}

impl Gauges {
    /// How the channel between instances stands.
    pub fn fleet(&mut self, seen: &FleetSeen) {
        self.put(metric::FLEET_CONNECTED, &[], f64::from(u8::from(seen.connected)));
        if seen.position_ms > 0 {
            self.put(metric::FLEET_POSITION, &[], seen.position_ms as f64 / 1e3);
        }
        self.put(metric::FLEET_QUEUED, &[], seen.queued as f64);
        self.count(metric::FLEET_WRITTEN, &[], seen.written);
        self.count(metric::FLEET_RESEEDS, &[], seen.reseeds);
        self.count(metric::FLEET_COMPACTIONS, &[], seen.compactions);
        self.count(metric::FLEET_FAILURES, &[], seen.failures);
        self.count(metric::FLEET_REFUSALS, &[], seen.refusals);
        for (state, instances) in seen.instances {
            self.put(metric::FLEET_INSTANCES, &[("state", state)], instances as f64);
        }
        self.put(metric::FLEET_BEHIND, &[], seen.behind as f64);
        self.put(metric::FLEET_BEHIND_FOR, &[], seen.behind_for.as_secs_f64());
    }

    /// A status list, by the address that the config has, or the others.
    pub fn status_list(
        &mut self,
        source: &str,
        list: &str,
        (held, age, bytes): (usize, Duration, usize),
        failures: u64,
    ) {
        let labels = [("source", source), ("list", list)];
        self.put(metric::STATUS_LISTS, &labels, held as f64);
        if held > 0 {
            self.put(metric::STATUS_LIST_AGE, &labels, age.as_secs_f64());
            self.put(metric::STATUS_LIST_BYTES, &labels, bytes as f64);
        }
        self.count(metric::STATUS_LIST_FAILURES, &labels, failures);
    }
}
