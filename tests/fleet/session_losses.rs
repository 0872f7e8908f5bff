//! The Redis of sessions is killed, stopped, restarted empty and failed over, under load: what was answered meanwhile, for
//! each of the words that a policy may say of it. Nobody's session is extended by any of it, and none that is known waits.

use crate::gates::{Answer, Gate, IDLE, INTERVAL, LOOK_UP, token};
use crate::redis::Redis;
use crate::support::gateway::free_port;
use crate::support::mint::unique;
use crate::support::upstream::Upstream;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const POLICIES: [&str; 3] = ["deny", "local", "allow"];

/// What was answered: by policy and by whether the session was known, how often each, and the longest of all.
#[derive(Default)]
struct Tally(BTreeMap<(String, &'static str), Answers>);

/// How often each, and the slowest.
type Answers = (BTreeMap<String, u64>, Duration);

impl Tally {
    fn add(&mut self, policy: &str, kind: &'static str, answer: &Answer) {
        let (answers, longest) = self.0.entry((policy.to_owned(), kind)).or_default();
        *answers.entry(format!("{} {}", answer.status, answer.reason).trim().to_owned()).or_default() += 1;
        *longest = (*longest).max(answer.took);
    }

    fn of(&self, policy: &str, kind: &'static str) -> Vec<&str> {
        self.0[&(policy.to_owned(), kind)].0.keys().map(String::as_str).collect()
    }

    fn print(&self, what: &str) {
        println!("{what}:");
        for ((policy, kind), (answers, longest)) in &self.0 {
            println!("  {policy:<5} {kind:<5} {answers:?}, the longest {longest:?}");
        }
    }
}

/// Sends requests of sessions that are known and of new ones to all gates until the fault is over.
fn under_load(gates: &[Gate], fault: impl FnOnce()) -> Tally {
    let (tally, over) = (Mutex::new(Tally::default()), AtomicBool::new(false));
    let known: Vec<_> = gates.iter().map(|gate| POLICIES.map(|_| first_seen(gate))).collect();
    std::thread::scope(|scope| {
        for (gate, known) in gates.iter().zip(&known) {
            let (tally, over) = (&tally, &over);
            scope.spawn(move || {
                let mut conn = gate.open();
                while !over.load(Relaxed) {
                    for (policy, known) in POLICIES.into_iter().zip(known) {
                        let answer = gate.sends(&mut conn, policy, known);
                        tally.lock().unwrap().add(policy, "known", &answer);
                        let answer = gate.asks(policy, &unique("new"));
                        tally.lock().unwrap().add(policy, "new", &answer);
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
        std::thread::sleep(Duration::from_millis(300));
        fault();
        over.store(true, Relaxed);
    });
    tally.into_inner().unwrap()
}

struct Fleet {
    gates: Vec<Gate>,
    left_alone: String,
    last: Instant,
    _upstream: Upstream,
    _dir: tempfile::TempDir,
}

impl Fleet {
    fn start(redis: &Value) -> Self {
        let (dir, upstream) = (tempfile::tempdir().unwrap(), Upstream::start());
        let gates: Vec<_> = ["one", "two"].map(|name| Gate::start(dir.path(), name, redis, &upstream)).into();
        let left_alone = unique("left-alone");
        assert_eq!(gates[0].asks("deny", &left_alone).status, 200);
        Self { gates, left_alone, last: Instant::now(), _upstream: upstream, _dir: dir }
    }

    /// Until a session that is new is answered for on all, with Redis.
    fn healed(&self) {
        let bound = Instant::now() + Duration::from_secs(20);
        for gate in &self.gates {
            while gate.asks("deny", &unique("sid")).status != 200 {
                assert!(Instant::now() < bound, "never again: {}", gate.gateway.log());
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    fn check(&self, tally: &Tally, what: &str) {
        tally.print(what);
        let counted: Vec<_> = self.gates.iter().map(Gate::lost).collect();
        println!("  counted as judged without Redis (deny, local, allow): {counted:?}");
        for policy in POLICIES {
            assert_eq!(tally.of(policy, "known"), ["200"], "who is known is not touched");
            let (_, longest) = &tally.0[&(policy.to_owned(), "known")];
            println!("  a known session's longest, {policy}: {longest:?}");
        }
        assert_eq!(tally.of("deny", "new"), ["200", "503 session_state_unknown"]);
        assert_eq!((tally.of("local", "new"), tally.of("allow", "new")), (vec!["200"], vec!["200"]));
        let refused = tally.0[&("deny".to_owned(), "new")].0["503 session_state_unknown"];
        assert!(counted.iter().map(|lost| lost[0]).sum::<f64>() >= refused as f64, "each is counted");
        // New sessions are refused or judged without waiting for longer than is said.
        let longest = tally.0.values().map(|(_, longest)| *longest).max().unwrap();
        assert!(longest < 10 * LOOK_UP, "{longest:?}");
        // Whoever was left alone has ended, with whatever token, also where it was never seen.
        std::thread::sleep((IDLE + INTERVAL).saturating_sub(self.last.elapsed()));
        for gate in &self.gates {
            let bound = Instant::now() + Duration::from_secs(15);
            loop {
                let answer = gate.asks("deny", &self.left_alone);
                if (answer.status, &*answer.reason) == (401, "session_idle_timeout") {
                    break;
                }
                assert_eq!((answer.status, &*answer.reason), (503, "session_state_unknown"));
                assert!(Instant::now() < bound, "{}", gate.gateway.log());
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        self.healed();
    }
}

#[test]
fn stopped_and_continued() {
    let redis = Redis::start();
    let fleet = Fleet::start(&json!({"urls": [redis.url()], "timeout": "500ms"}));
    let tally = under_load(&fleet.gates, || {
        redis.signal("STOP");
        std::thread::sleep(Duration::from_millis(1_500));
        redis.signal("CONT");
        fleet.healed_within();
    });
    fleet.check(&tally, "SIGSTOP for 1.5 s");
}

#[test]
fn killed_and_restarted_empty() {
    let mut redis = Redis::start();
    let fleet = Fleet::start(&json!({"urls": [redis.url()], "timeout": "500ms"}));
    let tally = under_load(&fleet.gates, || {
        redis.kill();
        std::thread::sleep(Duration::from_millis(1_500));
        redis.again();
        std::thread::sleep(Duration::from_millis(1_000));
    });
    // What the gateways hold is told again. Until all have, what is not there is not believed to be new.
    fleet.check(&tally, "killed, and restarted empty after 1.5 s");
    println!("  keys after that: {}", redis.cli(&["DBSIZE"]).trim());
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
    let fleet = Fleet::start(&json!({"urls": [url], "topology": "sentinel", "service": "main", "timeout": "500ms"}));
    let tally = under_load(&fleet.gates, || {
        redis.kill();
        let began = Instant::now();
        wait("the replica takes its place", || replica.cli(&["INFO", "replication"]).contains("role:master"));
        fleet.healed_within();
        println!("the fleet goes on with the replica after {:?}", began.elapsed());
    });
    fleet.check(&tally, "killed, and failed over by a Sentinel");
}

impl Fleet {
    /// The same while there is load: what is refused meanwhile would not be in the tally.
    fn healed_within(&self) {
        wait("both have joined again", || {
            self.gates.iter().all(|gate| gate.metric("curfew_session_store_connected") == 1.0)
        });
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// A token of a session that is known there from now on.
fn first_seen(gate: &Gate) -> String {
    let mut fresh = String::new();
    let bound = Instant::now() + Duration::from_secs(20);
    while fresh.is_empty() {
        assert!(Instant::now() < bound, "no first sight: {}", gate.gateway.log());
        fresh = Some(token(&unique("known")))
            .filter(|token| gate.sends(&mut gate.open(), "deny", token).status == 200)
            .unwrap_or_default();
    }
    fresh
}

fn wait(what: &str, so: impl Fn() -> bool) {
    let bound = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < bound, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
