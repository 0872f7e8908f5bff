//! From the instant at which it happens to the refusal of the next request: each feed ten times, printed. Those that have a
//! real counterpart are measured with it, in `real/`, `ssf/` and `fleet/`.

use crate::global::{about, command, send};
use crate::keycloak::action;
use crate::support::mint::{Mint, PARTNER};
use crate::support::wait::until;
use crate::world::{World, access};
use serde_json::json;
use std::time::{Duration, Instant};

const SOURCES: &str = r#"
    polled: { kind: poll, issuer: corp, url: "PROVIDER/feed", interval: 100ms, allow_http: true, allow_private_network: true }
    watched: { kind: file, issuer: corp, path: DIR/revoked.ndjson, format: ndjson }
"#;

/// Seconds since 1970, to the millisecond.
fn instant() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as f64 / 1e3
}

/// Makes it happen ten times; asks until it is refused for this reason.
fn measure(world: &World, feed: &str, reason: &str, mut happen: impl FnMut() -> String) {
    let mut lags: Vec<Duration> = (0..10)
        .map(|_| {
            let began = Instant::now();
            let token = happen();
            until(feed, Duration::from_secs(10), || {
                let said = world.asks(&token);
                assert!(said == "admitted" || said == reason, "{feed}: {said}");
                (said == reason).then_some(())
            });
            began.elapsed()
        })
        .collect();
    lags.sort();
    let ms = |at: usize| lags[at].as_secs_f64() * 1e3;
    println!("{feed:24} {reason:22} median {:6.1} ms, most {:6.1} ms", ms(5), ms(9));
    assert!(lags[9] < Duration::from_secs(2), "{feed}: {lags:?}");
}

#[test]
fn each_feed_is_enforced_within_its_time() {
    let (mint, world) = (Mint::get(), World::start_with(SOURCES));
    let subject = |sub: &str| json!({"type": "subject", "id": sub, "at": instant()});
    let mut entries = Vec::new();
    measure(&world, "poll, each 100 ms", "subject_revoked", || {
        let (token, _, sub) = access(mint.ec.token());
        entries.push(subject(&sub));
        world.provider.put("/feed", json!({"complete": true, "entries": entries}).to_string());
        token
    });
    let mut lines = String::new();
    measure(&world, "file", "subject_revoked", || {
        let (token, _, sub) = access(mint.ec.token());
        lines += &format!("{}\n", subject(&sub));
        std::fs::write(world.dir.path().join("revoked.ndjson"), &lines).unwrap();
        token
    });
    measure(&world, "keycloak_not_before", "session_revoked", || {
        let (token, sid, _) = access(mint.ec.token());
        let told = action(&mint.ec, "LOGOUT", json!({"adapterSessionIds": [sid], "keycloakSessionIds": [sid]}));
        assert_eq!(world.post("/.curfew/events/client/k_logout", "text/plain", &told.sign()).status, 204);
        token
    });
    measure(&world, "global_token_revocation", "subject_revoked", || {
        let (token, _, sub) = access(mint.partner.token().claim("iss", PARTNER));
        let answer = send(&world, "/.curfew/events/commands", &command(&mint.partner).sign(), &about(&sub));
        assert_eq!(answer.status, 204);
        token
    });
    for source in ["polled", "watched"] {
        let counted = format!("curfew_revocation_apply_lag_seconds_count{{source=\"{source}\"}} 10");
        let (_, metrics) = world.gateway.admin("/metrics");
        assert!(metrics.contains(&counted), "{counted}: {metrics}");
    }
}
