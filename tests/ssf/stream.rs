//! The stream at the transmitter: created or adopted, verified, watched.

use crate::support::mint::{Mint, now, unique};
use crate::support::wait::until;
use crate::transmitter::{OURS, Transmitter};
use crate::world::{Held, World};
use serde_json::json;
use std::time::{Duration, Instant};

const PUSHED: &str = "      delivery: { push: { authorization: {secret}, url: \"{door}\" } }
      stream: { verify_interval: 1s, status_interval: 1s }
      max_staleness: 3s
      timeout: 1s";
const POLLED: &str = "      delivery: { poll: { interval: 100ms, wait: 0s } }
      stream: { verify_interval: off, status_interval: 1s }
      max_staleness: 2s
      timeout: 1s";

#[test]
fn a_pushed_stream_is_created_and_as_fresh_as_its_last_verification() {
    let world = World::start(PUSHED);
    let stream = world.transmitter.ask(|desk| desk.streams.clone());
    assert_eq!(stream.len(), 1);
    assert_eq!(stream[0]["delivery"]["method"], "urn:ietf:rfc:8935");
    assert_eq!(stream[0]["delivery"]["authorization_header"], "Bearer agreed-on");
    assert!(stream[0]["events_requested"].as_array().unwrap().len() > 10);
    let held = Held::new();
    let event = world.transmitter.event("caep/event-type/session-revoked", held.user(), json!({}));
    assert_eq!(world.asks(&held.token), "admitted");
    assert_eq!(world.push(&event.sign()).status, 202);
    assert_eq!(world.asks(&held.token), "subject_revoked");
    // 204 to the request proves nothing: the event must come, with the state.
    let other = Held::new();
    world.transmitter.ask(|desk| desk.mute = true);
    println!("stale {:?} after the transmitter fell silent", world.becomes(&other.token, "revocation_stale"));
    world.transmitter.ask(|desk| desk.mute = false);
    println!("fresh {:?} after it spoke again", world.becomes(&other.token, "admitted"));
    world.transmitter.ask(|desk| desk.wrong_state = true);
    world.becomes(&other.token, "revocation_stale");
    let before = world.counted("refused");
    assert!(before > 0, "a state that nobody asked with is refused");
    world.transmitter.ask(|desk| desk.wrong_state = false);
    world.becomes(&other.token, "admitted");
}

#[test]
fn a_stream_that_is_paused_or_disabled_is_not_fresh_from_that_instant() {
    let world = World::start(PUSHED);
    let held = Held::new();
    let updated = |status: &str| {
        let id = world.transmitter.ask(|desk| desk.streams[0]["stream_id"].clone());
        let subject = json!({"format": "opaque", "id": id});
        world.transmitter.ask(|desk| desk.status = status.into());
        let event =
            world.transmitter.event("ssf/event-type/stream-updated", subject, json!({"status": status, "reason": "x"}));
        assert_eq!(world.push(&event.sign()).status, 202);
    };
    for status in ["paused", "disabled"] {
        assert_eq!(world.asks(&held.token), "admitted");
        updated(status);
        assert_eq!(world.asks(&held.token), "revocation_stale", "{status}");
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(world.asks(&held.token), "revocation_stale", "{status}, though verified");
        updated("enabled");
        world.becomes(&held.token, "admitted");
    }
    assert!(world.gateway.log().contains("events may have been lost"));
    // Nobody told us, and its status says so all the same.
    world.transmitter.ask(|desk| desk.status = "paused".into());
    world.becomes(&held.token, "revocation_stale");
}

/// What a disabled stream did not tell is lost, though it was paused before it was enabled.
#[test]
fn a_stream_that_was_disabled_and_then_paused_has_a_gap() {
    let world = World::start(&format!("{PUSHED}\n      on_gap: cut"));
    // Its own stream is new here, which is a gap too.
    std::thread::sleep(Duration::from_millis(1100));
    let held = Held::issued(now());
    world.becomes(&held.token, "admitted");
    for status in ["disabled", "paused", "enabled"] {
        let id = world.transmitter.ask(|desk| {
            desk.status = status.into();
            desk.streams[0]["stream_id"].clone()
        });
        let subject = json!({"format": "opaque", "id": id});
        let event = world.transmitter.event("ssf/event-type/stream-updated", subject, json!({"status": status}));
        assert_eq!(world.push(&event.sign()).status, 202, "{status}");
    }
    world.becomes(&held.token, "issued_before_cutoff");
}

#[test]
fn a_polled_stream_is_created_and_a_restart_adopts_it() {
    let world = World::start(POLLED);
    let held = Held::new();
    world.transmitter.queue(&world.transmitter.event("caep/event-type/session-revoked", held.user(), json!({})));
    world.becomes(&held.token, "subject_revoked");
    let World { transmitter, gateway, .. } = world;
    drop(gateway);
    let world = World::start_unready(POLLED, transmitter);
    world.gateway.wait_ready();
    let requests = world.transmitter.ask(|desk| desk.requests.clone());
    assert_eq!(requests.iter().filter(|request| *request == "POST /streams").count(), 1, "{requests:?}");
    // Deleted at the transmitter: a new one is made, and meanwhile nothing is believed to be fresh.
    world.transmitter.ask(|desk| desk.streams.clear());
    until("a new stream", Duration::from_secs(10), || {
        world.transmitter.ask(|desk| !desk.streams.is_empty()).then_some(())
    });
    world.becomes(&Held::new().token, "admitted");
}

/// A transmitter that makes streams and forgets them is not asked for them without a pause.
#[test]
fn a_stream_that_is_gone_as_soon_as_it_is_there_is_not_asked_for_at_once() {
    let world = World::start(POLLED);
    let asked = || {
        let requests = world.transmitter.ask(|desk| desk.requests.clone());
        requests.iter().filter(|request| request.contains(" /streams")).count()
    };
    let (before, begun) = (asked(), Instant::now());
    world.transmitter.ask(|desk| desk.forgetful = true);
    until("it is looked for again", Duration::from_secs(20), || (asked() >= before + 3).then_some(()));
    assert!(begun.elapsed() > Duration::from_millis(2500), "{:?}", begun.elapsed());
    world.transmitter.ask(|desk| desk.forgetful = false);
    world.becomes(&Held::new().token, "admitted");
}

/// Keycloak has one stream for a client, and answers a second one 409.
#[test]
fn a_conflict_is_adopted_and_a_gap_may_cut() {
    let transmitter = Transmitter::start(&Mint::get().partner);
    let held = Held::new();
    transmitter.ask(|desk| {
        desk.conflict = true;
        desk.streams.push(
            json!({"stream_id": unique("stream"), "iss": desk.issuer, "aud": OURS, "description": "by hand",
            "delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://elsewhere.example/"},
            "events_requested": []}),
        );
    });
    let world = World::start_unready(&format!("{POLLED}\n      on_gap: cut"), transmitter);
    world.gateway.wait_ready();
    let stream = world.transmitter.ask(|desk| desk.streams.clone());
    assert_eq!(stream[0]["delivery"]["method"], "urn:ietf:rfc:8936", "{stream:?}");
    assert_eq!(world.asks(&held.token), "admitted");
    world.transmitter.ask(|desk| desk.status = "disabled".into());
    world.becomes(&held.token, "revocation_stale");
    world.transmitter.ask(|desk| desk.status = "enabled".into());
    world.becomes(&held.token, "issued_before_cutoff");
}

#[test]
fn a_transmitter_that_sends_nothing_is_not_believed_to_be_alive() {
    let transmitter = Transmitter::start(&Mint::get().partner);
    transmitter.ask(|desk| desk.default_subjects = "NONE");
    let world = World::start_unready(POLLED, transmitter);
    world.waits_because("subjects_added");
    world.transmitter.ask(|desk| desk.default_subjects = "ALL");
}
