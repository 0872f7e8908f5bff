//! What sessions in a Redis cost: commands there, and time here where Redis is slow.

use crate::gates::{Gate, token};
use crate::redis::Redis;
use crate::shared::{One, PACE, name};
use crate::support::gateway::free_port;
use crate::support::mint::unique;
use crate::support::upstream::Upstream;
use curfew::state::sessions::Pace;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const DELAY: Duration = Duration::from_millis(50);

/// Hands on what it reads, so much later, in order and without a limit of its own.
fn delayed(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (later, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        for (at, bytes) in due {
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let _ = later.send((Instant::now() + delay, buffer[..count].to_vec()));
        }
    });
}

/// A way to this port of this machine that takes so much longer.
fn slow(port: &str) -> u16 {
    let (listener, target) = (TcpListener::bind("127.0.0.1:0").unwrap(), format!("127.0.0.1:{port}"));
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(&target) else { continue };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            delayed(near.try_clone().unwrap(), far.try_clone().unwrap(), DELAY);
            delayed(far, near, Duration::ZERO);
        }
    });
    address.port()
}

/// So many sessions, and so many requests of them after the first of each.
const SESSIONS: usize = 20;
const REQUESTS: usize = 2_000;

/// Redis 50 ms away: first sight waits for it, and nobody else does, so that what requests take after that is the same as where
/// Redis answers at once. That nobody waits is counted: who waits has asked, and would take 50 ms. Requests to a gateway with a
/// near Redis and to one with a far one take turns, so that whatever else the machine does meets both.
#[test]
fn known_sessions_do_not_feel_a_slow_redis() {
    let (dir, upstream, port) = (tempfile::tempdir().unwrap(), Upstream::start(), free_port().to_string());
    let _redis = Redis::with(&["--port", &port, "--bind", "127.0.0.1"]);
    let at = |port: &str| -> Value { json!({"urls": [format!("redis://127.0.0.1:{port}")]}) };
    // So long that no machine is too slow for it: nobody is left alone here.
    let idle = Duration::from_secs(60);
    let near = Gate::with(dir.path(), "near", &at(&port), &idle, &upstream);
    let far = Gate::with(dir.path(), "far", &at(&slow(&port).to_string()), &idle, &upstream);
    let (gates, mut conns) = ([&near, &far], [near.open(), far.open()]);
    let tokens = [0, 1].map(|_| (0..SESSIONS).map(|_| token(&unique("sid"))).collect::<Vec<_>>());
    let mut ask = |count: usize| {
        let mut took = [Vec::new(), Vec::new()];
        for number in 0..count {
            for which in 0..2 {
                let token = &tokens[which][number % SESSIONS];
                let answer = gates[which].sends(&mut conns[which], "deny", token);
                assert_eq!(answer.status, 200, "{}", answer.reason);
                took[which].push(answer.took);
            }
        }
        took.map(|mut took| {
            took.sort();
            took
        })
    };
    let [_, far_first] = ask(SESSIONS);
    assert!(far_first[0] >= DELAY, "the first sight waits: {far_first:?}");
    let asked = |gate: &Gate| {
        ["answered", "unanswered"]
            .map(|result| gate.metric(&format!("curfew_session_store_lookups_total{{result=\"{result}\"}}")))
    };
    let told = gates.map(|gate| gate.metric("curfew_session_store_told_total"));
    assert_eq!(gates.map(asked), [[SESSIONS as f64, 0.0]; 2], "each is asked about at its first sight");

    let then = ask(REQUESTS);
    let part = |all: &[Duration], part: usize| all[(all.len() - 1) * part / 100];
    for (name, took) in ["at once", "50 ms later"].iter().zip(&then) {
        let (half, most, last) = (part(took, 50), part(took, 99), part(took, 100));
        println!(
            "Redis answers {name}: of {REQUESTS} after first sight p50 {half:?}, p99 {most:?}, the longest {last:?}"
        );
    }
    println!("the first sights took {:?} to {:?} where it answers later", far_first[0], far_first[SESSIONS - 1]);
    assert_eq!(gates.map(asked), [[SESSIONS as f64, 0.0]; 2], "nobody has waited since");
    // A machine that stands still meets both alike; a wait for Redis would only be of the far one, and of all its requests.
    let [near_long, far_long] = then.map(|took| took.iter().filter(|took| **took >= DELAY).count());
    println!("requests that took as long as Redis is away: {near_long} where it is near, {far_long} where it is far");
    assert!(
        far_long <= near_long + REQUESTS / 100,
        "p99 is at least {DELAY:?}: {far_long} of {REQUESTS}, {near_long} where it is near"
    );
    for (gate, told) in gates.iter().zip(told) {
        // What was seen was told all the while.
        assert!(gate.metric("curfew_session_store_told_total") > told && gate.lost() == [0.0; 3]);
    }
}

/// The command, some two minutes long: `cargo nextest run --test fleet --run-ignored only a_hundred_thousand --no-capture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_hundred_thousand_sessions() {
    const SESSIONS: u32 = 100_000;
    let redis = Redis::start();
    let one = One::start(&redis).await;
    let (idle, interval) = (Duration::from_secs(900), Duration::from_secs(90));
    one.sessions.share(Some(Pace { interval, strictest: idle }));
    // They come over an interval, as they would; only then it is steady, and counted.
    let (began, mut next, mut counted) = (Instant::now(), 0_u64, None);
    while began.elapsed() < interval + Duration::from_secs(60) {
        let due = began.elapsed().as_millis() as u64 * 5;
        for number in next..due {
            one.uses(&name((number % u64::from(SESSIONS)) as u32));
        }
        next = due;
        if began.elapsed() > interval && counted.is_none() {
            redis.cli(&["CONFIG", "RESETSTAT"]);
            counted = Some(Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seconds = counted.unwrap().elapsed().as_secs_f64();
    let (all, outer, stats) = crate::shared::commands(&redis);
    println!("{stats}");
    println!("memory: {}", redis.cli(&["INFO", "memory"]).lines().next_back().unwrap_or_default());
    let held: u64 = redis.cli(&["EVAL", "local n = 0 for _, k in ipairs(redis.call('KEYS', '*sessions:2:*:*')) do n = n + redis.call('HLEN', k) end return n", "0"]).trim().parse().unwrap();
    println!("{held} sessions at 5,000 uses/s, told every {interval:?}, over {seconds:.0} s:");
    println!("{:.0} commands/s from the gateway, {:.0} with those within scripts", outer / seconds, all / seconds);
    assert!(all / seconds < 1_000.0 && held == u64::from(SESSIONS) && PACE.interval < interval);
}
