//! Events that are asked for (RFC 8936).

use crate::support::mint::{CORP, now};
use crate::support::wait::until;
use crate::world::{Held, World};
use serde_json::json;
use std::time::{Duration, Instant};

const SETTINGS: &str = "      delivery: { poll: { url: \"{base}/poll\", interval: 100ms, wait: 0s, max_events: 50 } }
      auth: { value: {secret} }
      timeout: 1s";

#[test]
fn what_is_polled_is_enforced_and_then_acknowledged() {
    let world = World::start(SETTINGS);
    let held: Vec<Held> = (0..120).map(|_| Held::new()).collect();
    let begun = Instant::now();
    let mut names: Vec<String> = held
        .iter()
        .map(|one| {
            world.transmitter.queue(&world.transmitter.event(
                "caep/event-type/session-revoked",
                one.session(),
                json!({}),
            ))
        })
        .collect();
    until("all acknowledged", Duration::from_secs(10), || {
        world.transmitter.ask(|desk| desk.queue.is_empty()).then_some(())
    });
    println!("120 events queued one by one, polled by 50, enforced and acknowledged in {:?}", begun.elapsed());
    let mut acked = world.transmitter.ask(|desk| desk.acked.clone());
    names.sort();
    acked.sort();
    assert_eq!(names, acked);
    assert!(held.iter().all(|one| world.asks(&one.token) == "session_revoked"));
    assert_eq!(world.counted("enforced"), 120);
    let most = world.transmitter.ask(|desk| desk.polls.iter().map(|poll| poll["maxEvents"].as_u64().unwrap()).max());
    assert_eq!(most, Some(50));
}

#[test]
fn bad_ones_are_told_and_hide_nothing() {
    let world = World::start(SETTINGS);
    let (held, hidden) = (Held::new(), Held::new());
    let good = || world.transmitter.event("caep/event-type/session-revoked", held.session(), json!({}));
    let bad = [
        (world.transmitter.queue(&good().claim("iss", CORP)), "invalid_issuer"),
        (world.transmitter.queue(&good().claim("aud", "x")), "invalid_audience"),
        (world.transmitter.queue(&good().claim("exp", now())), "invalid_request"),
        (world.transmitter.queue(&good().head("kid", "nobody-1")), "invalid_key"),
    ];
    let other = world.transmitter.event("caep/event-type/session-revoked", hidden.session(), json!({}));
    world.transmitter.ask(|desk| desk.queue.insert("another-name".into(), other.sign()));
    world.transmitter.queue(&good());
    world.becomes(&held.token, "session_revoked");
    until("told", Duration::from_secs(5), || world.transmitter.ask(|desk| desk.errors.len() == 5).then_some(()));
    let errors = world.transmitter.ask(|desk| desk.errors.clone());
    for (jti, error) in bad {
        assert_eq!(errors[&jti]["err"], error, "{errors:?}");
    }
    assert_eq!(errors["another-name"]["err"], "invalid_request");
    world.becomes(&hidden.token, "admitted");
}

#[test]
fn a_long_poll_brings_an_event_at_once() {
    let world = World::start(
        "      delivery: { poll: { url: \"{base}/poll\", interval: 100ms, wait: 1s } }
      timeout: 1s",
    );
    let mut lags = Vec::new();
    for _ in 0..5 {
        let held = Held::new();
        assert_eq!(world.asks(&held.token), "admitted");
        let begun = Instant::now();
        world.transmitter.queue(&world.transmitter.event("caep/event-type/session-revoked", held.user(), json!({})));
        world.becomes(&held.token, "subject_revoked");
        lags.push(begun.elapsed());
    }
    println!("from the queue to the refusal: {lags:?}");
    assert!(lags.iter().all(|lag| *lag < Duration::from_secs(1)), "{lags:?}");
    assert!(world.transmitter.ask(|desk| desk.polls.iter().all(|poll| poll["returnImmediately"] == json!(false))));
}
