//! A user signs out at a real provider, and the tokens of that session are refused here (OpenID Connect Back-Channel
//! Logout 1.0).

use std::time::{Duration, Instant};

use crate::port;
use crate::world::World;
use crate::world::client::Protocol;
use crate::world::provider::part;
use crate::world::wait::bounded;

const PATH: &str = "/orders/1";
const LOGOUT: &str = "/.curfew/events/corp-logout";

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_there_is_signed_out_here() {
    bounded(60, async {
        // The provider does not know the certificate of the tests, so it is told in the clear, on this machine.
        let inside = port::free();
        let world = World::start_with(|config| {
            let listener =
                serde_json::json!({"name": "inside", "address": format!("127.0.0.1:{inside}"), "plaintext": true});
            config.value["listeners"].as_array_mut().unwrap().push(listener);
            config.value["revocation"]["sources"]["corp-logout"] =
                serde_json::json!({"kind": "backchannel_logout", "issuer": "corp", "client_ids": ["shop"]});
        })
        .await;
        world.provider.tell_logouts_to(&format!("http://127.0.0.1:{inside}{LOGOUT}"));
        let mut client = world.gateway.connect(Protocol::Http2).await;
        let (stays, other) = world.provider.sign_in();
        assert_eq!(client.get(PATH, &other).await.verdict(), (200, String::new()));
        let mut lags = Vec::new();
        for round in 1..=10 {
            let (user, token) = world.provider.sign_in();
            assert!(part(&token, 1)["sid"].is_string(), "the token names its session");
            assert_eq!(client.get(PATH, &token).await.verdict(), (200, String::new()));
            let began = Instant::now();
            let (told, failed) = world.provider.sign_out(user);
            assert_eq!((told, failed), (round, 0), "the provider is content with the answer");
            let answer = client.get(PATH, &token).await;
            lags.push(began.elapsed());
            assert_eq!(answer.verdict(), (401, "session_revoked".into()), "{answer:?}");
            assert_eq!(client.get(PATH, &other).await.status, 200, "another session of the same user");
        }
        lags.sort();
        println!("from the click on \"sign out\" to the refusal: median {:?}, most {:?}", lags[5], lags[9]);
        assert!(lags[9] < Duration::from_secs(1));
        let (told, failed) = world.provider.sign_out(stays);
        assert_eq!((told, failed), (11, 0));
        assert_eq!(client.get(PATH, &other).await.verdict(), (401, "session_revoked".into()));
    })
    .await;
}
