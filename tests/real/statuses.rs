//! Tokens of a real provider that name a status list, which a package that others wrote has made.

use std::time::{Duration, Instant};

use crate::world::World;
use crate::world::client::Protocol;
use crate::world::wait::bounded;

const PATH: &str = "/orders/1";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_list_says_is_enforced() {
    bounded(60, async {
        let world = World::start_with(|config| {
            let issuer = config.value["issuers"]["corp"]["issuer"].as_str().unwrap().to_owned();
            config.value["revocation"]["sources"]["statuses"] = serde_json::json!({
                "kind": "status_list", "issuer": "corp", "lists": [format!("{issuer}/status/1")],
                "min_refresh": "1s", "allow_http": true, "allow_private_network": true, "accept": [3],
            });
        })
        .await;
        let mut client = world.gateway.connect(Protocol::Http2).await;
        let unlisted = world.provider.token("es256", 300);
        world.provider.list_at(77_777);
        let token = world.provider.token("es256", 300);
        world.provider.list_at(100_000);
        let beyond = world.provider.token("es256", 300);
        assert_eq!(client.get(PATH, &unlisted).await.verdict(), (200, String::new()));
        assert_eq!(client.get(PATH, &token).await.verdict(), (200, String::new()));
        assert_eq!(client.get(PATH, &beyond).await.verdict(), (401, "status_invalid".into()));
        let mut lags = Vec::new();
        for (value, wanted) in [
            (1, (401, "token_revoked".to_owned())),
            (0, (200, String::new())),
            (2, (401, "status_suspended".to_owned())),
            (3, (200, String::new())),
        ] {
            world.provider.set_status(77_777, value);
            let began = Instant::now();
            while client.get(PATH, &token).await.verdict() != wanted {
                assert!(began.elapsed() < Duration::from_secs(10), "{value}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            lags.push(began.elapsed());
        }
        lags.sort();
        println!("from the list to the line, with a ttl of 1s: {lags:?}");
        assert_eq!(client.get(PATH, &unlisted).await.status, 200);
    })
    .await;
}
