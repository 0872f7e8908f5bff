//! A feed that says far less than before is held back, until an operator says that it is meant so.

use crate::support::provider::Provider;
use crate::support::wait::until;
use crate::world::{TOKEN, World};
use serde_json::json;
use std::process::{Command, Output};
use std::time::Duration;

fn publish(provider: &Provider, count: usize) {
    let entries: Vec<_> = (0..count).map(|number| json!({"type": "subject", "id": format!("user-{number}")})).collect();
    provider.put("/feed", json!({"complete": true, "entries": entries}).to_string());
}

fn confirm(world: &World, more: &[&str]) -> Output {
    let (admin, token) = (format!("http://{}", world.admin), world.dir.path().join("token"));
    std::fs::write(&token, TOKEN).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
    command.args(["confirm", "--admin", &admin, "--reason", "a tenant left", "--actor", "ann", "--admin-token-file"]);
    command.arg(token).args(more).output().unwrap()
}

#[test]
fn what_is_held_back_is_taken_once_it_is_confirmed() {
    let provider = Provider::start();
    publish(&provider, 100);
    let source = format!(
        "many: {{ kind: poll, issuer: corp, url: \"{}\", interval: 1s, allow_http: true, allow_private_network: true }}",
        provider.url("/feed")
    );
    let world = World::with("token: { file: DIR/token }", &source);
    let feed = || {
        let feeds = world.get("/revocations/feeds").json().unwrap();
        feeds["feeds"].as_array().unwrap().iter().find(|feed| feed["feed"] == "many").unwrap().clone()
    };
    let wait = |what: &str, so: &dyn Fn() -> bool| {
        until(what, Duration::from_secs(15), || {
            std::thread::sleep(Duration::from_millis(20));
            so().then_some(())
        });
    };
    wait("it is loaded", &|| feed()["entries"] == 100);
    let path = "POST /revocations/feeds/confirm";
    let nothing = world.json(path, &json!({"feed": "many"}));
    assert_eq!((nothing.status, world.json(path, &json!({"feed": "none"})).status), (409, 404));
    for wrong in [json!({"feed": "many", "x": 1}), json!({}), json!({"feed": "many", "reason": "x".repeat(1025)})] {
        assert_eq!(world.json(path, &wrong).status, 400, "{wrong}");
    }

    publish(&provider, 5);
    wait("it is held back", &|| feed()["last_error"].as_str().is_some_and(|error| error.contains("held back: 5 ")));
    assert_eq!(feed()["entries"], 100);
    // Not what whoever confirms has seen.
    let other = confirm(&world, &["--feed", "many", "--entries", "6"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&other.stderr).contains("5 entries, where there were 100"));
    let done = confirm(&world, &["--feed", "many", "--entries", "5", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((done.status.code(), told), (Some(0), json!({"feed": "many", "before": 100, "entries": 5})));
    wait("it is taken", &|| feed()["entries"] == 5 && feed()["last_error"].is_null());

    let lines: Vec<_> = world.audited().into_iter().filter(|line| line["audit"] == "confirm").collect();
    let told: Vec<_> = lines.iter().map(|line| line["result"].as_str().unwrap()).collect();
    assert_eq!(told, ["asked", "failed", "asked", "confirmed"]);
    let last = &lines[3];
    assert_eq!((&last["feed"], &last["entries"]), (&json!("many"), &json!(5)));
    assert_eq!((&last["reason"], &last["actor"]), (&json!("a tenant left"), &json!("ann")));
}
