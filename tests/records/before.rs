//! What a version before this one kept is read: `first-form.bin` is a file of its making, with two refusals of subjects
//! that a list and an operator revoked. And what it could not tell: how late a revocation was enforced.

use crate::support::mint::{Mint, now, unique};
use crate::world::World;
use serde_json::{Value, json};

const OLD: &[u8] = include_bytes!("first-form.bin");
/// The trace of one of them.
const TRACE: &str = "b5ed8550f19bf9ac975aab2bed3ffdbe";

fn query(world: &World, question: &Value) -> Vec<Value> {
    world.ask("/records/query", question).json().unwrap()["records"].as_array().unwrap().clone()
}

/// As one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn records_of_a_version_before_are_read() {
    let mut world = World::start("directory: DIR, max_age: 36500d");
    drop(world.gateway.take());
    std::fs::remove_dir_all(world.records()).unwrap();
    std::fs::create_dir(world.records()).unwrap();
    std::fs::write(world.records().join("records-00000000000000000001.bin"), OLD).unwrap();
    let directory = world.records().display().to_string();
    let (code, text, err) = world.run(&["trace", TRACE, "--directory", &directory]);
    assert!(code == 0 && text.starts_with("refused: subject_revoked (401"), "{text}{err}");
    let text = flat(&text);
    assert!(text.contains("by an entry of list, enforced since ") && !text.contains("after the event"), "{text}");

    world.restart();
    let old = query(&world, &json!({ "reason": "subject_revoked" }));
    assert_eq!(old.len(), 2, "{old:?}");
    assert!(old.iter().all(|one| one["revocation"].get("lag_ms").is_none() && one.get("tenant").is_none()), "{old:?}");
    assert_eq!(query(&world, &json!({ "id": TRACE }))[0]["trail"]["reason"], "subject_revoked");
    // What comes now goes on behind them, and both are there after another start.
    assert_eq!(world.get("/orders/7", "").status, 401);
    assert_eq!(query(&world, &json!({}))[0]["reason"], "token_missing");
    world.restart();
    let all = query(&world, &json!({}));
    assert!(all.len() == old.len() + 1 && all.is_sorted_by_key(|one| -one["seq"].as_i64().unwrap()), "{all:?}");
    assert_eq!(world.run(&["refusals", "--since", "36000d"]).1.matches("trace=").count(), all.len());
}

/// From the event to its enforcement, as spans tell it, in the record, in words and as data; not where no event is known.
#[test]
fn a_revocation_tells_how_late_it_was_enforced() {
    let world = World::start("directory: DIR");
    let (late, ever) = (unique("late"), unique("ever"));
    let happened = now() - 90;
    let entries = [
        json!({ "issuer": "corp", "type": "subject", "id": late, "at": happened }),
        json!({ "issuer": "corp", "type": "subject", "id": ever }),
    ];
    entries.iter().for_each(|entry| assert_eq!(world.ask("/revocations", entry).status, 200));
    let refused = |sub: &str| {
        let token = Mint::get().rsa.token().claim("sub", sub).claim("iat", now() - 300).sign();
        let (answer, trace) = world.bear("/orders/7", &token);
        assert_eq!(answer.reason().as_deref(), Some("subject_revoked"));
        trace
    };
    let (trace, without) = (refused(&late), refused(&ever));
    let record = &query(&world, &json!({ "id": trace }))[0];
    let known = &record["revocation"];
    let lag = known["lag_ms"].as_i64().unwrap();
    assert!((90_000..110_000).contains(&lag) && known["entry_of"] == "operator/corp", "{known}");
    let event = known["event"].as_str().unwrap();
    let (code, text, _) = world.run(&["trace", &trace]);
    let said = format!(" s after the event of {event}");
    assert!(
        code == 0 && text.contains(&said) && text.contains("by an entry of operator/corp, enforced since "),
        "{text}"
    );
    let json: Value = serde_json::from_str(&world.run(&["trace", &trace, "--json"]).1).unwrap();
    assert_eq!(json[0]["revocation"], *known);
    let other = &query(&world, &json!({ "id": without }))[0]["revocation"];
    assert!(other["entry_of"] == "operator/corp" && other.get("lag_ms").is_none(), "{other}");
    assert!(!flat(&world.run(&["trace", &without]).1).contains("after the event"));
}
