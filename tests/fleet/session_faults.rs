//! Sessions that instances share: what would let one live on that has ended, and does not.

use crate::instance::until;
use crate::redis::Redis;
use crate::shared::{One, PACE, SETTLE, TERMS, ms, name};
use curfew::decide::session::Shown;
use curfew::decide::time::Moment;
use curfew::notice::deaths;
use curfew::state::sessions::{Pace, Terms, Unknown};
use std::time::{Duration, Instant};

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

/// Who keeps sessions for longer than those who made the hash has it kept for so long; and nobody shortens it.
#[tokio::test(flavor = "multi_thread")]
async fn a_hash_is_kept_for_whoever_needs_it_longest() {
    let redis = Redis::start();
    let one = One::start(&redis).await;
    one.uses(&name(1));
    one.told().await;
    let kept = || -> Vec<i64> {
        let keys = redis.cli(&["KEYS", "*"]);
        let keys = keys.lines().filter(|key| !key.ends_with(":settling") && !key.contains(":at-"));
        keys.map(|key| redis.cli(&["PTTL", key]).trim().parse().unwrap()).collect()
    };
    assert!(kept().iter().all(|kept| *kept < 4 * 3_600_000), "{:?}", kept());
    let longer = One::with(&redis, Terms { remember: Duration::from_secs(7 * 3600), ..TERMS }).await;
    longer.uses(&name(1));
    longer.told().await;
    let least = 7 * 3_600_000;
    assert!(kept().iter().all(|kept| *kept > least), "{:?}", kept());
    let third = One::start(&redis).await;
    third.uses(&name(1));
    third.told().await;
    assert!(kept().iter().all(|kept| *kept > least), "{:?}", kept());
}

/// An instance that starts right after everything was lost does not believe that there was nothing; also where nobody else
/// runs who could say so. It is not ready before that is over.
#[tokio::test(flavor = "multi_thread")]
async fn who_starts_after_a_loss_does_not_believe_in_nothing() {
    let mut redis = Redis::start();
    let one = One::start(&redis).await;
    one.uses(&name(1));
    one.told().await;
    redis.kill();
    redis.again();
    // Whoever names the store first: it has not settled for anybody.
    let (first, second) = (One::begin(&redis, TERMS), One::begin(&redis, TERMS));
    for each in [&first, &second] {
        until("it has joined", || each.is_open()).await;
        assert!(!each.is_ready());
        assert_eq!(each.sees(&name(2)).await, Err(Unknown), "nobody knows yet who knows of it");
    }
    let began = Instant::now();
    until("it has settled", || first.is_ready() && second.is_ready()).await;
    println!("ready after {:?}", began.elapsed());
    for each in [&first, &second] {
        assert!(each.sees(&name(1)).await.unwrap().quiet >= ms(began.elapsed()), "told again by who knew of it");
        assert!(each.sees(&name(2)).await.is_ok());
    }
    // And one that starts later need not wait.
    let late = One::begin(&redis, TERMS);
    until("it has joined", || late.is_open() && late.is_ready()).await;
    assert!(late.sees(&name(3)).await.is_ok());
}

/// Two instances, and a session that one of them told.
async fn two_and_a_session(redis: &Redis) -> (One, One) {
    let (one, two) = (One::start(redis).await, One::start(redis).await);
    one.uses(&name(1));
    one.told().await;
    (one, two)
}

/// A Redis that was started from an old copy has the name it had: who wrote there since finds that it is gone, and all tell it
/// again what they hold; until then it is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_is_another_store() {
    let redis = Redis::start();
    let (one, two) = two_and_a_session(&redis).await;
    let named = || redis.cli(&["GET", "{curfew}:sessions:2:name"]);
    let before = named();
    // As of a minute ago: the session was not there, and every mark was older.
    let old = "for _, key in ipairs(redis.call('KEYS', '*:sessions:2:*')) do \
        if string.find(key, ':at%-') then redis.call('SET', key, redis.call('GET', key) - 60000) \
        elseif redis.call('TYPE', key).ok == 'hash' then redis.call('DEL', key) end end";
    redis.cli(&["EVAL", old, "0"]);
    assert!(two.sees(&name(1)).await.is_err(), "it is not new");
    until("it has another name", || named() != before).await;
    let late = One::start(&redis).await;
    for each in [&two, &late] {
        assert!(each.sees(&name(1)).await.unwrap().quiet >= 3_000, "told again by who knew of it");
    }
    let after = named();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(named() == after && one.is_open() && two.is_open(), "nobody names it again");
}

/// What waits for the end of its interval is owed to an emptied store as well, and told to it at once: it has settled soon.
#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_store_has_settled_soon() {
    let redis = Redis::start();
    let one = One::start(&redis).await;
    one.sessions.share(Some(Pace { interval: Duration::from_secs(60), strictest: Duration::from_secs(600) }));
    (0..50).for_each(|number| one.uses(&name(number)));
    one.told().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    (0..50).for_each(|number| one.uses(&name(number)));
    assert_eq!(one.sessions.waiting(), 50);
    let began = Instant::now();
    redis.cli(&["FLUSHALL"]);
    until("the loss is seen", || !redis.cli(&["GET", "{curfew}:sessions:2:name"]).trim().is_empty()).await;
    one.told().await;
    let late = One::start(&redis).await;
    assert!(began.elapsed() < 2 * SETTLE + Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(late.sees(&name(1)).await.unwrap().quiet >= ms(SETTLE));
}

/// Who starts while nobody else is there finds what may be an old copy, and nobody yet who would know. It is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn who_starts_alone_does_not_believe_a_copy() {
    let redis = Redis::start();
    let one = One::start(&redis).await;
    one.uses(&name(1));
    one.told().await;
    drop(one);
    // As of a minute ago.
    let old = "local late, by = string.match(redis.call('GET', KEYS[1]), '^(%d+) (%d+)$') \
        redis.call('SET', KEYS[1], string.format('%.0f %.0f', late - 60000, by - 60000), 'KEEPTTL')";
    tokio::time::sleep(Duration::from_millis(300)).await;
    redis.cli(&["EVAL", old, "1", "{curfew}:sessions:2:seen"]);
    let late = One::begin(&redis, TERMS);
    until("it has joined", || late.is_open()).await;
    assert!(!late.is_ready());
    assert_eq!(late.sees(&name(2)).await, Err(Unknown));
    until("it has settled", || late.is_ready()).await;
    assert!(late.sees(&name(2)).await.is_ok());
    // Who starts beside it need not wait.
    let next = One::begin(&redis, TERMS);
    until("it has joined", || next.is_open() && next.is_ready()).await;
    assert!(next.sees(&name(3)).await.is_ok());
}

/// Who was cut off for so long that its mark has expired finds the store that it knew: nobody has to tell everything again.
#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_expired_proves_nothing() {
    let redis = Redis::start();
    let (one, two) = two_and_a_session(&redis).await;
    let named = || redis.cli(&["GET", "{curfew}:sessions:2:name"]);
    let before = named();
    // It is three hours later there, and the marks are gone.
    let later = "for _, key in ipairs(redis.call('KEYS', '*:at-*')) do redis.call('DEL', key) end \
        local late, by = string.match(redis.call('GET', KEYS[1]), '^(%d+) (%d+)$') \
        redis.call('SET', KEYS[1], string.format('%.0f %.0f', late + 10800000, by), 'KEEPTTL')";
    redis.cli(&["EVAL", later, "1", "{curfew}:sessions:2:seen"]);
    let marks = || redis.cli(&["KEYS", "*:at-*"]).lines().filter(|key| !key.is_empty()).count();
    until("both have left their marks", || marks() == 2 && one.is_open() && two.is_open()).await;
    assert_eq!(named(), before);
    assert!(two.sees(&name(2)).await.is_ok(), "it need not settle");
}

/// Nobody could reach it for a while, and it has what it had: who looks left alone may have been used meanwhile, on one that
/// has still to join again. All else is believed.
#[tokio::test(flavor = "multi_thread")]
async fn a_silence_that_nobody_could_break_is_not_believed() {
    let redis = Redis::start();
    let (one, two) = (One::start(&redis).await, One::start(&redis).await);
    let strictest = Duration::from_secs(4);
    two.sessions.share(Some(Pace { strictest, ..PACE }));
    one.uses(&name(1));
    one.told().await;
    drop(one);
    tokio::time::sleep(strictest - Duration::from_millis(1_500)).await;
    redis.signal("STOP");
    let began = Instant::now();
    until("it is seen", || !two.is_open()).await;
    tokio::time::sleep(Duration::from_secs(2).saturating_sub(began.elapsed())).await;
    redis.signal("CONT");
    until("it has joined again", || two.is_open()).await;
    assert_eq!(two.sees(&name(1)).await, Err(Unknown));
    assert!(two.sees(&name(2)).await.is_ok());
    tokio::time::sleep(SETTLE).await;
    assert!(two.sees(&name(1)).await.unwrap().quiet > ms(strictest));
}

/// A panic in the task that shares is told, nobody is asked meanwhile, and it is begun again.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_closes_and_is_overcome() {
    let redis = Redis::start();
    let one = One::start(&redis).await;
    one.uses(&name(1));
    one.told().await;
    let before = deaths();
    one.fails();
    until("it died", || deaths() > before).await;
    let (mut closed, bound) = (!one.is_open(), Instant::now() + Duration::from_millis(500));
    while !closed && Instant::now() < bound {
        closed = !one.is_open();
    }
    assert!(closed);
    assert_eq!(one.sees(&name(2)).await, Err(Unknown));
    until("it has joined again", || one.is_open()).await;
    one.uses(&name(2));
    one.told().await;
    assert!(One::start(&redis).await.sees(&name(2)).await.unwrap().quiet < 3_000);
}

/// The clock of the store is set back by an hour: what was told before is as old as it was, for all. (It is not Redis's own
/// clock that is set here, but what it says of how late it was: an hour later than its clock is now.)
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_makes_nothing_younger() {
    const HOUR: i64 = 3_600_000;
    let redis = Redis::start();
    let one = One::start(&redis).await;
    let seen = || -> (i64, i64) {
        let seen = redis.cli(&["GET", "{curfew}:sessions:2:seen"]);
        let (late, by) = seen.trim().split_once(' ').unwrap();
        (late.parse().unwrap(), by.parse().unwrap())
    };
    let (late, by) = seen();
    assert!((late - by).abs() < 1_000, "{late} {by}");
    let ahead = format!("{} {}", late + HOUR, by + HOUR);
    redis.cli(&["SET", "{curfew}:sessions:2:seen", &ahead, "KEEPTTL"]);
    until("it is seen", || seen().0 - seen().1 > HOUR - 2_000).await;
    one.uses(&name(1));
    one.told().await;
    tokio::time::sleep(PACE.strictest / 2).await;
    // Nothing but what is written there tells others.
    let late = One::start(&redis).await;
    let quiet = late.sees(&name(1)).await.unwrap().quiet;
    assert!((1_000..3_000).contains(&quiet), "{quiet}");
}

/// Sessions are not looked for in any number of hashes.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_begun_for_much_shorter() {
    let redis = Redis::start();
    let minute = Terms { remember: Duration::from_secs(60), ..TERMS };
    let one = One::with(&redis, minute).await;
    let longer = One::begin(&redis, Terms { remember: Duration::from_secs(30 * 24 * 3600), ..TERMS });
    until("it was tried", || longer.is_ready()).await;
    assert!(!longer.is_open() && one.is_open());
    assert_eq!(longer.sees(&name(1)).await, Err(Unknown));
}
