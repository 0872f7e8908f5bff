//! A session that was left alone here has ended, whatever newer tokens its provider gives without asking its user; only a
//! sign-in begins another.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use crate::world::World;
use crate::world::client::{Answer, Client, Protocol};
use crate::world::config::Config;
use crate::world::gateway::curfew;
use crate::world::process::stdout;
use crate::world::provider::{Held, part};
use crate::world::wait::bounded;

const IDLE: Duration = Duration::from_secs(3);
/// The gateway's clock and ours are one, and are read in whole milliseconds.
const ROUNDING: Duration = Duration::from_millis(2);
const STRICT: &str = "/strict/1";
const LAX: &str = "/lax/1";
const REASON: &str = "session_idle_timeout";

fn limits(config: &mut Config) {
    config.value["policies"]["strict"] = json!({ "scopes": ["orders.read"], "session": { "idle": "3s" } });
    config.value["policies"]["lax"] = json!({ "scopes": ["orders.read"], "session": { "idle": "1h" } });
    let routes = config.value["routes"].as_array_mut().unwrap();
    for name in ["strict", "lax"] {
        routes.push(json!({ "name": name, "path": format!("/{name}/**"), "policy": name, "upstream": "main" }));
    }
}

async fn good(client: &mut Client, path: &str, held: &Held) {
    assert_eq!(client.get(path, &held.access).await.verdict(), (200, String::new()));
}

/// Refused, and told what alone helps: to sign in now (RFC 9470 §3).
async fn bad(client: &mut Client, held: &Held) -> Answer {
    let answer = client.get(STRICT, &held.access).await;
    assert_eq!(answer.verdict(), (401, REASON.into()), "{answer:?}");
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    for part in ["Bearer realm=\"test\"", "error=\"insufficient_user_authentication\"", "max_age=\"0\""] {
        assert!(challenge.contains(part), "{part} is not in {challenge}");
    }
    answer
}

fn claim(held: &Held, name: &str) -> Value {
    part(&held.access, 1)[name].clone()
}

/// Newer tokens: the refresh token is another one, and the access token is younger, of the same sign-in.
fn refreshed(world: &World, held: &Held) -> Held {
    let newer = world.provider.refresh(held).unwrap();
    assert!(newer.refresh != held.refresh && newer.access != held.access, "nothing was rotated");
    let of = |held: &Held| (claim(held, "sid"), claim(held, "auth_time"), claim(held, "sub"));
    assert_eq!(of(&newer), of(held), "a refreshed token tells of the same sign-in");
    assert!(claim(&newer, "iat").as_i64() >= claim(held, "iat").as_i64());
    newer
}

/// What `curfew trace` tells of a refusal, from nothing but its answer.
fn traced(world: &World, answer: &Answer) {
    let (trace, admin) =
        (answer.json()["trace_id"].clone(), format!("http://127.0.0.1:{}", world.gateway.config.admin));
    let told = stdout(curfew().args(["trace", trace.as_str().unwrap(), "--json", "--admin", &admin]));
    let record = &serde_json::from_str::<Value>(&told).unwrap()[0];
    let questions = record["trail"]["questions"].as_array().unwrap().iter();
    let failed: Vec<_> = questions.filter(|question| question["outcome"] == "fail").collect();
    assert_eq!(failed.len(), 1, "{told}");
    println!("the trail: {}", failed[0]);
    assert!(told.contains(REASON) && failed[0]["distance_ms"].as_i64().unwrap().abs() < 60_000, "{told}");
}

/// `named`: its tokens name their session. Else it is known by its user, client and sign-in.
async fn left_alone(named: bool) {
    let world = World::start_with(limits).await;
    if named {
        // The provider names sessions to those who are to hear of their end.
        world.provider.tell_logouts_to("http://127.0.0.1:9/nobody");
    }
    let mut client = world.gateway.connect(Protocol::Http2).await;
    let mut held = world.provider.sign_in_to_stay(None);
    assert_eq!((claim(&held, "sid").is_string(), claim(&held, "auth_time").is_i64()), (named, true));

    // In use it lives for longer than it may be left alone.
    let began = Instant::now();
    while began.elapsed() < IDLE + Duration::from_secs(1) {
        held = refreshed(&world, &held);
        good(&mut client, STRICT, &held).await;
        sleep(Duration::from_millis(700)).await;
    }
    good(&mut client, STRICT, &held).await;
    let last = Instant::now();
    // At its provider it is not left alone: that shows an application, and no user.
    held = refreshed(&world, &held);
    sleep_until(last + IDLE + ROUNDING).await;

    let newer = refreshed(&world, &held);
    println!("{} ms after its last use, limit {IDLE:?}: refreshed", last.elapsed().as_millis());
    assert!(claim(&newer, "iat").as_i64() >= claim(&held, "iat").as_i64().map(|iat| iat + 2), "it is younger");
    traced(&world, &bad(&mut client, &newer).await);
    bad(&mut client, &held).await;
    let newest = refreshed(&world, &newer);
    bad(&mut client, &newest).await;
    // What it may do elsewhere revives it nowhere.
    good(&mut client, LAX, &newest).await;
    bad(&mut client, &newest).await;

    let again = world.provider.sign_in_to_stay(Some(held.user));
    assert_eq!(claim(&again, "sid"), claim(&held, "sid"), "the provider knows this browser's session by the same name");
    assert!(claim(&again, "auth_time").as_i64() > claim(&held, "auth_time").as_i64());
    good(&mut client, STRICT, &again).await;
    let last_of_old = refreshed(&world, &newest);
    bad(&mut client, &last_of_old).await;
    good(&mut client, STRICT, &refreshed(&world, &again)).await;

    let other = world.provider.sign_in_to_stay(None);
    assert_eq!(claim(&other, "sid") != claim(&again, "sid"), named);
    good(&mut client, STRICT, &other).await;
    bad(&mut client, &last_of_old).await;

    // The provider does rotate: what was used once is of no use again (RFC 9700 §4.14.2).
    assert_eq!(world.provider.refresh(&held).err().as_deref(), Some("invalid_grant"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refreshed_token_revives_no_session() {
    bounded(60, left_alone(true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_one_that_has_no_name() {
    bounded(60, left_alone(false)).await;
}
