//! An account that its provider blocks, and unblocks, stands in the audit log: who told it, what, about whom by a hash, and
//! when.

use crate::support::mint::now;
use crate::support::wait::until;
use crate::world::{Held, World};
use serde_json::{Value, json};
use std::time::Duration;

/// The lines about revocations, once there are so many.
fn told(world: &World, count: usize) -> Vec<Value> {
    until("the audit log", Duration::from_secs(15), || {
        std::thread::sleep(Duration::from_millis(20));
        let text = std::fs::read_to_string(world.dir().join("audit/log")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<_> = lines.filter(|line| line["by"] == "source:signals").collect();
        (lines.len() >= count).then_some(lines)
    })
}

#[test]
fn an_account_that_is_blocked_and_unblocked_is_told() {
    let world = World::start("      delivery: { push: { authorization: {secret} } }");
    let held = Held::new();
    let send = |name: &str, at: i64| {
        let event = world.transmitter.event(&format!("risc/event-type/account-{name}"), held.user(), json!({}));
        assert_eq!(world.push(&event.claim("toe", at).sign()).status, 202);
    };
    let before = jiff::Timestamp::now();
    let happened = now() - 5;
    send("disabled", happened);
    assert_eq!(world.asks(&held.again(now() - 1)), "subject_revoked");
    let lines = told(&world, 2);
    let (cut, blocked) = (&lines[0], &lines[1]);
    assert_eq!((&cut["event"], &cut["id_hash"]), (&json!("revocation_entered"), &blocked["id_hash"]), "{cut}");
    let happened = jiff::Timestamp::from_second(happened).unwrap().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    assert!(
        cut["cutoff"].as_str().unwrap().contains(&happened),
        "what was issued before the event, of {happened}: {cut}"
    );
    assert_eq!(blocked["cutoff"], "always", "and what would be issued later");
    send("enabled", now() - 1);
    assert_eq!(world.becomes(&held.again(now() + 1), "admitted").as_secs(), 0);
    let unblocked = told(&world, 3).remove(2);
    for (line, event, result) in
        [(blocked, "revocation_entered", "enforced"), (&unblocked, "revocation_withdrawn", "lifted")]
    {
        assert_eq!((&line["event"], &line["result"]), (&json!(event), &json!(result)), "{line}");
        assert_eq!((&line["kind"], &line["issuer"]), (&json!("ssf"), &json!("corp")), "{line}");
        assert_eq!((&line["id_type"], &line["id_hash"]), (&json!("subject"), &blocked["id_hash"]), "{line}");
        let at: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
        assert!(at.as_second() >= before.as_second() && at <= jiff::Timestamp::now(), "{line}");
    }
    assert_eq!(blocked["id_hash"].as_str().unwrap().len(), 16, "{blocked}");
    // Older news that come late neither block nor unblock.
    send("disabled", now() - 60);
    send("enabled", now() - 50);
    let later = told(&world, 3).split_off(3);
    assert!(later.iter().all(|line| line["cutoff"] != "always" && line["event"] == "revocation_entered"), "{later:?}");
    let text = std::fs::read_to_string(world.dir().join("audit/log")).unwrap();
    assert!(!text.contains(&held.sub), "{text}");
}
