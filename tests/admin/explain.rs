//! A gateway that runs is asked what it would decide: now, at another instant, and under a candidate for its next config.

use crate::support::mint::{Mint, now};
use crate::world::{TOKEN, World, access};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

const REQUEST: &str = "GET https://api.example.com/orders";

fn explain(world: &World, token: &str, more: &[&str]) -> (i32, String) {
    let (file, url) = (world.dir.path().join("bearer"), format!("http://{}", world.admin));
    std::fs::write(&file, token).unwrap();
    let operator = world.dir.path().join("operator");
    std::fs::write(&operator, TOKEN).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
    command.args(["explain", "--request", REQUEST, "--node", &url, "--admin-token-file"]).arg(operator);
    let output: Output = command.arg("--token-file").arg(file).args(more).env_remove("CURFEW_CONFIG").output().unwrap();
    (output.status.code().unwrap(), crate::world::said(&output))
}

fn candidate(world: &World, change: impl FnOnce(String) -> String) -> String {
    let path = world.dir.path().join("next.yaml");
    let text = std::fs::read_to_string(world.dir.path().join("curfew.yaml")).unwrap();
    std::fs::write(&path, change(text)).unwrap();
    path.display().to_string()
}

/// What the gateway learned since it was started counts; asking changes nothing.
#[test]
fn a_node_decides_by_what_it_knows() {
    let world = World::start("token: { file: DIR/token }");
    let (token, sid, _) = access();
    let (code, told) = explain(&world, &token, &[]);
    assert!(code == 0 && told.contains("route      all (/**)"), "{told}");
    let entry = json!({"issuer": "corp", "type": "session", "id": sid});
    assert_eq!(world.json("POST /revocations", &entry).status, 200);
    let (code, told) = explain(&world, &token, &[]);
    assert!(code == 4 && told.contains("refused: session_revoked"), "{told}");
    assert!(told.contains("revoked    by revocation.sources."), "{told}");
    let (_, told) = explain(&world, &token, &["--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["decision"], &told["reason"], &told["status"]),
        (&json!("deny"), &json!("session_revoked"), &json!(401))
    );
    assert!(told["trail"]["questions"].as_array().unwrap().len() > 20);
    assert!(!world.gateway.log().contains(&sid), "no name is told");
}

/// The instant is the question's: a token that is good now has ended in an hour, and had not begun yesterday.
#[test]
fn at_another_instant() {
    let world = World::start("token: { file: DIR/token }");
    let token = Mint::get().ec.token().claim("nbf", now() - 10).sign();
    assert_eq!(explain(&world, &token, &[]).0, 0);
    for (at, reason) in [(now() + 3600, "token_expired"), (now() - 86_400, "token_not_yet_valid")] {
        let (code, told) = explain(&world, &token, &["--at", &at.to_string()]);
        assert!(code == 4 && told.contains(&format!("refused: {reason}")), "{told}");
    }
    let (code, told) = explain(&world, &token, &["--at", "soon"]);
    assert!(code == 1 && told.contains("`at` is no instant"), "{told}");
    // A token in the wrong place goes no further.
    let answer = world.json("POST /explain", &json!({ "request": "GET https://api.example/", "at": token }));
    let (text, log) = (String::from_utf8_lossy(&answer.body).into_owned(), world.gateway.log());
    assert!(answer.status == 400 && text.contains("is no instant"), "{text}");
    assert!(!text.contains(&token) && !log.contains(&token), "{text} {log}");
}

/// A candidate decides, with the keys and the revocations of now, and does not come into force.
#[test]
fn under_a_candidate_config() {
    let world = World::start("token: { file: DIR/token }");
    let (token, sid, _) = access();
    let strict = candidate(&world, |text| text.replace("api: {}", "api: { scopes: [nobody.has] }"));
    let (code, told) = explain(&world, &token, &["-c", &strict]);
    assert!(code == 4 && told.contains("refused: insufficient_scope"), "{told}");
    assert_eq!(explain(&world, &token, &[]).0, 0);
    assert_eq!(world.asks(&token), "admitted");
    let metrics = world.gateway.admin("/metrics").1;
    // What operators revoked counts there too.
    let open = candidate(&world, |text| text.replace("name: all,", "name: renamed,"));
    assert_eq!(explain(&world, &token, &["-c", &open]).0, 0);
    world.json("POST /revocations", &json!({"issuer": "corp", "type": "session", "id": sid}));
    let (code, told) = explain(&world, &token, &["-c", &open]);
    assert!(code == 4 && told.contains("route      renamed") && told.contains("session_revoked"), "{told}");
    assert!(
        !metrics.contains("renamed") && !world.gateway.admin("/metrics").1.contains("renamed"),
        "it is not told of"
    );
    // An issuer that is new there has no keys, and that is said.
    let more = "issuers:\n  new: { issuer: 'https://new.example', audiences: [a] }\n";
    let (code, told) = explain(&world, &token, &["-c", &candidate(&world, |text| text.replace("issuers:\n", more))]);
    assert!(code == 4 && told.contains("going on without issuers.new: has no keys yet"), "{told}");
    let (code, told) =
        explain(&world, &token, &["-c", &candidate(&world, |text| text.replace("api: {}", "api: { tokn: {} }"))]);
    assert!(code == 1 && told.contains("tokn") && told.contains("candidate:"), "{told}");
    assert!(Path::new(&strict).exists());
}

/// What cannot be used is told without the token; who may not ask is told nothing.
#[test]
fn bad_questions() {
    let world = World::start("token: { file: DIR/token }");
    let (token, _, _) = access();
    let signature = token.rsplit('.').next().unwrap();
    for body in [
        format!("{{\"request\":\"GET\",\"token\":\"{token}\"}}"),
        format!("{{\"token\":\"{token}\"}}"),
        format!("{{\"request\":[\"{token}\"]}}"),
        format!("{{\"request\":\"{REQUEST}\",\"client_ip\":\"{token}\"}}"),
        format!("{{\"request\":\"{REQUEST}\",\"{token}\":1}}"),
        format!("{{\"request\":\"{REQUEST}\",\"token\":\"{token}\\n\"}}").replace("\\n\"", "\\u0000\""),
        format!("{{ {token}"),
    ] {
        let answer = world.typed("POST /explain", "application/json", &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.brief());
        assert!(!String::from_utf8_lossy(&answer.body).contains(signature), "{}", answer.brief());
    }
    assert_eq!(world.typed("POST /explain", "application/x-ndjson", "{}").status, 415);
    let nobody = [("Host", "localhost"), ("Content-Type", "application/json")];
    assert_eq!(world.send("POST /explain", &nobody, b"{}").status, 401);
    assert_eq!(world.get("/explain").status, 405);
    let lost = explain(&world, &token, &["--node", "http://127.0.0.1:9"]);
    assert!(lost.0 == 2 || lost.0 == 1, "{}", lost.1);
    assert!(!world.gateway.log().contains(signature));
}
