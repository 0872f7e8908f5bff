//! Sessions that instances share: what would let one live on that has ended, and does not.

use crate::redis::Redis;
use crate::shared::{One, PACE, name};
use curfew::decide::session::Shown;
use curfew::decide::time::Moment;
use std::time::Duration;

fn ago(now: Moment, millis: u64) -> Moment {
    let span = Duration::from_millis(millis);
    Moment { wall: now.wall.minus(span), steady: now.steady.saturating_sub(span) }
}

/// One saw a session, and then it was left alone. Its user signs in again at another, which never saw it and asks nobody: the
/// sign-in is a moment ago. Tokens of the first sign-in have ended all the same, on all.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_alone_before_a_sign_in_elsewhere() {
    let redis = Redis::start();
    let (one, two, late) = (One::start(&redis).await, One::start(&redis).await, One::start(&redis).await);
    let signed_in = one.now();
    let old = |now: Moment| Shown { signed_in: Some(ago(signed_in, 60_000).wall), issued: Some(now.wall) };
    one.uses_by(&name(1), old);
    one.told().await;
    tokio::time::sleep(PACE.strictest + Duration::from_millis(300)).await;
    let again = two.now();
    let new = |_: Moment| Shown { signed_in: Some(again.wall), issued: Some(again.wall) };
    assert!(two.sees_by(&name(1), new).await.unwrap().quiet < 500);
    two.uses_by(&name(1), new);
    two.told().await;
    for each in [&two, &one, &late] {
        let (theirs, ours) = (each.sees_by(&name(1), old).await.unwrap(), each.sees_by(&name(1), new).await.unwrap());
        assert!(theirs.silence >= 2_000 && ours.silence < 1_000, "{theirs:?} {ours:?}");
    }
    // An instance of an earlier version knows of one field only: it leaves the other.
    for key in redis.cli(&["KEYS", "{curfew}:sessions:2:*:*"]).lines() {
        assert_eq!(redis.cli(&["HLEN", key]).trim(), "2");
    }
}
