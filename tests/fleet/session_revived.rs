//! Sessions that instances share: what has ended is not revived on a route without an idle limit while Redis does not answer;
//! and what was used where an instance was cut off is not taken for left alone.

use crate::gates::{Gate, IDLE};
use crate::instance::until;
use crate::redis::Redis;
use crate::shared::{One, SETTLE, TERMS, ms, name};
use crate::support::mint::unique;
use crate::support::upstream::Upstream;
use serde_json::json;
use std::time::{Duration, Instant};

/// What is answered once the others were asked.
fn finally(gate: &Gate, sid: &str) -> (u16, String) {
    let bound = Instant::now() + Duration::from_secs(15);
    loop {
        let answer = gate.asks("deny", sid);
        if answer.status != 503 {
            return (answer.status, answer.reason);
        }
        assert!(Instant::now() < bound, "no answer ever again");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One look-up without an answer is enough: the request on a route without a limit is admitted, and the session stays ended.
#[test]
fn what_has_ended_is_not_revived_elsewhere() {
    let (dir, upstream, redis) = (tempfile::tempdir().unwrap(), Upstream::start(), Redis::start());
    let settings = json!({"urls": [redis.url()], "timeout": "500ms"});
    let [one, two] = ["one", "two"].map(|name| Gate::start(dir.path(), name, &settings, &upstream));
    let ended = || (401, "session_idle_timeout".to_owned());
    let [refused, left, polled, used] = ["refused", "left", "polled", "used"].map(unique);
    for sid in [&refused, &left] {
        assert_eq!(one.asks("deny", sid).status, 200);
    }
    for sid in [&polled, &used] {
        assert_eq!(two.asks("deny", sid).status, 200);
    }
    std::thread::sleep(IDLE + Duration::from_millis(500));
    assert_eq!(finally(&one, &refused), ended());
    redis.signal("STOP");
    for (path, sid) in [("plain", &refused), ("plain", &left), ("poll-plain", &polled), ("plain", &used)] {
        assert_eq!(one.asks(path, sid).status, 200);
    }
    redis.signal("CONT");
    for (gate, sid) in [(&one, &refused), (&one, &left), (&two, &polled), (&one, &used), (&two, &used)] {
        assert_eq!(finally(gate, sid), ended(), "{sid}");
    }
}

/// One alone was cut off, and its sessions were used there. As long as it has not told of them, others do not believe that
/// they were left alone.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_cut_off_alone_is_heard_first() {
    let (dir, redis) = (tempfile::tempdir().unwrap(), Redis::start());
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(redis.socket(), &link).unwrap();
    let one = One::at(&format!("unix://{}", link.display()), TERMS);
    let two = One::start(&redis).await;
    until("it has joined", || one.is_open() && one.is_ready()).await;
    one.uses(&name(1));
    one.told().await;
    until("it has settled", || redis.cli(&["EXISTS", SETTLING]).trim() == "0").await;
    std::fs::remove_file(&link).unwrap();
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    until("it is cut off", || !one.is_open()).await;
    until("the other is not", || two.is_open()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(redis.cli(&["EXISTS", SETTLING]).trim(), "0");
    std::os::unix::fs::symlink(redis.socket(), &link).unwrap();
    until("it has joined again", || one.is_open()).await;
    until("it says so", || redis.cli(&["GET", SETTLING]).trim() == "2").await;
    let left: i64 = redis.cli(&["PTTL", SETTLING]).trim().parse().unwrap();
    assert!(left > ms(SETTLE) / 2, "{left}");
}

/// A second pause, soon after the first, is as long a time to be heard.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_pause_is_one_as_well() {
    let redis = Redis::start();
    let _one = One::start(&redis).await;
    until("it has settled", || redis.cli(&["EXISTS", SETTLING]).trim() == "0").await;
    // As if nobody had been there for two seconds, and almost as long since the pause before.
    let paused = "local late, by = string.match(redis.call('GET', KEYS[1]), '^(%d+) (%d+)$') \
        redis.call('SET', KEYS[1], string.format('%.0f %.0f', late - 2000, by - 2000), 'KEEPTTL') \
        redis.call('SET', KEYS[2], 2, 'PX', 1200)";
    redis.cli(&["EVAL", paused, "2", "{curfew}:sessions:2:seen", SETTLING]);
    let left = || redis.cli(&["PTTL", SETTLING]).trim().parse::<i64>().unwrap();
    until("it is prolonged", || left() > 1_200).await;
}

const SETTLING: &str = "{curfew}:sessions:2:settling";
