//! Every deed is written down before it is answered, and what cannot be written is not done.

use crate::world::{World, access};
use serde_json::json;

#[test]
fn who_did_what_and_why() {
    let world = World::start("token: { file: DIR/token }");
    let (token, _, sub) = access();
    let entry = json!({"issuer": "corp", "type": "subject", "id": sub, "at": "now", "reason": "stolen\n{\"x\":1}", "actor": "ann"});
    assert_eq!(world.json("POST /revocations", &entry).status, 200);
    assert_eq!(world.json("POST /revocations", &json!({"token": token})).status, 200);
    assert_eq!(world.json("DELETE /revocations", &entry).status, 200);
    let lines = world.audited();
    let told: Vec<_> =
        lines.iter().map(|line| (line["audit"].as_str().unwrap(), line["result"].as_str().unwrap())).collect();
    let enforced = [("revoke", "asked"), ("revoke", "enforced")];
    assert_eq!(told, [&enforced[..], &enforced, &[("lift", "asked"), ("lift", "lifted")]].concat());
    let first = &lines[0];
    assert_eq!((&first["reason"], &first["actor"]), (&entry["reason"], &json!("ann")));
    assert!(first["by"].as_str().unwrap().starts_with("token:") && first["peer"].as_str().unwrap().starts_with("127."));
    assert!(
        first["hash"].as_str().unwrap().len() == 16 && first["cutoff"].as_str().unwrap().starts_with("issued up to")
    );
    assert_eq!((&first["call"], &lines[1]["call"], &lines[1]["entries"]), (&json!(1), &json!(1), &json!(1)));
    let text = std::fs::read_to_string(&world.audit).unwrap();
    assert!(!text.contains(&sub) && !text.contains(&token) && !text.contains(crate::world::TOKEN), "{text}");
}

/// Whatever the process's mask is.
#[test]
fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::start("token: { file: DIR/token }");
    assert_eq!(std::fs::metadata(&world.audit).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn plain_ids_where_they_are_asked_for() {
    let world = World::start("audit_ids: plain");
    let (token, _, sub) = access();
    let fields = [("Host", "localhost"), ("Content-Type", "application/json")];
    let entry = json!([{"issuer": "corp", "type": "subject", "id": sub}, {"token": token}]).to_string();
    assert_eq!(world.send("POST /revocations", &fields, entry.as_bytes()).status, 200);
    let lines = world.audited();
    assert_eq!((&lines[0]["id"], &lines[0]["by"]), (&json!(sub), &json!("loopback")));
    assert!(!std::fs::read_to_string(&world.audit).unwrap().contains(&token[..40]));
}

/// A full disk, or a crash, left half a line: what comes next is not lost in it.
#[test]
fn half_a_line_spoils_no_other() {
    let world = World::start("token: { file: DIR/token }");
    let (_, _, sub) = access();
    std::fs::write(&world.audit, r#"{"time":"2026-11-02T"#).unwrap();
    let entry = json!({"issuer": "corp", "type": "subject", "id": sub});
    assert_eq!(world.json("POST /revocations", &entry).status, 200);
    let text = std::fs::read_to_string(&world.audit).unwrap();
    let read = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let told: Vec<String> = read.map(|line| line["result"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, ["asked", "enforced"], "{text}");
}

#[test]
fn what_cannot_be_written_is_not_done() {
    let world = World::start("token: { file: DIR/token }");
    let (token, _, sub) = access();
    let entry = json!({"issuer": "corp", "type": "subject", "id": sub});
    std::fs::remove_dir_all(world.audit.parent().unwrap()).unwrap();
    for line in ["POST /revocations", "POST /revocations/lift"] {
        let answer = world.json(line, &entry);
        assert_eq!(answer.status, 503, "{}", answer.brief());
        assert!(answer.json().unwrap()["detail"].as_str().unwrap().contains("nothing was done"));
    }
    let lines = world.typed("POST /revocations", "application/x-ndjson", &entry.to_string());
    assert_eq!((lines.status, &lines.json().unwrap()["position"]), (503, &json!(0)));
    assert_eq!(world.asks(&token), "admitted");
    std::fs::create_dir(world.audit.parent().unwrap()).unwrap();
    assert_eq!(world.json("POST /revocations", &entry).status, 200);
    assert_eq!((world.asks(&token), world.audited().len()), ("subject_revoked".into(), 2));
}
