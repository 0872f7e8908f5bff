//! A real provider is asked whether its tokens are active (RFC 7662), and says so with a signature where it is to (RFC
//! 9701); it revokes one, its feed goes, it dies.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::World;
use crate::world::client::{Client, Protocol};
use crate::world::wait::{PATIENCE, bounded, until};

const ALWAYS: &str = "/orders/1";
const STALE: &str = "/stale/1";
const INTROSPECTION: &str = "/token/introspection";

/// `/orders` asks always, `/stale` while the file with the revocations cannot be read.
async fn world(signed: bool, revoked: &Path) -> World {
    std::fs::write(revoked, "").unwrap();
    World::start_with(|config| {
        let secret = config.file.with_file_name("secret");
        std::fs::write(&secret, "not-a-secret-of-anyone").unwrap();
        let client = json!({"client_id": "gateway", "client_secret": {"file": secret}});
        config.value["issuers"]["corp"]["introspection"] = json!({
            "auth": {"client_secret_basic": client}, "signed": signed, "active_for": "0s", "inactive_for": "0s",
            "timeout": "5s", "max_failures": 2, "pause": "200ms",
        });
        config.value["revocation"]["sources"]["list"] =
            json!({"kind": "file", "issuer": "corp", "path": revoked, "format": "ids", "max_staleness": "3s"});
        config.value["policies"]["standard"]["revocation"] = json!({"introspection": "always"});
        config.value["policies"]["stale"] =
            json!({"scopes": ["orders.read"], "revocation": {"introspection": "when_stale"}});
        let route = json!({"name": "stale", "path": "/stale/**", "policy": "stale", "upstream": "main"});
        config.value["routes"].as_array_mut().unwrap().push(route);
    })
    .await
}

async fn says(client: &mut Client, path: &str, token: &str) -> (u16, String) {
    client.get(path, token).await.verdict()
}

fn refused(status: u16, reason: &str) -> (u16, String) {
    (status, reason.to_owned())
}

async fn revoked_there_is_refused_here(signed: bool) {
    let directory = tempfile::tempdir().unwrap();
    let world = world(signed, &directory.path().join("revoked.txt")).await;
    let mut client = world.gateway.connect(Protocol::Http2).await;
    let (token, other) = (world.provider.token("es256", 300), world.provider.token("rs256", 300));
    for token in [&token, &other] {
        assert_eq!(says(&mut client, ALWAYS, token).await, (200, String::new()));
    }
    world.provider.revoke(&token);
    let began = Instant::now();
    assert_eq!(says(&mut client, ALWAYS, &token).await, refused(401, "introspection_inactive"));
    println!("signed: {signed}; one question and its answer: {:?}", began.elapsed());
    assert_eq!(says(&mut client, ALWAYS, &other).await, (200, String::new()));
    assert_eq!(says(&mut client, STALE, &token).await, (200, String::new()), "nobody is asked there");
    assert_eq!(world.provider.hits(INTROSPECTION), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_there_is_refused_by_the_next_question() {
    bounded(60, revoked_there_is_refused_here(false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_answers_say_the_same() {
    bounded(60, revoked_there_is_refused_here(true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_feed_the_provider_is_asked_and_without_the_provider_nobody_is_sent_to_sign_in() {
    bounded(90, async {
        let directory = tempfile::tempdir().unwrap();
        let list = directory.path().join("revoked.txt");
        let mut world = world(false, &list).await;
        let mut client = world.gateway.connect(Protocol::Http2).await;
        let (good, bad) = (world.provider.token("es256", 300), world.provider.token("es256", 300));
        world.provider.revoke(&bad);
        assert_eq!(says(&mut client, STALE, &bad).await, (200, String::new()), "the feed is there, and says nothing");
        assert_eq!(world.provider.hits(INTROSPECTION), 0);
        std::fs::remove_file(&list).unwrap();
        let (started, mut last) = (Instant::now(), (0, String::new()));
        while last != refused(401, "introspection_inactive") {
            assert!(started.elapsed() < Duration::from_secs(20), "{last:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
            last = says(&mut client, STALE, &bad).await;
        }
        assert_eq!(says(&mut client, STALE, &good).await, (200, String::new()));
        // While the feed is stale, `always` does not help where `on_stale` says `deny`.
        assert_eq!(says(&mut client, ALWAYS, &good).await, refused(503, "revocation_stale"));
        world.provider.kill();
        for _ in 0..4 {
            let answer = client.get(STALE, &good).await;
            assert_eq!(answer.verdict(), refused(503, "introspection_unavailable"));
            assert!(answer.headers.contains_key("retry-after") && !answer.headers.contains_key("www-authenticate"));
        }
        assert_eq!(world.gateway.metric("curfew_introspection_paused", &["corp"]).await, 1.0);
        // It comes back without its memory: what it does not know any more is not active.
        world.provider.restart();
        let fresh = world.provider.token("es256", 300);
        let client = tokio::sync::Mutex::new(client);
        until("it is asked again", PATIENCE, async || {
            let answer = says(&mut *client.lock().await, STALE, &fresh).await;
            (answer.0 == 200).then_some(())
        })
        .await;
        assert_eq!(says(&mut *client.lock().await, STALE, &good).await, refused(401, "introspection_inactive"));
    })
    .await;
}
