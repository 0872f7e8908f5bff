//! One instance alone cannot reach the Redis, all others can: what each of them answers meanwhile, and once it is over. Nobody
//! can tell an instance that is cut off from one that has ended, so the others go by the store, and it by its policies.

use crate::gates::{Gate, INTERVAL};
use crate::redis::Redis;
use crate::support::gateway::free_port;
use crate::support::mint::unique;
use crate::support::upstream::Upstream;
use serde_json::json;
use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The idle limit: so long that whoever is used is not left alone by a slow machine.
const IDLE: Duration = Duration::from_secs(4);

const POLICIES: [&str; 3] = ["deny", "local", "allow"];
const GOOD: &str = "200";
const ENDED: &str = "401 session_idle_timeout";
const UNKNOWN: &str = "503 session_state_unknown";

/// A way to a port of this machine that can be cut.
#[derive(Default)]
struct Way {
    cut: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Way {
    fn to(port: &str) -> (Arc<Self>, u16) {
        let (way, listener) = (Arc::new(Self::default()), TcpListener::bind("127.0.0.1:0").unwrap());
        let (here, target) = (listener.local_addr().unwrap().port(), format!("127.0.0.1:{port}"));
        let shared = Arc::clone(&way);
        std::thread::spawn(move || listener.incoming().flatten().for_each(|near| shared.lays(near, &target)));
        (way, here)
    }

    fn lays(&self, near: TcpStream, target: &str) {
        if self.cut.load(Relaxed) {
            return;
        }
        let far = TcpStream::connect(target).unwrap();
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let again = |stream: &TcpStream| stream.try_clone().unwrap();
        self.open.lock().unwrap().extend([again(&near), again(&far)]);
        for (mut from, mut to) in [(again(&near), again(&far)), (far, near)] {
            std::thread::spawn(move || copy(&mut from, &mut to));
        }
    }

    fn set_cut(&self, cut: bool) {
        self.cut.store(cut, Relaxed);
        self.open.lock().unwrap().drain(..).for_each(|stream| _ = stream.shutdown(Shutdown::Both));
    }
}

struct World {
    alone: Gate,
    others: [Gate; 2],
    way: Arc<Way>,
    /// For each policy: used on the one that is cut off only, and on another only.
    here: [String; 3],
    there: [String; 3],
    /// As `here`; but a route for an hour of silence is used with it on another.
    lax: String,
    gone: [String; 3],
    _redis: Redis,
    _upstream: Upstream,
    _dir: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        let (dir, upstream, port) = (tempfile::tempdir().unwrap(), Upstream::start(), free_port().to_string());
        let redis = Redis::with(&["--port", &port, "--bind", "127.0.0.1"]);
        let (way, through) = Way::to(&port);
        let at = |port: &str| json!({"urls": [format!("redis://127.0.0.1:{port}")], "timeout": "500ms"});
        let alone = Gate::with(dir.path(), "alone", &at(&through.to_string()), &IDLE, &upstream);
        let others = ["one", "two"].map(|name| Gate::with(dir.path(), name, &at(&port), &IDLE, &upstream));
        let sids = || POLICIES.map(unique);
        let (here, there, gone, lax) = (sids(), sids(), sids(), unique("lax"));
        Self { alone, others, way, here, there, lax, gone, _redis: redis, _upstream: upstream, _dir: dir }
    }

    /// Whoever is used is so, once.
    fn uses(&self) {
        for (policy, (here, there)) in POLICIES.into_iter().zip(self.here.iter().zip(&self.there)) {
            assert_eq!(told(&self.alone, policy, here), GOOD, "who is known waits for nobody");
            assert_eq!(told(&self.others[0], policy, there), GOOD);
        }
    }

    /// So often that nobody is left alone.
    fn goes_on(&self, span: Duration) {
        let began = Instant::now();
        while began.elapsed() < span {
            self.uses();
            assert_eq!(told(&self.alone, "deny", &self.lax), GOOD);
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn connected(&self, connected: f64) {
        wait("it is connected or not", || {
            self.alone.metric("curfew_session_store_connected") == connected && self.all_others()
        });
    }

    fn all_others(&self) -> bool {
        self.others.iter().all(|gate| gate.metric("curfew_session_store_connected") == 1.0)
    }
}

fn told(gate: &Gate, path: &str, sid: &str) -> String {
    let answer = gate.asks(path, sid);
    format!("{} {}", answer.status, answer.reason).trim().to_owned()
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let bound = Instant::now() + Duration::from_secs(15);
    while !is_so() {
        assert!(Instant::now() < bound, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn who_is_cut_off_alone() {
    let world = World::start();
    for (policy, gone) in POLICIES.into_iter().zip(&world.gone) {
        [&world.alone, &world.others[0]].iter().for_each(|gate| assert_eq!(told(gate, policy, gone), GOOD));
    }
    // What is used on one is known to the other as well, before.
    for (policy, (here, there)) in POLICIES.into_iter().zip(world.here.iter().zip(&world.there)) {
        [here, there].iter().for_each(|sid| assert_eq!(told(&world.alone, policy, sid), GOOD));
        [here, there].iter().for_each(|sid| assert_eq!(told(&world.others[0], policy, sid), GOOD));
    }
    world.goes_on(2 * INTERVAL);
    world.way.set_cut(true);
    world.connected(0.0);
    world.goes_on(IDLE + INTERVAL + Duration::from_millis(300));
    let polled = |gate: &Gate, policy: &str, sid: &str| told(gate, &format!("poll-{policy}"), sid);
    // The others go by the store, where it was told last before: whatever the policy says, for nothing is unknown to them.
    for (policy, (here, there)) in POLICIES.into_iter().zip(world.here.iter().zip(&world.there)) {
        for gate in &world.others {
            assert_eq!(
                (polled(gate, policy, here), polled(gate, policy, there)),
                (ENDED.into(), GOOD.into()),
                "{policy}"
            );
        }
    }
    assert_eq!(told(&world.others[0], "lax", &world.lax), GOOD);
    // The one that is cut off goes by its policies: what is used elsewhere, what is left alone, and what is new.
    let answers = [(UNKNOWN, UNKNOWN, UNKNOWN), (ENDED, ENDED, GOOD), (GOOD, GOOD, GOOD)];
    for (at, (policy, (there, gone, new))) in POLICIES.into_iter().zip(answers).enumerate() {
        assert_eq!(polled(&world.alone, policy, &world.there[at]), there, "{policy}: used elsewhere");
        assert_eq!(polled(&world.alone, policy, &world.gone[at]), gone, "{policy}: left alone");
        assert_eq!(told(&world.alone, policy, &unique("new")), new, "{policy}: new");
    }
    let lost = world.others.each_ref().map(Gate::lost);
    assert_eq!(lost, [[0.0; 3]; 2], "nobody else goes without an answer");
    world.goes_on(INTERVAL);
    world.way.set_cut(false);
    world.connected(1.0);
    // It tells what it saw: what was refused elsewhere lives on, for a refusal is not remembered as an end.
    let again = |gate: &Gate, at: usize| {
        let polled = |sid: &[String; 3]| polled(gate, POLICIES[at], &sid[at]);
        [polled(&world.here), polled(&world.there), polled(&world.gone)] == [GOOD, GOOD, ENDED]
    };
    for at in 0..POLICIES.len() {
        for gate in [&world.alone, &world.others[0], &world.others[1]] {
            wait("all know what was used, and what was left alone", || {
                world.uses();
                again(gate, at)
            });
        }
    }
    // But a silence that another saw end, on a laxer route, is one for all who ask, though it was used meanwhile.
    let _ = told(&world.alone, "deny", &world.lax);
    std::thread::sleep(2 * INTERVAL);
    for gate in &world.others {
        assert_eq!(polled(gate, "deny", &world.lax), ENDED);
    }
}
