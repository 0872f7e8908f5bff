//! Three gateways and one Redis: a session is the same everywhere.

use crate::gates::{Gate, IDLE, INTERVAL, LOOK_UP};
use crate::redis::Redis;
use crate::support::mint::unique;
use crate::support::upstream::Upstream;
use serde_json::json;
use std::time::{Duration, Instant};
use tempfile::TempDir;

struct Fleet {
    gates: Vec<Gate>,
    redis: Redis,
    upstream: Upstream,
    dir: TempDir,
}

impl Fleet {
    fn start() -> Self {
        let (dir, redis, upstream) = (tempfile::tempdir().unwrap(), Redis::start(), Upstream::start());
        let settings = json!({"urls": [redis.url()], "timeout": "500ms"});
        let gates = ["one", "two", "three"].map(|name| Gate::start(dir.path(), name, &settings, &upstream));
        Self { gates: gates.into(), redis, upstream, dir }
    }

    fn statuses(&self, path: &str, sid: &str) -> Vec<(u16, String)> {
        let asked = self.gates.iter().map(|gate| gate.asks(path, sid));
        asked.map(|answer| (answer.status, answer.reason)).collect()
    }
}

fn all(status: u16, reason: &str) -> Vec<(u16, String)> {
    vec![(status, reason.to_owned()); 3]
}

const IDLE_END: &str = "session_idle_timeout";

#[test]
fn idle_everywhere_ends_everywhere_and_active_on_one_lives_on_all() {
    let fleet = Fleet::start();
    let (idle, active) = (unique("sid"), unique("sid"));
    assert_eq!(fleet.statuses("deny", &idle), all(200, ""));
    assert_eq!(fleet.statuses("deny", &active), all(200, ""));
    let (last, one) = (Instant::now(), &fleet.gates[0]);
    while last.elapsed() < IDLE + Duration::from_millis(300) {
        assert_eq!(one.asks("deny", &active).status, 200);
        std::thread::sleep(Duration::from_millis(50));
    }
    // Each has a token that was issued just now.
    assert_eq!(fleet.statuses("deny", &idle), all(401, IDLE_END));
    assert_eq!(fleet.statuses("poll", &active), all(200, ""));
    assert_eq!(fleet.statuses("deny", &active), all(200, ""));
    // It stays ended, though a lax route goes on with it: also where it was never seen.
    assert_eq!(fleet.gates[1].asks("lax", &idle).status, 200);
    let late = Gate::start(fleet.dir.path(), "late", &json!({"urls": [fleet.redis.url()]}), &fleet.upstream);
    let ended = Instant::now();
    let refused = late.asks("deny", &idle);
    assert_eq!((refused.status, &*refused.reason), (401, IDLE_END));
    assert_eq!(fleet.statuses("deny", &idle), all(401, IDLE_END));
    println!("ended on all {:?} after it was used once more on one", ended.elapsed());
    assert!(ended.elapsed() < Duration::from_secs(1));
    assert!(fleet.gates.iter().all(|gate| gate.lost() == [0.0; 3]));
}

/// Never later than the limit and an interval, whichever gateway is asked; and not earlier.
#[test]
fn the_end_is_exact() {
    let fleet = Fleet::start();
    for (used, asked) in [(0, 1), (1, 2), (2, 0), (0, 0)] {
        let (early, late) = (unique("sid"), unique("sid"));
        let _ = (fleet.gates[asked].asks("deny", &early), fleet.gates[asked].asks("deny", &late));
        std::thread::sleep(Duration::from_millis(700));
        // Twice, so that the second is told behind.
        let _ = (fleet.gates[used].asks("deny", &early), fleet.gates[used].asks("deny", &late));
        std::thread::sleep(Duration::from_millis(30));
        let before = Instant::now();
        let _ = (fleet.gates[used].asks("deny", &early), fleet.gates[used].asks("deny", &late));
        let after = Instant::now();
        std::thread::sleep((IDLE - Duration::from_millis(150)).saturating_sub(before.elapsed()));
        let alive = fleet.gates[asked].asks("deny", &early);
        assert!(alive.status == 200 || before.elapsed() > IDLE, "died early: {}", alive.reason);
        std::thread::sleep((IDLE + INTERVAL).saturating_sub(after.elapsed()));
        let ended = fleet.gates[asked].asks("deny", &late);
        assert_eq!((ended.status, &*ended.reason), (401, IDLE_END), "used on {used}, asked on {asked}");
    }
}

/// All are restarted, one after the other; idle state outlives each of them.
#[test]
fn a_rolling_restart_forgets_nothing() {
    let mut fleet = Fleet::start();
    let (idle, active) = (unique("sid"), unique("sid"));
    assert_eq!(fleet.statuses("deny", &idle), all(200, ""));
    let last = Instant::now();
    for number in 0..3 {
        fleet.gates[number].restart();
        assert_eq!(fleet.gates[number].asks("deny", &active).status, 200);
    }
    while last.elapsed() < IDLE + INTERVAL {
        assert_eq!(fleet.gates[2].asks("deny", &active).status, 200);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(fleet.statuses("deny", &idle), all(401, IDLE_END));
    assert_eq!(fleet.gates[2].asks("deny", &active).status, 200);
    println!("three restarts in {:?}", last.elapsed());
}

/// A request of a session that is known waits for nobody: with a Redis that is stopped it is answered at once.
#[test]
fn who_is_known_never_waits() {
    let fleet = Fleet::start();
    let (sid, one) = (unique("sid"), &fleet.gates[0]);
    let token = crate::gates::token(&sid);
    let mut conn = one.open();
    assert_eq!(one.sends(&mut conn, "deny", &token).status, 200);
    fleet.redis.signal("STOP");
    let (began, mut longest, mut count) = (Instant::now(), Duration::ZERO, 0);
    while began.elapsed() < IDLE {
        let answer = one.sends(&mut conn, "deny", &token);
        assert_eq!(answer.status, 200, "{}", answer.reason);
        longest = longest.max(answer.took);
        count += 1;
    }
    println!("Redis is stopped: {count} requests of a known session, the longest in {longest:?}");
    let unknown = one.asks("deny", &unique("sid"));
    println!("one of a session that is not known: {} after {:?}", unknown.reason, unknown.took);
    assert_eq!((unknown.status, &*unknown.reason), (503, "session_state_unknown"));
    assert!(unknown.took < 3 * LOOK_UP && one.lost()[0] == 1.0);
    assert_eq!(one.metric("curfew_session_store_lookups_total{result=\"answered\"}"), 1.0, "the first sight");
    fleet.redis.signal("CONT");
}
