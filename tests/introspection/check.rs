//! What `curfew check` says of it, and `curfew explain`.

use crate::support::config::HOST;
use crate::support::wait::until;
use crate::world::{World, corp};
use std::process::Command;
use std::time::Duration;

fn curfew(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_curfew")).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_policy_that_asks_who_cannot_be_asked_is_refused() {
    let world = World::start();
    let path = world.config.to_str().unwrap().to_owned();
    let (fine, text) = curfew(&["check", "-c", &path]);
    assert!(fine && text.contains("a revoked token passes"), "`cold_start: accept` is warned about: {text}");
    let text = std::fs::read_to_string(&path).unwrap();
    let edit = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let file = world.config.with_file_name("edited.yaml");
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        curfew(&["check", "-c", file.to_str().unwrap()])
    };
    let endpoint = format!("endpoint: \"{}\", ", world.idp.url("/corp"));
    for (from, to, says) in [
        ("introspection: always", "on_stale: sometimes", "sometimes"),
        (&*endpoint, "", "no `endpoint` is named"),
        ("active_for: 5m", "active_for: 6m", "at most `5m`"),
        ("timeout: 20s", "timeout: 0s", "more than `0s`"),
        ("max_in_flight: 2", "max_in_flight: 0", "nobody could ask"),
        ("endpoint: \"http://127", "endpoint: \"http://10", "plain http"),
    ] {
        let (fine, told) = edit(from, to);
        assert!(!fine && told.contains(says), "{from} -> {to}: {told}");
    }
    let (fine, told) = edit(", signed: true", ", signed: false");
    assert!(fine, "{told}");
    let start = text.find("    introspection: { auth: { bearer").unwrap();
    let end = start + text[start..].find("}\nrevocation").unwrap();
    let (fine, told) = edit(&text[start..end], "");
    assert!(!fine && told.contains("issuer `found`, which is trusted here, cannot be asked"), "{told}");
    let (_, told) = edit("introspection: when_stale }", "introspection: when_stale, on_stale: deny }");
    assert!(told.contains("nobody is ever asked"), "{told}");
}

#[test]
fn explaining_asks_nobody_and_says_so() {
    let world = World::start();
    let token = corp();
    let file = world.config.with_file_name("token");
    std::fs::write(&file, &token).unwrap();
    let request = format!("GET https://{HOST}/always");
    let explain = |request: &str| {
        curfew(&[
            "explain",
            "-c",
            world.config.to_str().unwrap(),
            "--token-file",
            file.to_str().unwrap(),
            "--request",
            request,
        ])
    };
    let (admitted, told) = explain(&request);
    assert!(admitted && told.contains("nobody is asked offline"), "{told}");
    assert_eq!(world.idp.count("/corp"), 0);
    assert_eq!(world.asks("/always", &token), "admitted");
    until("the question", Duration::from_secs(5), || (world.idp.count("/corp") == 1).then_some(()));
}
