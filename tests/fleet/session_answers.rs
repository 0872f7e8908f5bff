//! Three gateways under load, and their Redis is stopped, killed, restarted empty or failed over: what was answered
//! meanwhile, counted, for each of the words that a policy may say of it. Nobody who left is let in where the policy says
//! `deny`, and nobody who is there is sent away; nothing that a gateway saw for itself is ever forgotten.
//!
//! `cargo nextest run --test fleet session_answers --no-capture` prints the table.

use crate::gates::{Gate, IDLE, INTERVAL, LOOK_UP, SETTLE};
use crate::redis::Redis;
use crate::session_load::Kind::{EndedElsewhere, EndedHere, LeftAlone, New, Used, UsedElsewhere, UsedElsewhereAfter};
use crate::session_load::{Cast, Load, POLICIES, Tally, poll};
use crate::support::gateway::free_port;
use crate::support::mint::unique;
use crate::support::upstream::Upstream;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const GOOD: &str = "200";
const ENDED: &str = "401 session_idle_timeout";
const UNKNOWN: &str = "503 session_state_unknown";

/// As long as this what is quiet is asked about after its limit; and a little longer.
const LASTS: Duration = Duration::from_millis(3_000);

/// Where the store is emptied: longer than any gateway takes to find it again.
const SETTLES: Duration = Duration::from_secs(6);

struct Fleet {
    gates: Vec<Gate>,
    casts: Vec<Cast>,
    /// What had ended on the first before the fault, and is asked about after it only.
    untouched: Vec<String>,
    _upstream: Upstream,
    _dir: tempfile::TempDir,
}

impl Fleet {
    fn start(redis: &Value, emptied: bool) -> Self {
        let (dir, upstream) = (tempfile::tempdir().unwrap(), Upstream::start());
        let spans = (IDLE, if emptied { SETTLES } else { SETTLE });
        let gate = |name| Gate::settling(dir.path(), name, redis, spans, &upstream);
        let gates: Vec<_> = ["one", "two", "three"].map(gate).into();
        let casts = POLICIES.iter().map(|_| Cast::new(gates.len())).collect();
        let untouched = POLICIES.iter().map(|_| unique("untouched")).collect();
        Self { gates, casts, untouched, _upstream: upstream, _dir: dir }
    }

    /// Before the fault: what is to have ended ends, everywhere; what is used on one lives on all.
    fn set_up(&self) {
        let good = |gate: &Gate, path: &str, sid: &str| assert_eq!(gate.asks(path, sid).status, 200, "{path} {sid}");
        for (policy, (cast, untouched)) in POLICIES.into_iter().zip(self.casts.iter().zip(&self.untouched)) {
            self.gates.iter().for_each(|gate| good(gate, policy, &cast.ended_here));
            good(&self.gates[0], policy, &cast.ended_elsewhere);
            good(&self.gates[0], policy, untouched);
        }
        std::thread::sleep(IDLE + 2 * INTERVAL);
        for (policy, cast) in POLICIES.into_iter().zip(&self.casts) {
            for gate in &self.gates {
                let answer = gate.asks(policy, &cast.ended_here);
                assert_eq!((answer.status, &*answer.reason), (401, "session_idle_timeout"), "idle everywhere");
                good(gate, poll(policy), &cast.used_elsewhere.sid);
                good(gate, policy, &cast.left_alone);
            }
        }
    }

    /// The fault, under load; and what was answered while it lasted.
    fn under(&self, fault: impl FnOnce(&AtomicBool)) -> Tally {
        let load = Load::new(&self.gates, &self.casts);
        let after = || {
            let began = Instant::now();
            fault(&load.mended);
            std::thread::sleep(LASTS.saturating_sub(began.elapsed()));
            self.joined();
            self.is_over();
        };
        load.during(|| self.set_up(), after);
        load.tally.into_inner().unwrap()
    }

    fn joined(&self) {
        wait("all have joined again", || {
            self.gates.iter().all(|gate| gate.metric("curfew_session_store_connected") == 1.0)
        });
    }

    /// Once all are told again: what ended before has ended on all, and what is used on one lives on all. What ended is never
    /// admitted until then, under `deny`.
    fn is_over(&self) {
        let settles = |gate: &Gate, sid: &str, wanted: &str, meanwhile: &[&str]| {
            wait(&format!("{wanted} again"), || {
                let answer = told(gate, "poll-deny", sid);
                assert!(answer == wanted || meanwhile.contains(&&*answer), "{answer}, and not {wanted}");
                answer == wanted
            });
        };
        for (policy, (cast, untouched)) in POLICIES.into_iter().zip(self.casts.iter().zip(&self.untouched)) {
            for gate in &self.gates {
                settles(gate, untouched, ENDED, &[UNKNOWN]);
                settles(gate, &cast.used_elsewhere.sid, GOOD, &[UNKNOWN]);
                assert_eq!(told(gate, policy, untouched), ENDED, "{policy}");
                assert_eq!(told(gate, poll(policy), &cast.used_elsewhere.sid), GOOD, "{policy}");
            }
        }
    }

    fn check(&self, fault: &str, tally: &Tally) {
        tally.print(fault);
        let lost: Vec<_> = self.gates.iter().map(Gate::lost).collect();
        println!("judged without Redis, as each gateway counts it (deny, local, allow): {lost:?}");
        for policy in POLICIES {
            tally.only(policy, Used, &[GOOD]);
            tally.only(policy, EndedHere, &[ENDED]);
        }
        for kind in [EndedElsewhere, LeftAlone] {
            tally.only("deny", kind, &[ENDED, UNKNOWN]);
        }
        tally.only("deny", UsedElsewhere, &[GOOD, UNKNOWN]);
        tally.only("deny", New, &[GOOD, UNKNOWN]);
        // What this one saw holds; of what it did not see a fresh token proves that it was used just now.
        tally.only("local", LeftAlone, &[ENDED]);
        tally.only("local", EndedElsewhere, &[ENDED, GOOD]);
        tally.only("local", UsedElsewhere, &[ENDED, GOOD]);
        tally.only("local", New, &[GOOD]);
        for kind in [LeftAlone, EndedElsewhere] {
            tally.only("allow", kind, &[ENDED, GOOD]);
        }
        tally.only("allow", UsedElsewhere, &[GOOD]);
        tally.only("allow", New, &[GOOD]);
        // Between the end of the fault and the end of its consequences.
        tally.only("deny", UsedElsewhereAfter, &[GOOD, UNKNOWN]);
        for kind in [Used, LeftAlone, EndedHere, EndedElsewhere, New] {
            assert!(POLICIES.iter().all(|policy| tally.asked(policy, kind)), "{kind:?} was never asked about");
        }
        let kinds = [Used, UsedElsewhere, UsedElsewhereAfter, LeftAlone, EndedHere, EndedElsewhere, New];
        let refused: u64 = kinds.iter().map(|kind| tally.count("deny", *kind, UNKNOWN)).sum();
        let counted: f64 = lost.iter().map(|lost| lost[0]).sum();
        assert!(refused > 0 && counted >= refused as f64, "{refused} were refused, {counted} are counted");
        assert!((1..3).all(|policy| lost.iter().any(|lost| lost[policy] > 0.0)), "{lost:?}");
        assert!(tally.longest() < 10 * LOOK_UP, "{:?}", tally.longest());
    }
}

#[test]
fn stopped_and_continued() {
    let redis = Redis::start();
    let fleet = Fleet::start(&json!({"urls": [redis.url()], "timeout": "500ms"}), false);
    let tally = fleet.under(|mended| {
        redis.signal("STOP");
        std::thread::sleep(LASTS);
        mended.store(true, Relaxed);
        redis.signal("CONT");
    });
    fleet.check("stopped (SIGSTOP) for 3 s, and continued", &tally);
}

#[test]
fn killed_and_restarted_empty() {
    let mut redis = Redis::start();
    let fleet = Fleet::start(&json!({"urls": [redis.url()], "timeout": "500ms"}), true);
    let tally = fleet.under(|mended| {
        redis.kill();
        std::thread::sleep(LASTS);
        mended.store(true, Relaxed);
        redis.again();
    });
    fleet.check("killed, and restarted empty after 3 s", &tally);
}

/// It is back before anybody could see that it was gone for long: what it does not know is not taken for new.
#[test]
fn restarted_empty_at_once() {
    let mut redis = Redis::start();
    let fleet = Fleet::start(&json!({"urls": [redis.url()], "timeout": "500ms"}), true);
    let tally = fleet.under(|mended| {
        redis.kill();
        mended.store(true, Relaxed);
        redis.again();
    });
    fleet.check("restarted empty, at once", &tally);
}

#[test]
fn failed_over_to_a_replica_by_a_sentinel() {
    let (first, second, sentinel) = (free_port().to_string(), free_port().to_string(), free_port().to_string());
    let mut redis = Redis::with(&["--port", &first, "--bind", "127.0.0.1"]);
    let replica = Redis::with(&["--port", &second, "--bind", "127.0.0.1", "--replicaof", "127.0.0.1", &first]);
    wait("the replica follows", || replica.cli(&["INFO", "replication"]).contains("master_link_status:up"));
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("sentinel.conf");
    let text = format!(
        "port {sentinel}\nbind 127.0.0.1\ndir {0}\nsentinel monitor main 127.0.0.1 {first} 1\n\
         sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n",
        dir.path().display()
    );
    std::fs::write(&config, text).unwrap();
    let _watcher = Redis::sentinel(&config);
    wait("sentinels know the replica", || replica.sentinels_know(&sentinel));
    let url = format!("redis://127.0.0.1:{sentinel}");
    let fleet =
        Fleet::start(&json!({"urls": [url], "topology": "sentinel", "service": "main", "timeout": "500ms"}), false);
    let mut took = Duration::ZERO;
    let tally = fleet.under(|mended| {
        redis.kill();
        let began = Instant::now();
        wait("the replica takes its place", || replica.cli(&["INFO", "replication"]).contains("role:master"));
        mended.store(true, Relaxed);
        fleet.joined();
        took = began.elapsed();
    });
    fleet.check(&format!("killed, and failed over by a Sentinel: joined again after {took:?}"), &tally);
}

/// Status and reason.
fn told(gate: &Gate, path: &str, sid: &str) -> String {
    let answer = gate.asks(path, sid);
    format!("{} {}", answer.status, answer.reason).trim().to_owned()
}

fn wait(what: &str, so: impl Fn() -> bool) {
    let bound = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < bound, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
