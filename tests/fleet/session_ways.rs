//! Sessions over TLS, as a user with no more rights than the runbook names; and over a cluster.

use crate::gates::{Gate, IDLE, INTERVAL};
use crate::redis::Redis;
use crate::support::authority::Authority;
use crate::support::gateway::free_port;
use crate::support::mint::unique;
use crate::support::upstream::Upstream;
use serde_json::{Value, json};

/// The rights that `deploy/runbook/session-store.md` names.
fn rights() -> Vec<String> {
    let page = include_str!("../../deploy/runbook/session-store.md");
    let (_, rest) = page.split_once("Rights: `").unwrap();
    rest.split_once('`').unwrap().0.split_whitespace().map(str::to_owned).collect()
}

/// What one saw, the other knows.
fn share(redis: &Value) {
    let (dir, upstream, sid) = (tempfile::tempdir().unwrap(), Upstream::start(), unique("sid"));
    let [one, two] = ["one", "two"].map(|name| Gate::start(dir.path(), name, redis, &upstream));
    assert_eq!(one.asks("deny", &sid).status, 200, "{}", one.gateway.log());
    std::thread::sleep(IDLE + INTERVAL);
    let answer = two.asks("deny", &sid);
    assert_eq!((answer.status, &*answer.reason), (401, "session_idle_timeout"), "{}", two.gateway.log());
    // Once more on one, and told there.
    assert_eq!(one.asks("lax", &sid).status, 200);
    assert_eq!(one.lost(), [0.0; 3]);
}

#[test]
fn over_tls_as_a_user_with_few_rights() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::get();
    let files = authority.server(dir.path(), "redis", &["localhost"]);
    let root = authority.write_root(dir.path());
    let port = free_port().to_string();
    let (cert, key, root) = (files.cert.to_str().unwrap(), files.key.to_str().unwrap(), root.to_str().unwrap());
    let rights = rights();
    let mut args = vec!["--port", "0", "--tls-port", &port, "--bind", "127.0.0.1", "--tls-cert-file", cert];
    args.extend(["--tls-key-file", key, "--tls-ca-cert-file", root, "--user", "curfew", "on", ">a password"]);
    args.extend(rights.iter().map(String::as_str));
    let _redis = Redis::with(&args);
    let password = dir.path().join("password");
    std::fs::write(&password, "a password").unwrap();
    share(&json!({"urls": [format!("rediss://localhost:{port}")], "username": "curfew", "timeout": "1s",
        "password": {"file": password}, "ca": root, "cert": cert, "key": key}));
}

#[test]
fn over_a_cluster() {
    let (port, bus) = (free_port().to_string(), free_port().to_string());
    let mut args = vec!["--port", &port, "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--cluster-port", &bus];
    args.extend(["--cluster-announce-ip", "127.0.0.1"]);
    let redis = Redis::with(&args);
    assert_eq!(redis.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).trim(), "OK");
    while !redis.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    share(&json!({"urls": [format!("redis://127.0.0.1:{port}")], "topology": "cluster"}));
}
