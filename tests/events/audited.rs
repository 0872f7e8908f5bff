//! What sources tell stands in the audit log: who told it, about whom by a hash, and whether it holds. However much comes
//! at once, it is a few lines.

use crate::backchannel::logout;
use crate::global::{about, command, send};
use crate::keycloak::{action, push};
use crate::support::mint::{CORP, Mint, now, unique};
use crate::support::wait::until;
use crate::world::{ALL_GOOD, FIRST_REVOKED, World, status_list};
use serde_json::{Value, json};
use std::time::Duration;

const SOURCES: &str = "
    list: { kind: file, issuer: corp, path: DIR/revoked.ndjson, format: ndjson }
    polled: { kind: poll, issuer: corp, url: PROVIDER/feed, interval: 1s, max_shrink: off, allow_http: true, allow_private_network: true }
";

fn lines(world: &World) -> Vec<Value> {
    let text = std::fs::read_to_string(world.dir.path().join("audit/log")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// What this source told since so many lines, once there is something.
fn told(world: &World, source: &str, count: usize) -> Vec<Value> {
    until(source, Duration::from_secs(15), || {
        std::thread::sleep(Duration::from_millis(20));
        let mut lines = lines(world);
        lines.retain(|line| line["by"] == format!("source:{source}"));
        (lines.len() >= count).then_some(lines)
    })
}

fn is(line: &Value, event: &str, expected: Value) {
    assert_eq!(line["event"], event, "{line}");
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(line[name], *value, "{name} of {line}");
    }
    assert!(line["hash"].as_str().unwrap().len() == 64 && line["time"].as_str().unwrap().len() > 19, "{line}");
}

#[test]
fn events_are_told_with_who_told_them() {
    let (world, mint) = (World::start(), Mint::get());
    let (sid, sub) = (unique("sid"), unique("sub"));
    assert_eq!(world.logout("/.curfew/events/logout", &logout(&mint.ec).claim("sid", &*sid).sign()).status, 200);
    let of = |kind: &str, issuer: &str, r#type: &str| json!({ "kind": kind, "issuer": issuer, "id_type": r#type, "result": "enforced" });
    let line = &told(&world, "logout", 1)[0];
    is(line, "revocation_entered", of("backchannel_logout", "corp", "session"));
    assert_eq!(line["id_hash"].as_str().unwrap().len(), 16, "{line}");
    let text = "text/plain; charset=ISO-8859-1";
    let pushed = world.post("/.curfew/events/realm/k_push_not_before", text, &push(&mint.legacy, now() - 50).sign());
    assert_eq!(pushed.status, 204);
    let line = &told(&world, "realm", 1)[0];
    is(line, "revocation_entered", of("keycloak_not_before", "legacy", "issuer"));
    assert!(line["id_hash"].is_null() && line["cutoff"].as_str().unwrap().starts_with("issued before "), "{line}");
    let sent = send(&world, "/.curfew/events/commands", &command(&mint.partner).sign(), &about(&sub));
    assert_eq!(sent.status, 204);
    is(&told(&world, "commands", 1)[0], "revocation_entered", of("global_token_revocation", "partner", "subject"));
    let text = std::fs::read_to_string(world.dir.path().join("audit/log")).unwrap();
    assert!(!text.contains(&sid) && !text.contains(&sub), "{text}");
}

/// Who asks later for one of many finds its line.
#[test]
fn each_name_of_an_event_is_a_line() {
    let (world, mint) = (World::start(), Mint::get());
    let sids: Vec<String> = (0..9).map(|_| unique("sid")).collect();
    let token = action(&mint.legacy, "LOGOUT", json!({ "keycloakSessionIds": sids })).sign();
    let answer = world.post("/.curfew/events/realm/k_logout", "text/plain; charset=ISO-8859-1", &token);
    assert_eq!(answer.status, 204);
    let lines = told(&world, "realm", 9);
    let mut hashes: Vec<&str> = lines.iter().map(|line| line["id_hash"].as_str().unwrap()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!((lines.len(), hashes.len()), (9, 9), "{lines:?}");
}

/// What does not fit is told as what could not be kept.
#[test]
fn what_was_not_kept_is_told_too() {
    let (world, mint) = (World::start(), Mint::get());
    let one = || logout(&mint.ec).claim("iss", CORP).sign();
    assert_eq!(world.logout("/.curfew/events/narrow", &one()).status, 200);
    assert_ne!(world.logout("/.curfew/events/narrow", &one()).status, 200);
    let results: Vec<Value> = told(&world, "narrow", 2).iter().map(|line| line["result"].clone()).collect();
    assert_eq!(results, ["enforced", "failed"]);
}

#[test]
fn lists_are_told_by_what_changed_in_them() {
    let world = World::start_with(SOURCES);
    let write = |names: std::ops::Range<usize>| {
        let line = |number| format!("{{\"type\":\"subject\",\"id\":\"user-{number}\"}}\n");
        std::fs::write(world.dir.path().join("next"), names.map(line).collect::<String>()).unwrap();
        std::fs::rename(world.dir.path().join("next"), world.dir.path().join("revoked.ndjson")).unwrap();
    };
    write(0..3);
    for line in &told(&world, "list", 3) {
        is(line, "revocation_entered", json!({ "kind": "file", "id_type": "subject", "cutoff": "always" }));
    }
    write(0..10_003);
    is(&told(&world, "list", 4)[3], "revocation_entered", json!({ "entries": 10_000, "result": "enforced" }));
    write(0..9_003);
    is(&told(&world, "list", 5)[4], "revocation_withdrawn", json!({ "entries": 1_000, "result": "lifted" }));
    let entries = json!([{ "type": "subject", "id": "bob" }]);
    world.provider.put("/feed", json!({ "complete": true, "entries": entries }).to_string());
    is(&told(&world, "polled", 1)[0], "revocation_entered", json!({ "kind": "poll", "id_type": "subject" }));
    world.provider.put("/feed", json!({ "complete": true, "entries": [] }).to_string());
    is(&told(&world, "polled", 2)[1], "revocation_withdrawn", json!({ "entries": 1 }));
    status_list(&world.provider, FIRST_REVOKED);
    let list = world.provider.url("/statuses");
    let line = &told(&world, "statuses", 1)[0];
    is(line, "revocation_entered", json!({ "kind": "status_list", "issuer": "fetched", "list": list }));
    let entered = line["entries"].clone();
    // A list that is older than the one that is known is not believed: it says the second of its making.
    std::thread::sleep(Duration::from_millis(1_100));
    status_list(&world.provider, ALL_GOOD);
    is(&told(&world, "statuses", 2)[1], "revocation_withdrawn", json!({ "entries": entered }));
    assert_eq!(told(&world, "list", 5).len(), 5, "what changes nothing is no line");
}
