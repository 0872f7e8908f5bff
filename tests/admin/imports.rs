//! Imports as operators have them: with a mark in front, quoted, with a bad line among many, of ids that nobody has.

use crate::support::mint::{now, unique};
use crate::world::{World, access, said};
use serde_json::{Value, json};

const IMPORT: [&str; 5] = ["revoke", "--issuer", "corp", "--import", "-"];

/// As `jq '.sub'` and an editor write them.
#[test]
fn ids_are_read_as_they_are_meant() {
    let world = World::start("token: { file: DIR/token }");
    let ((one, _, first), (two, _, second)) = (access(), access());
    assert_eq!((world.asks(&one), world.asks(&two)), ("admitted".into(), "admitted".into()));
    let done = world.command(&IMPORT, &format!("\u{feff}{first}\n\"{second}\"\n"));
    assert!(done.status.success() && said(&done).contains("accepted: 2\n"), "{}", said(&done));
    assert!(!said(&done).contains("names any"), "{}", said(&done));
    assert_eq!((world.asks(&one), world.asks(&two)), ("subject_revoked".into(), "subject_revoked".into()));
    let torn = world.command(&IMPORT, "\"no end\n");
    assert!(torn.status.code() == Some(6) && said(&torn).contains("line 1: begins like JSON"), "{}", said(&torn));
    // A column too many.
    let done = world.command(&IMPORT, &format!("sub,mail\n{first},a@b.example\n"));
    assert!(done.status.success() && said(&done).contains("none of the first 2 entries names any"), "{}", said(&done));
}

/// A bad line is told by its number in the file, and everything before it is done; or it is put aside, and everything is.
#[test]
fn a_bad_line_stops_nothing_before_it() {
    let world = World::start("token: { file: DIR/token }");
    let (position, aside) = (world.dir.path().join("position"), world.dir.path().join("bad.ndjson"));
    let (aside, position) = (aside.to_str().unwrap(), position.to_str().unwrap());
    let ((one, _, first), (two, _, second)) = (access(), access());
    let many: String = (0..10_500).map(|number| format!("user-{number}\n")).collect();
    let until = r#"{"type":"subject","id":"x","until":1}"#;
    let text = format!("{many}{first}\n{until}\n{{\"type\":\n{second}\n");
    let kept = [&IMPORT[..], &["--position-file", position]].concat();
    let stopped = world.command(&kept, &text);
    assert!(
        stopped.status.code() == Some(6) && said(&stopped).contains("line 10502: `until` is over"),
        "{}",
        said(&stopped)
    );
    assert_eq!((world.asks(&one), world.asks(&two)), ("subject_revoked".into(), "admitted".into()));
    let done = world.command(&[&kept[..], &["--skip-bad", aside]].concat(), &text);
    let told = said(&done);
    assert!(done.status.success() && told.contains("accepted: 1\n") && told.contains("skipped: 2\n"), "{told}");
    assert!(told.contains("position: 10504\n"), "{told}");
    assert_eq!(world.asks(&two), "subject_revoked");
    let bad = std::fs::read_to_string(aside).unwrap();
    assert!(bad.starts_with("# line 10502: `until` is over"), "{bad}");
    assert!(bad.contains(&format!("\n{until}\n# line 10503: begins like JSON, and is none\n{{\"type\":\n")), "{bad}");
    let lifted = world.command(&[&["unrevoke"], &IMPORT[1..], &["--skip-bad", aside]].concat(), &text);
    assert!(said(&lifted).contains("lifted: 10502\n"), "{}", said(&lifted));
}

/// A cut-off leaves by itself; what is blocked outright stays.
#[test]
fn cut_offs_have_an_end() {
    let world = World::start("token: { file: DIR/token }");
    let until = |more: Value| {
        let mut entry = json!({"issuer": "corp", "type": "subject", "id": unique("sub")});
        let about = entry.clone();
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(world.json("POST /revocations", &entry).status, 200);
        world.json("POST /revocations/query", &about).json().unwrap()["entries"][0]["until"].clone()
    };
    assert_eq!(until(json!({})), Value::Null);
    let seconds = |value: Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    let (now, day) = (now(), 24 * 3600);
    for at in [json!("now"), json!(now - 1000 * day)] {
        let left = seconds(until(json!({"at": at}))) - now;
        assert!((90 * day - 5..90 * day + 60).contains(&left), "{left}");
    }
    assert_eq!(seconds(until(json!({"not_before": now, "until": now + 600}))), now + 600);
}
