//! What the others told is kept here too: over the end of who was told, an empty Redis, and a restart.

use crate::instance::until;
use crate::processes::One;
use crate::redis::Redis;
use crate::support::mint::{Mint, unique};
use crate::support::upstream::Upstream;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_outlives_who_was_told() {
    let (dir, mut redis, upstream) = (tempfile::tempdir().unwrap(), Redis::start(), Upstream::start());
    // Without Redis it is to serve with what it knows.
    let fleet = json!({"redis": {"urls": [redis.url()], "timeout": "500ms"}, "max_staleness": "off"});
    let start =
        |name: &str| One::with(dir.path(), name, &fleet, Some(&dir.path().join(format!("{name}-state"))), &upstream);
    let (one, other) = (start("one"), start("other"));
    let sid = unique("sid");
    let session = Mint::get().ec.token().claim("sid", sid.clone()).sign();
    let of = |sub: &str| Mint::get().ec.token().claim("sub", sub).sign();
    let passes = |gateway: &One, token: &str| gateway.asks(token).0 == 200;
    assert!(passes(&one, &session) && passes(&other, &session));

    assert_eq!(one.ends(&sid), 200);
    one.enters("/revocations", &["alice", "bob"]);
    until("it came to the other", || ["alice", "bob"].iter().all(|sub| !passes(&other, &of(sub)))).await;
    // Each takes back what was entered at the other.
    other.enters("/revocations", &["carol"]);
    until("it came to the one", || !passes(&one, &of("carol"))).await;
    other.enters("/revocations/lift", &["bob"]);
    one.enters("/revocations/lift", &["carol"]);
    until("it is taken back", || passes(&one, &of("bob")) && passes(&other, &of("carol"))).await;
    // Once this is answered, all that came before it is on the disk.
    other.enters("/revocations", &["last"]);
    assert!(!passes(&other, &session));

    // The one is gone for good, and Redis with it; the other is killed.
    drop((one, other));
    std::fs::remove_dir_all(dir.path().join("one-state")).unwrap();
    redis.kill();
    let other = start("other");
    let holds = |gateway: &One| {
        let refused = !passes(gateway, &session) && !passes(gateway, &of("alice"));
        refused && passes(gateway, &of("bob")) && passes(gateway, &of("carol"))
    };
    assert!(holds(&other));
    assert_eq!(other.metric("curfew_fleet_connected"), Some(0.0));
    assert!(other.asks(&session).1.contains("session_revoked"));

    // An empty Redis is told of it, and who is new hears it.
    redis.again();
    until("it joins", || other.metric("curfew_fleet_connected") == Some(1.0)).await;
    let new = start("new");
    until("the new one knows it", || holds(&new)).await;
    // What is read once more is not written down once more.
    let before = new.metric("curfew_revocation_journal_records_total").unwrap_or(0.0);
    new.enters("/revocations", &["dave"]);
    redis.cli(&["FLUSHALL"]);
    until("all was told again", || new.metric("curfew_fleet_reseeds_total").is_some_and(|times| times >= 2.0)).await;
    until("it is heard", || !passes(&other, &of("dave"))).await;
    let after = new.metric("curfew_revocation_journal_records_total").unwrap_or(0.0);
    assert!(after - before <= 2.0, "{before} {after}");
}
