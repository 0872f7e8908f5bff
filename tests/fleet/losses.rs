//! What goes wrong: Redis killed, emptied, hanging; an instance with another key; garbage.

use crate::instance::{Instance, sids, until, until_ended};
use crate::redis::Redis;
use crate::spread::{tell, watch};
use curfew::idp::events::Outcome;
use serde_json::json;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Each instance is told something before, during and after: all of them end up with all of it. How long each took at the
/// instances that were not told is printed, and what was entered without Redis apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_redis_that_comes_back_empty_loses_nothing() {
    let mut redis = Redis::start();
    let fleet = [(); 3].map(|()| Arc::new(Instance::start(&redis.url())));
    for instance in &fleet {
        instance.ready().await;
    }
    let watched = fleet.each_ref().map(|instance| {
        [(); 2].map(|()| {
            let ((sender, receiver), instance) = (channel(), Arc::clone(instance));
            (sender, std::thread::spawn(move || watch(&instance, &receiver)))
        })
    });
    let all = sids("loss", 10_000);
    for (number, sid) in all.iter().enumerate() {
        match number {
            3000 => redis.kill(),
            6000 => redis.again(),
            _ => {}
        }
        let away = usize::from((3000..6000).contains(&number));
        for (_, watchers) in watched.iter().enumerate().filter(|(at, _)| *at != number % 3) {
            watchers[away].0.send((sid.clone(), Instant::now())).unwrap();
        }
        fleet[number % 3].end(sid).await;
    }
    for (number, watchers) in watched.into_iter().enumerate() {
        for ((sender, watcher), when) in watchers.into_iter().zip(["with Redis", "while Redis was away"]) {
            drop(sender);
            let took = tokio::task::spawn_blocking(|| watcher.join().unwrap()).await.unwrap();
            tell(&format!("instance {}, entered {when}", number + 1), took);
        }
    }
    for instance in &fleet {
        until_ended(instance, &all).await;
        until("it is fresh again", || instance.age().is_some_and(|age| age < Duration::from_secs(2))).await;
        println!("{:?}", instance.standing());
    }
    assert!(fleet.iter().all(|one| one.standing().reseeds >= 2));
    // What an instance holds only because others told it is told on, though they are gone.
    let keeper = fleet.into_iter().next().unwrap();
    let reseeds = keeper.standing().reseeds;
    redis.kill();
    redis.again();
    until("it was written anew", || keeper.standing().reseeds > reseeds).await;
    let late = Instance::start(&redis.url());
    until_ended(&late, &all).await;
}

/// Emptied while everybody is connected, and even with the stream gone but its name still there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_that_vanishes_is_seen_and_written_anew() {
    let redis = Redis::start();
    let (one, other) = (Instance::start(&redis.url()), Instance::start(&redis.url()));
    one.ready().await;
    other.ready().await;
    let mut all = Vec::new();
    for (round, command) in [&["FLUSHALL"][..], &["DEL", "{curfew}:log"], &["DEL", "{curfew}:epoch"]].iter().enumerate()
    {
        let some = sids(&format!("round-{round}"), 20);
        for sid in &some {
            one.end(sid).await;
        }
        all.extend(some);
        redis.cli(command);
        other.end(&format!("after-{round}")).await;
        all.push(format!("after-{round}"));
        until_ended(&one, &all).await;
        until_ended(&other, &all).await;
        // The new stream holds everything, for whoever comes.
        until("it is in the stream", || one.standing().queued == 0 && other.standing().queued == 0).await;
        let late = Instance::start(&redis.url());
        until_ended(&late, &all).await;
    }
}

/// Nobody waits for a Redis that hangs; when it goes on, so does the channel. Meanwhile its age is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_redis_that_hangs_stops_nobody() {
    let redis = Redis::start();
    let (one, other) = (Instance::start(&redis.url()), Instance::start(&redis.url()));
    one.ready().await;
    other.ready().await;
    redis.signal("STOP");
    let all = sids("hang", 500);
    let mut slowest = Duration::ZERO;
    for sid in &all {
        let began = Instant::now();
        one.end(sid).await;
        slowest = slowest.max(began.elapsed());
        assert!(one.has_ended(sid));
    }
    println!("slowest answer while Redis hangs: {slowest:?}");
    assert!(slowest < Duration::from_millis(250), "{slowest:?}");
    until("it is known to be away", || !one.standing().connected && !other.standing().connected).await;
    until("its age is told", || other.age().is_some_and(|age| age > Duration::from_secs(1))).await;
    redis.signal("CONT");
    until_ended(&other, &all).await;
}

/// Past the bound of its queue an instance writes everything anew instead of losing something.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_queue_that_overflows_loses_nothing() {
    let mut redis = Redis::start();
    let fleet = json!({"redis": {"urls": [redis.url()], "timeout": "500ms"}, "queue": 10});
    let (one, other) = (Instance::with(b"the key of the fleet", fleet), Instance::start(&redis.url()));
    one.ready().await;
    other.ready().await;
    redis.kill();
    let all = sids("queue", 200);
    for sid in &all {
        one.end(sid).await;
    }
    assert!(one.standing().queued <= 10);
    redis.again();
    until_ended(&other, &all).await;
}

/// Long streams are made shorter, and still hold everything for whoever comes late.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_that_grows_is_written_anew_and_cut() {
    let redis = Redis::start();
    let fleet = json!({"redis": {"urls": [redis.url()], "timeout": "500ms"}, "max_length": 1000});
    let one = Instance::with(b"the key of the fleet", fleet);
    one.ready().await;
    let length = || redis.cli(&["XLEN", "{curfew}:log"]).trim().parse::<u64>().unwrap_or(0);
    // How many events share a block depends on how busy the machine is.
    let mut all = Vec::new();
    while length() < 1100 {
        for sid in sids(&format!("long-{}", all.len()), 100) {
            one.end(&sid).await;
            all.push(sid);
        }
        assert!(all.len() < 50_000);
    }
    println!("before: {} blocks", length());
    until("it was cut", || one.standing().compactions > 0).await;
    println!("after: {} blocks", length());
    assert!(length() < 1000);
    let late = Instance::start(&redis.url());
    until_ended(&late, &all).await;
}

/// Fingerprints under another key name nobody: such an instance stays outside, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_key_does_not_join() {
    let redis = Redis::start();
    let one = Instance::start(&redis.url());
    one.ready().await;
    let stranger = Instance::with(b"another key", json!({"redis": {"urls": [redis.url()]}}));
    until("it was refused", || stranger.standing().refusals > 0).await;
    let why = stranger.idp.readiness(curfew::state::clock::Clock::now(&*stranger.clock));
    assert!(why.iter().any(|one| one.what == "revocation.fleet" && one.why.contains("hash_key")), "{why:?}");
    stranger.keyed().await;
    stranger.end("theirs").await;
    one.end("ours").await;
    assert!(!stranger.standing().connected && stranger.age().is_none());
    assert_eq!(redis.cli(&["XLEN", "{curfew}:log"]).trim(), "2");
}

/// What nobody of the fleet wrote is counted, and hides nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn garbage_is_passed_over() {
    let redis = Redis::start();
    let (one, other) = (Instance::start(&redis.url()), Instance::start(&redis.url()));
    one.ready().await;
    other.ready().await;
    let garbage: [&[&str]; 4] = [&["b", "nonsense"], &["b", ""], &["a", "b", "c", "d"], &["c", "x"]];
    for fields in garbage {
        redis.cli(&[&["XADD", "{curfew}:log", "*"], fields].concat());
    }
    redis.cli(&["XADD", "{curfew}:log", "*", "b", &"x".repeat(1 << 16)]);
    one.end("after").await;
    until_ended(&other, &["after".to_owned()]).await;
    assert_eq!((other.counted(Outcome::Refused), other.counted(Outcome::Enforced)), (5, 1));
    assert!(other.age().is_some());
    // A stream that is no stream at all is no stream.
    redis.cli(&["SET", "{curfew}:log", "x"]);
    until("it is known to be away", || other.standing().failures > 0).await;
    redis.cli(&["DEL", "{curfew}:log"]);
    one.end("at last").await;
    until_ended(&other, &["at last".to_owned()]).await;
}

/// The channel comes and goes with the settings; what the others told leaves with it, and is read again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_channel_comes_and_goes_with_the_settings() {
    let redis = Redis::start();
    let (one, other) = (Instance::start(&redis.url()), Instance::start(&redis.url()));
    one.ready().await;
    one.end("first").await;
    until_ended(&other, &["first".to_owned()]).await;
    other.reload(None);
    assert!(other.idp.fleet().is_none() && !other.has_ended("first"));
    assert_eq!(other.revocations.standing(curfew::state::clock::Clock::now(&*other.clock)).len(), 1);
    one.end("second").await;
    other.end("third").await;
    other.reload(Some(json!({"redis": {"urls": [redis.url()]}, "max_staleness": "off"})));
    // What it was told meanwhile is told on as soon as there is a way.
    until_ended(&other, &["first".to_owned(), "second".to_owned()]).await;
    until_ended(&one, &["third".to_owned()]).await;
}

/// Whose rights in Redis do not include telling of itself exchanges revocations all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_cannot_be_told_of_oneself_stops_nothing() {
    let redis = Redis::start();
    assert_eq!(redis.cli(&["ACL", "SETUSER", "default", "-hset"]).trim(), "OK");
    let (one, other) = (Instance::start(&redis.url()), Instance::start(&redis.url()));
    one.ready().await;
    other.ready().await;
    one.end("this").await;
    until_ended(&other, &["this".to_owned()]).await;
    let propagation = one.idp.propagation().unwrap();
    assert!(propagation.connected && propagation.instances.is_empty(), "{propagation:?}");
    // What others write there is no instance, and is put away.
    redis.cli(&["ACL", "SETUSER", "default", "+hset"]);
    redis.cli(&["HSET", "{curfew}:roll", "nobody", "nonsense"]);
    let fleet = || one.idp.propagation().unwrap().instances;
    until("they know each other", || fleet().len() == 2).await;
    until("nobody is gone", || !redis.cli(&["HKEYS", "{curfew}:roll"]).contains("nobody")).await;
}

/// A server that took the place of another one lacks some of what was acknowledged, and nothing else is seen of it: whoever
/// wrote that writes it anew, though it has written more since.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_failover_lost_is_written_anew() {
    let redis = Redis::start();
    let one = Instance::start(&redis.url());
    one.ready().await;
    let told = async |sid: &str| {
        one.end(sid).await;
        until("it is told", || one.standing().queued == 0).await;
        redis.cli(&["XREVRANGE", "{curfew}:log", "+", "-", "COUNT", "1"]).lines().next().unwrap().trim().to_owned()
    };
    told("before").await;
    let lost = told("lost").await;
    told("after").await;
    assert_eq!(redis.cli(&["XDEL", "{curfew}:log", &lost]).trim(), "1");
    let late = Instance::start(&redis.url());
    until_ended(&late, &["before", "lost", "after"].map(str::to_owned)).await;
    assert!(one.standing().connected && one.standing().reseeds >= 1);
}
