//! How many events one peer may send. Each peer has a bucket of its own, so that one that floods cannot keep the
//! identity provider out; the number of buckets is bounded, and who finds none shares the last one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// No more peers have a bucket of their own.
const PEERS: usize = 4096;

/// The bucket of all that have none of their own.
const OTHERS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The buckets of one source.
pub(super) struct Throttle {
    /// How many a second, and how many at once after a pause.
    rate: u32,
    peers: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Duration,
}

impl Throttle {
    pub(super) fn new(rate: u32) -> Self {
        Self { rate, peers: Mutex::default() }
    }

    /// Whether this peer may send one more at this steady time.
    pub(super) fn admits(&self, peer: IpAddr, now: Duration) -> bool {
        let (full, mut peers) = (f64::from(self.rate), self.peers.lock().unwrap_or_else(PoisonError::into_inner));
        let mut who = network(peer);
        if peers.len() >= PEERS && !peers.contains_key(&who) {
            peers.retain(|_, bucket| bucket.refilled(full, now).left < full);
            who = if peers.len() >= PEERS { OTHERS } else { who };
        }
        let bucket = peers.entry(who).or_insert(Bucket { left: full, at: now });
        *bucket = bucket.refilled(full, now);
        let admitted = bucket.left >= 1.0;
        bucket.left -= f64::from(u8::from(admitted));
        admitted
    }
}

impl Bucket {
    fn refilled(self, full: f64, now: Duration) -> Self {
        let gained = now.saturating_sub(self.at).as_secs_f64() * full;
        Self { left: (self.left + gained).min(full), at: now.max(self.at) }
    }
}

/// Who has one IPv6 address has the 64 bits below it.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::{IpAddr, PEERS, Throttle};
    use std::time::Duration;

    #[test]
    fn a_flood_stops_only_itself_and_time_refills() {
        let (throttle, mut now) = (Throttle::new(2), Duration::from_secs(9));
        let (flood, good) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let taken = (0..9).filter(|_| throttle.admits(flood, now)).count();
        assert_eq!((taken, throttle.admits(good, now)), (2, true));
        now += Duration::from_millis(500);
        assert_eq!([throttle.admits(flood, now), throttle.admits(flood, now)], [true, false]);
        // The clock does not go back, and would not refill if it did.
        assert!(!throttle.admits(flood, Duration::ZERO));
    }

    #[test]
    fn a_network_is_one_peer_and_peers_are_bounded() {
        let (throttle, now) = (Throttle::new(1), Duration::ZERO);
        let of = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(throttle.admits(of("2001:db8::1"), now) && !throttle.admits(of("2001:db8::ffff:1"), now));
        assert!(throttle.admits(of("192.0.2.1"), now) && !throttle.admits(of("::ffff:192.0.2.1"), now));
        for number in 0..PEERS as u32 * 2 {
            let _ = throttle.admits(IpAddr::from(number.to_be_bytes()), now);
        }
        assert!(throttle.peers.lock().unwrap().len() <= PEERS + 1);
        // A second later all are whole again, and make room.
        assert!(throttle.admits(of("198.51.100.9"), Duration::from_secs(1)));
    }
}
