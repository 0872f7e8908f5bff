//! More than an instance may hold of what the others told: it says so, and is whole again once it may hold it.

use crate::instance::{Instance, sids, until, until_ended};
use crate::redis::Redis;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_fit_is_read_again_when_it_fits() {
    let redis = Redis::start();
    let settings = |max: usize| json!({"redis": {"urls": [redis.url()], "timeout": "500ms"}, "max_entries": max});
    let (one, small) = (Instance::with(b"key", settings(1000)), Instance::with(b"key", settings(3)));
    one.ready().await;
    small.ready().await;
    let ended = sids("full", 10);
    for sid in &ended {
        one.end(sid).await;
    }
    until("it is incomplete", || small.age().is_none()).await;
    small.reload(Some(settings(1000)));
    until("it is whole again", || small.age().is_some()).await;
    until_ended(&small, &ended).await;
}

/// What did not fit was in the stream. One that begins anew lacks it as well, until whoever holds it tells it again: nobody
/// who lacks it takes an empty one for all there is.
#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_fit_is_not_taken_for_told_by_an_empty_stream() {
    let mut redis = Redis::start();
    let settings = |max: usize| json!({"redis": {"urls": [redis.url()], "timeout": "500ms"}, "max_entries": max});
    let (one, small) = (Instance::with(b"key", settings(1000)), Instance::with(b"key", settings(3)));
    one.ready().await;
    small.ready().await;
    for sid in sids("full", 10) {
        one.end(&sid).await;
    }
    until("it is incomplete", || small.age().is_none()).await;
    drop(one);
    let before = small.standing();
    redis.kill();
    redis.again();
    until("it was written anew, and read", || {
        let now = small.standing();
        now.reseeds > before.reseeds && now.position_ms > before.position_ms
    })
    .await;
    for _ in 0..50 {
        assert!(small.age().is_none(), "it still lacks seven");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
