//! A transmitter that is down, slow, or mad: nothing is lost, nobody else suffers, and it is told.

use crate::support::mint::{CORP, Mint};
use crate::support::wait::until;
use crate::transmitter::{Fault, Transmitter};
use crate::world::{Held, World};
use serde_json::json;
use std::time::{Duration, Instant};

const SETTINGS: &str = "      delivery: { poll: { url: \"{base}/poll\", interval: 100ms, wait: 0s } }
      max_staleness: 1500ms
      max_bytes: 256KiB
      timeout: 500ms";

#[test]
fn while_it_cannot_be_heard_nothing_is_fresh_and_then_nothing_is_lost() {
    let world = World::start(SETTINGS);
    for fault in
        [Fault::Status(503), Fault::Gone, Fault::Silent, Fault::Drip, Fault::Page, Fault::Huge, Fault::Status(401)]
    {
        let (held, other) = (Held::new(), Held::new());
        world.becomes(&other.token, "admitted");
        world.transmitter.ask(|desk| desk.fault = fault);
        world.transmitter.queue(&world.transmitter.event("caep/event-type/session-revoked", held.user(), json!({})));
        let stale = world.becomes(&other.token, "revocation_stale");
        world.transmitter.ask(|desk| desk.fault = Fault::None);
        let back = world.becomes(&held.token, "subject_revoked");
        println!("{fault:?}: stale after {stale:?}, back after {back:?}");
    }
    let rss = std::fs::read_to_string(format!("/proc/{}/status", world.gateway.pid)).unwrap();
    let rss: u64 = rss
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    assert!(rss < 256 * 1024, "{rss} kB");
    assert!(!world.gateway.log().contains("panicked"));
}

#[test]
fn more_without_end_is_asked_for_at_the_interval_only() {
    let world = World::start(SETTINGS);
    for fault in [Fault::Endless, Fault::Deaf] {
        let held = Held::new();
        world.transmitter.queue(&world.transmitter.event("caep/event-type/session-revoked", held.user(), json!({})));
        if fault == Fault::Deaf {
            world.becomes(&held.token, "subject_revoked");
        }
        let polls = |world: &World| world.transmitter.ask(|desk| (desk.fault = fault, desk.polls.len()).1);
        let (before, begun) = (polls(&world), Instant::now());
        std::thread::sleep(Duration::from_secs(1));
        let rate = (polls(&world) - before) as f64 / begun.elapsed().as_secs_f64();
        println!("{fault:?}: {rate:.1} polls a second");
        assert!(rate < 12.0, "{fault:?}: {rate}");
        world.transmitter.ask(|desk| desk.fault = Fault::None);
    }
}

#[test]
fn a_batch_beyond_what_was_asked_for_is_taken_in_parts() {
    let world = World::start(&SETTINGS.replace("wait: 0s", "wait: 0s, max_events: 20"));
    let held: Vec<Held> = (0..150).map(|_| Held::new()).collect();
    for one in &held {
        world.transmitter.queue(&world.transmitter.event("risc/event-type/account-disabled", one.user(), json!({})));
    }
    until("all of them", Duration::from_secs(20), || world.transmitter.ask(|desk| desk.queue.is_empty()).then_some(()));
    assert!(held.iter().all(|one| world.asks(&one.token) == "subject_revoked"));
}

#[test]
fn metadata_of_another_one_is_not_believed() {
    let transmitter = Transmitter::start(&Mint::get().partner);
    transmitter.ask(|desk| desk.lies = Some(CORP.into()));
    let world = World::start_unready(SETTINGS, transmitter);
    world.waits_because("of another one");
    // Keys of the issuer may come a moment later.
    world.becomes(&Held::new().token, "revocation_stale");
    world.transmitter.ask(|desk| desk.lies = None);
    world.gateway.wait_ready();
    assert_eq!(world.asks(&Held::new().token), "admitted");
}
