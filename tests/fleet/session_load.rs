//! Sessions of every kind that a fault of Redis can meet, used and asked about on three gateways at once, and every answer
//! counted. What is alive and what has ended is known here by the test's own clock, whatever gateways say.

use crate::gates::{Answer, Gate, IDLE, token};
use crate::support::mint::unique;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What policies say of a lost store; the routes are named by it.
pub const POLICIES: [&str; 3] = ["deny", "local", "allow"];

/// What a session is to the gateway that is asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// In use there.
    Used,
    /// In use on the first gateway, and seen there before the fault.
    UsedElsewhere,
    /// The same, from the end of the fault on: until the first has joined again, nobody else can know of its last uses.
    UsedElsewhereAfter,
    /// Left alone everywhere from the begin of the fault on, and asked about when its limit and an interval have passed.
    LeftAlone,
    /// It had ended, and that was refused there before the fault.
    EndedHere,
    /// It had ended on the first gateway, and was never seen there.
    EndedElsewhere,
    /// Never seen anywhere.
    New,
}

use Kind::{EndedElsewhere, EndedHere, LeftAlone, New, Used, UsedElsewhere, UsedElsewhereAfter};

/// A session in use: when it was last sent a request, and whether it was ever quiet for too long to be called alive.
pub struct Lively {
    pub sid: String,
    sent: Mutex<Instant>,
    stalled: AtomicBool,
}

impl Lively {
    pub fn new() -> Self {
        Self { sid: unique("lively"), sent: Mutex::new(Instant::now()), stalled: AtomicBool::new(false) }
    }

    /// It is used now. A machine that stood still for so long ends a session rightly.
    fn uses(&self, gate: &Gate, path: &str) -> Answer {
        let sent = Instant::now();
        let answer = gate.asks(path, &self.sid);
        let mut last = self.sent.lock().unwrap();
        if last.elapsed() >= IDLE {
            self.stalled.store(true, Relaxed);
        }
        *last = sent;
        answer
    }

    /// Is it alive for certain, now that an answer has come?
    fn is_alive(&self) -> bool {
        !self.stalled.load(Relaxed) && self.sent.lock().unwrap().elapsed() < IDLE
    }
}

/// How often each was answered, and the slowest.
type Answers = (BTreeMap<String, u64>, Duration);

/// What was answered, by policy and by what the session was to the gateway.
#[derive(Default)]
pub struct Tally(BTreeMap<(&'static str, Kind), Answers>);

impl Tally {
    fn add(&mut self, policy: &'static str, kind: Kind, answer: &Answer) {
        let (answers, longest) = self.0.entry((policy, kind)).or_default();
        *answers.entry(format!("{} {}", answer.status, answer.reason).trim().to_owned()).or_default() += 1;
        *longest = (*longest).max(answer.took);
    }

    /// How often this was answered.
    pub fn count(&self, policy: &'static str, kind: Kind, answer: &str) -> u64 {
        self.0.get(&(policy, kind)).and_then(|(answers, _)| answers.get(answer)).copied().unwrap_or_default()
    }

    /// Whether anybody was asked.
    pub fn asked(&self, policy: &'static str, kind: Kind) -> bool {
        self.0.contains_key(&(policy, kind))
    }

    /// All that was answered is among these.
    pub fn only(&self, policy: &'static str, kind: Kind, allowed: &[&str]) {
        let answers = self.0.get(&(policy, kind)).into_iter().flat_map(|(answers, _)| answers);
        let others: Vec<_> = answers.filter(|(answer, _)| !allowed.contains(&answer.as_str())).collect();
        assert!(others.is_empty(), "{policy} {kind:?}: {others:?} beside {allowed:?}");
    }

    pub fn longest(&self) -> Duration {
        self.0.values().map(|(_, longest)| *longest).max().unwrap_or_default()
    }

    pub fn print(&self, fault: &str) {
        println!("\n{fault}\n{:<6} {:<18} {:<70} the longest", "policy", "session", "answers, counted");
        for ((policy, kind), (answers, longest)) in &self.0 {
            let told: Vec<_> = answers.iter().map(|(answer, count)| format!("{count} x {answer}")).collect();
            println!("{policy:<6} {:<18} {:<70} {longest:?}", format!("{kind:?}"), told.join(", "));
        }
    }
}

/// The sessions of one policy.
pub struct Cast {
    /// One for each gateway.
    pub used: Vec<Lively>,
    pub used_elsewhere: Lively,
    pub left_alone: String,
    pub ended_here: String,
    pub ended_elsewhere: String,
}

impl Cast {
    pub fn new(gates: usize) -> Self {
        let [left_alone, ended_here, ended_elsewhere] = ["left-alone", "ended-here", "ended-elsewhere"].map(unique);
        let used = (0..gates).map(|_| Lively::new()).collect();
        Self { used, used_elsewhere: Lively::new(), left_alone, ended_here, ended_elsewhere }
    }
}

/// What all threads share.
pub struct Load<'a> {
    pub gates: &'a [Gate],
    pub casts: &'a [Cast],
    pub tally: Mutex<Tally>,
    /// Whether Redis may be there again.
    pub mended: AtomicBool,
    over: AtomicBool,
}

impl<'a> Load<'a> {
    pub fn new(gates: &'a [Gate], casts: &'a [Cast]) -> Self {
        Self { gates, casts, tally: Mutex::default(), mended: AtomicBool::new(false), over: AtomicBool::new(false) }
    }

    /// Keeps in use what is in use, and, while `fault` goes on, asks about everything on all gateways.
    pub fn during(&self, setup: impl FnOnce(), fault: impl FnOnce()) {
        let asks = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _end = OnDrop(|| self.over.store(true, Relaxed));
            for at in 0..self.gates.len() {
                let asks = &asks;
                scope.spawn(move || self.uses(at, asks));
                scope.spawn(move || self.asks(at, asks));
            }
            setup();
            asks.store(true, Relaxed);
            fault();
        });
    }

    /// What is used on this gateway.
    fn uses(&self, at: usize, counts: &AtomicBool) {
        while !self.over.load(Relaxed) {
            for (policy, cast) in POLICIES.into_iter().zip(self.casts) {
                let answer = cast.used[at].uses(&self.gates[at], policy);
                if counts.load(Relaxed) && cast.used[at].is_alive() {
                    self.tally.lock().unwrap().add(policy, Used, &answer);
                }
                if at == 0 {
                    cast.used_elsewhere.uses(&self.gates[0], "deny");
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn asks(&self, at: usize, begun: &AtomicBool) {
        while !begun.load(Relaxed) && !self.over.load(Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let began = Instant::now();
        while !self.over.load(Relaxed) {
            for (policy, cast) in POLICIES.into_iter().zip(self.casts) {
                self.ask(at, policy, policy, EndedHere, &cast.ended_here);
                self.ask(at, policy, policy, New, &unique("new"));
                // It was not used after the fault began; so much later it has ended wherever it was used last.
                if began.elapsed() > crate::gates::INTERVAL + IDLE {
                    self.ask(at, policy, poll(policy), LeftAlone, &cast.left_alone);
                }
                if at > 0 {
                    self.ask(at, policy, policy, EndedElsewhere, &cast.ended_elsewhere);
                    let answer = self.gates[at].asks(poll(policy), &cast.used_elsewhere.sid);
                    if cast.used_elsewhere.is_alive() {
                        let kind = if self.mended.load(Relaxed) { UsedElsewhereAfter } else { UsedElsewhere };
                        self.tally.lock().unwrap().add(policy, kind, &answer);
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn ask(&self, at: usize, policy: &'static str, path: &str, kind: Kind, sid: &str) {
        let gate = &self.gates[at];
        let answer = gate.sends(&mut gate.open(), path, &token(sid));
        self.tally.lock().unwrap().add(policy, kind, &answer);
    }
}

/// The route of this policy on which nothing shows its user.
pub fn poll(policy: &str) -> &'static str {
    match policy {
        "deny" => "poll-deny",
        "local" => "poll-local",
        _ => "poll-allow",
    }
}

/// Threads are told to end also when a test fails meanwhile.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
