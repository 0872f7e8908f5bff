//! Tokens of a real provider: they pass, and stop passing when they should, whatever the provider goes through.

use std::time::{Duration, Instant};

use crate::world::World;
use crate::world::client::{Answer, Client, Protocol};
use crate::world::provider::{expiry, part};
use crate::world::wait::{PATIENCE, bounded, now, until};

const PATH: &str = "/orders/1";

async fn until_refused(client: &mut Client, token: &str, reason: &str) -> Answer {
    let client = tokio::sync::Mutex::new(client);
    until(reason, PATIENCE, async || {
        let answer = client.lock().await.get(PATH, token).await;
        (answer.status != 200).then_some(answer)
    })
    .await
}

/// Each signature algorithm of the provider passes, over both protocols; what reaches the upstream is the caller's
/// identity without the token.
#[tokio::test(flavor = "multi_thread")]
async fn real_tokens_pass() {
    bounded(60, async {
        let world = World::start().await;
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let mut client = world.gateway.connect(protocol).await;
            for (alg, name) in [("rs256", "RS256"), ("es256", "ES256"), ("eddsa", "EdDSA")] {
                let token = world.provider.token(alg, 60);
                assert_eq!(part(&token, 0)["alg"], name);
                let answer = client.get(PATH, &token).await;
                assert_eq!(answer.verdict(), (200, String::new()), "{alg} {protocol:?}: {answer:?}");
                let told = answer.json();
                assert_eq!(told["headers"]["curfew-subject"], "worker", "{told}");
                assert!(told["headers"].get("authorization").is_none(), "the token reached the upstream: {told}");
            }
        }
        assert_eq!(world.provider.hits("/token"), 6);
        assert!(world.provider.hits("/jwks") <= 2, "the provider is not asked per request");
    })
    .await;
}

/// With no leeway, a token passes up to its last moment and not one later: each answer is compared with the clock.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_stop_when_they_expire() {
    bounded(60, async {
        let world = World::start().await;
        let mut client = world.gateway.connect(Protocol::Http2).await;
        for alg in ["rs256", "es256"] {
            let token = world.provider.token(alg, 3);
            let end = expiry(&token);
            let (mut passed, mut last_pass, mut refusals) = (0, 0.0, 0);
            while refusals < 5 {
                let began = now();
                let answer = client.get(PATH, &token).await;
                let ended = now();
                if answer.status == 200 {
                    assert!(began < end, "admitted {} s after its end", began - end);
                    (passed, last_pass) = (passed + 1, ended);
                } else {
                    assert_eq!(answer.verdict(), (401, "token_expired".into()), "{answer:?}");
                    assert!(ended >= end, "refused {} s before its end", end - ended);
                    let challenge = answer.headers["www-authenticate"].to_str().unwrap().to_owned();
                    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
                    refusals += 1;
                }
            }
            println!("{alg}: {passed} passes, the last {:.1} ms before its end", (end - last_pass) * 1000.0);
            assert!(passed > 0, "never admitted");
        }
    })
    .await;
}

/// A token for another resource of the same provider is refused as what it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_resource_is_refused() {
    bounded(30, async {
        let world = World::start().await;
        let mut client = world.gateway.connect(Protocol::Http1).await;
        let token = world.provider.token_for("https://other.test", "rs256", 60);
        assert_eq!(client.get(PATH, &token).await.verdict(), (401, "audience_mismatch".into()));
        assert_eq!(world.upstream.seen(), 0, "the upstream saw a refused request");
    })
    .await;
}

/// Rotation: a token of a new key passes at its first sight, old ones go on; when the old key is no longer
/// published, its tokens stop with the next fetch.
#[tokio::test(flavor = "multi_thread")]
async fn rotated_keys_are_found_and_removed_ones_forgotten() {
    bounded(60, async {
        let world = World::start_with(|config| config.value["issuers"]["corp"]["refresh"] = "2s".into()).await;
        let mut client = world.gateway.connect(Protocol::Http2).await;
        let old = world.provider.token("es256", 300);
        assert_eq!(client.get(PATH, &old).await.status, 200);

        world.provider.rotate();
        let new = world.provider.token("es256", 300);
        assert_ne!(part(&old, 0)["kid"], part(&new, 0)["kid"]);
        let began = Instant::now();
        assert_eq!(client.get(PATH, &new).await.verdict(), (200, String::new()), "the new key is fetched on demand");
        println!("a token of a key never seen passed after {:?}", began.elapsed());
        assert_eq!(client.get(PATH, &old).await.status, 200, "the old key is still published");

        world.provider.retire();
        let began = Instant::now();
        let answer = until_refused(&mut client, &old, "the key is gone").await;
        assert_eq!(answer.verdict(), (401, "key_unknown".into()));
        println!("a token of a removed key was refused after {:?}", began.elapsed());
        assert_eq!(client.get(PATH, &new).await.status, 200);
    })
    .await;
}

/// Many requests with keys never seen cause one fetch within the cool-down, not one each.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_do_not_storm_the_provider() {
    bounded(60, async {
        let world = World::start_with(|config| {
            config.value["issuers"]["corp"]["unknown_key_cooldown"] = "30s".into();
        })
        .await;
        let before = world.provider.hits("/jwks");
        let mut strange = Vec::new();
        for _ in 0..5 {
            world.provider.replace();
            strange.push(world.provider.token("eddsa", 300));
        }
        let newest = strange.pop().unwrap();
        let mut client = world.gateway.connect(Protocol::Http2).await;
        assert_eq!(client.get(PATH, &newest).await.status, 200);
        for token in strange.iter().cycle().take(40) {
            assert_eq!(client.get(PATH, token).await.verdict(), (401, "key_unknown".into()));
        }
        let fetches = world.provider.hits("/jwks") - before;
        assert_eq!(fetches, 1, "41 requests with 5 unknown keys");
    })
    .await;
}

/// The provider dies: its tokens go on passing, an unknown key is refused quickly; it comes back: the key is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_provider_costs_only_what_it_must() {
    bounded(90, async {
        let mut world = World::start_with(|config| config.value["issuers"]["corp"]["refresh"] = "1s".into()).await;
        let mut client = world.gateway.connect(Protocol::Http2).await;
        let token = world.provider.token("rs256", 300);
        world.provider.kill();
        // Longer than several refreshes: each of them fails, and no request is told.
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(4) {
            assert_eq!(client.get(PATH, &token).await.verdict(), (200, String::new()));
        }
        assert_eq!(world.gateway.ask_admin("/readyz").await.map(|(status, _)| status), Some(200));

        world.provider.restart();
        world.provider.replace();
        let unknown = world.provider.token("rs256", 300);
        world.provider.kill();
        // The gateway may have fetched the new keys in between; then the token simply passes.
        let began = Instant::now();
        let answer = client.get(PATH, &unknown).await;
        let took = began.elapsed();
        println!("provider dead, new key: {:?} after {took:?}", answer.verdict());
        assert!(took < Duration::from_millis(2500), "{took:?}");
        if answer.status != 200 {
            assert_eq!(answer.verdict(), (401, "key_unknown".into()));
        }

        world.provider.restart();
        let client = tokio::sync::Mutex::new(client);
        until("the new key is found", PATIENCE, async || {
            (client.lock().await.get(PATH, &unknown).await.status == 200).then_some(())
        })
        .await;
    })
    .await;
}

/// Keys older than `max_stale` are used no longer: then nothing can be told, which is a 503, and it heals by itself.
#[tokio::test(flavor = "multi_thread")]
async fn keys_too_stale_are_not_used() {
    bounded(90, async {
        let mut world = World::start_with(|config| {
            config.value["issuers"]["corp"]["refresh"] = "1s".into();
            config.value["issuers"]["corp"]["max_stale"] = "4s".into();
        })
        .await;
        let mut client = world.gateway.connect(Protocol::Http1).await;
        let token = world.provider.token("es256", 300);
        assert_eq!(client.get(PATH, &token).await.status, 200);
        world.provider.kill();
        let began = Instant::now();
        let answer = until_refused(&mut client, &token, "the keys are too stale").await;
        println!("refused {:?} after the provider died", began.elapsed());
        assert_eq!(answer.verdict(), (503, "key_unavailable".into()));
        assert!(began.elapsed() > Duration::from_millis(2500), "too early: {:?}", began.elapsed());
        world.provider.restart();
        let client = tokio::sync::Mutex::new(client);
        until("it heals", PATIENCE, async || (client.lock().await.get(PATH, &token).await.status == 200).then_some(()))
            .await;
    })
    .await;
}
