//! What lasts, of sessions that instances share: left alone here, it is asked about before it is cut. It lives for as long as
//! its session is used anywhere, ends within a second where it is not, and without Redis it goes as the policy says.

use crate::gates::{Gate, IDLE, INTERVAL, token};
use crate::redis::Redis;
use crate::session_load::POLICIES;
use crate::support::lasting::{End, Lasting};
use crate::support::mint::unique;
use crate::support::upstream::Upstream;
use crate::support::wait;
use serde_json::json;
use std::time::{Duration, Instant};

/// How late an end may be.
const LATE: Duration = Duration::from_secs(1);

/// Of either protocol and of every kind.
const KINDS: [&str; 4] = ["WebSocket", "WebSocket over HTTP/2", "events", "gRPC"];

fn opened(gate: &Gate, kind: &str, policy: &str, sid: &str) -> Lasting {
    let (door, token) = (gate.door(), token(sid));
    match kind {
        "WebSocket" => Lasting::websocket(&door, &format!("/{policy}/socket"), &token),
        "WebSocket over HTTP/2" => Lasting::websocket_over_h2(&door, &format!("/{policy}/socket"), &token),
        "events" => Lasting::events(&door, &format!("/{policy}/quiet"), &token),
        _ => Lasting::grpc(&door, &format!("/{policy}/grpc"), &token),
    }
}

/// What is said at the end, for this reason, where it is one of the token and where it is not.
fn said(kind: &str, reason: &str) -> String {
    match (kind, reason) {
        ("events", _) => "cut".to_owned(),
        ("gRPC", "session_idle_timeout") => format!("16 {reason}"),
        ("gRPC", _) => "reset".to_owned(),
        (_, "session_idle_timeout") => format!("1008 {reason}"),
        _ => format!("1001 {reason}"),
    }
}

/// The ends of all, each when it came.
fn ends(streams: Vec<Lasting>) -> Vec<End> {
    std::thread::scope(|scope| {
        let ends: Vec<_> = streams.into_iter().map(|stream| scope.spawn(|| stream.end())).collect();
        ends.into_iter().map(|end| end.join().unwrap()).collect()
    })
}

fn lookups(gate: &Gate) -> f64 {
    gate.metric("curfew_session_store_lookups_total{result=\"answered\"}")
}

#[test]
fn quiet_here_and_used_elsewhere_it_goes_on() {
    let (dir, redis, upstream) = (tempfile::tempdir().unwrap(), Redis::start(), Upstream::start());
    let settings = json!({"urls": [redis.url()], "timeout": "500ms"});
    let [one, two] = ["one", "two"].map(|name| Gate::start(dir.path(), name, &settings, &upstream));
    let sids = KINDS.map(|_| unique("stream"));
    let mut streams: Vec<_> = KINDS.iter().zip(&sids).map(|(kind, sid)| opened(&one, kind, "deny", sid)).collect();
    let (began, first_sights) = (Instant::now(), lookups(&one));
    let mut last = Instant::now();
    while began.elapsed() < 2 * IDLE + INTERVAL {
        last = Instant::now();
        sids.iter().for_each(|sid| assert_eq!(two.asks("deny", sid).status, 200));
        std::thread::sleep(Duration::from_millis(100));
    }
    let used = Instant::now();
    for (kind, stream) in KINDS.iter().zip(&mut streams) {
        assert!(stream.lives(), "{kind} was cut, though its session is used elsewhere");
    }
    let asked = lookups(&one) - first_sights;
    println!("quiet here for {:?}, used elsewhere: all go on, asked {asked} times", began.elapsed());
    assert!(asked >= KINDS.len() as f64, "each was asked about");
    for (kind, end) in KINDS.iter().zip(ends(streams)) {
        let after = end.at.duration_since(last);
        println!("{kind}: {} {after:?} after the last use anywhere, of {IDLE:?}", end.said);
        assert_eq!(end.said, said(kind, "session_idle_timeout"));
        let latest = IDLE + INTERVAL + LATE + used.duration_since(last);
        assert!(after >= IDLE && after < latest, "{kind}: {after:?} of {latest:?}");
    }
    assert_eq!((one.lost(), two.lost()), ([0.0; 3], [0.0; 3]));
}

/// Redis is gone while streams are left alone: under `deny` they end for that, under `local` because they are quiet here,
/// and under `allow` they go on. Which are in use are not touched.
fn without_redis(fault: impl FnOnce(&mut Redis), mend: Option<fn(&mut Redis)>) {
    let (dir, mut redis, upstream) = (tempfile::tempdir().unwrap(), Redis::start(), Upstream::start());
    let settings = json!({"urls": [redis.url()], "timeout": "500ms"});
    let gate = Gate::start(dir.path(), "one", &settings, &upstream);
    let mut used: Vec<_> = POLICIES.iter().map(|policy| opened(&gate, KINDS[0], policy, &unique("used"))).collect();
    let began = Instant::now();
    let quiet = |policy: &str| KINDS.map(|kind| opened(&gate, kind, policy, &unique("quiet")));
    let [deny, local, allow] = POLICIES.map(quiet);
    fault(&mut redis);
    let last = Instant::now();
    let (cut, mut allowed) = ([deny, local].into_iter().flatten().collect(), allow);
    let ends = std::thread::scope(|scope| {
        let ends = scope.spawn(|| ends(cut));
        while last.elapsed() < IDLE + LATE {
            used.iter_mut().for_each(Lasting::says);
            std::thread::sleep(Duration::from_millis(100));
        }
        ends.join().unwrap()
    });
    for (end, (policy, kind)) in ends.iter().zip(["deny", "local"].iter().flat_map(|p| KINDS.map(|kind| (*p, kind)))) {
        let reason = if policy == "deny" { "session_state_unknown" } else { "session_idle_timeout" };
        println!("{policy:<6} {kind:<22} {} after {:?}", end.said, end.at - last);
        assert!(end.said.starts_with(&said(kind, reason)), "{policy} {kind}: {}", end.said);
        assert!(end.at - began >= IDLE && end.at - last < IDLE + LATE, "{policy} {kind}: {:?}", end.at - last);
    }
    used.iter_mut().for_each(Lasting::says);
    for (policy, stream) in POLICIES.iter().zip(&mut used) {
        assert!(stream.lives(), "one in use is not touched: {policy}");
    }
    for (kind, stream) in KINDS.iter().zip(&mut allowed) {
        println!("allow  {kind:<22} goes on {:?} after it was left alone", last.elapsed());
        assert!(stream.lives(), "{kind}");
    }
    let lost = gate.lost();
    println!("judged without Redis (deny, local, allow): {lost:?}");
    assert!(lost[0] >= 4.0 && lost[1] >= 4.0 && lost[2] >= 4.0, "{lost:?}");
    // Once it can be asked again, nobody knows better: they were left alone everywhere.
    let Some(mend) = mend else { return };
    mend(&mut redis);
    let mended = Instant::now();
    wait::until("it is joined again", Duration::from_secs(10), || {
        (gate.metric("curfew_session_store_connected") == 1.0).then_some(())
    });
    for (kind, end) in KINDS.iter().zip(self::ends(allowed.into())) {
        println!("allow  {kind:<22} {} {:?} after Redis was there again", end.said, end.at - mended);
        assert_eq!(end.said, said(kind, "session_idle_timeout"));
    }
}

#[test]
fn redis_is_stopped() {
    without_redis(|redis| redis.signal("STOP"), Some(|redis| redis.signal("CONT")));
}

#[test]
fn redis_is_killed() {
    without_redis(Redis::kill, None);
}
