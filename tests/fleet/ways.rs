//! The ways to reach it: TLS and a user of the access control list with no more rights than the runbook names; a
//! cluster, whose nodes say who has the keys; sentinels, who name the server, and after its end another one.

use crate::instance::{Instance, until, until_ended};
use crate::redis::Redis;
use crate::support::authority::Authority;
use crate::support::gateway::free_port;
use serde_json::{Value, json};

const KEY: &[u8] = b"the key of the fleet";

/// The rights that `deploy/runbook/fleet.md` names.
fn rights() -> Vec<String> {
    let page = include_str!("../../deploy/runbook/fleet.md");
    let (_, rest) = page.split_once("Rights: `").unwrap();
    rest.split_once('`').unwrap().0.split_whitespace().map(str::to_owned).collect()
}

async fn exchange(fleet: &Value) {
    let (one, other) = (Instance::with(KEY, fleet.clone()), Instance::with(KEY, fleet.clone()));
    one.ready().await;
    other.ready().await;
    one.end("this").await;
    other.end("that").await;
    until_ended(&other, &["this".to_owned()]).await;
    until_ended(&one, &["that".to_owned()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_tls_as_a_user_with_few_rights() {
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
    let (good, bad) = (dir.path().join("good"), dir.path().join("bad"));
    std::fs::write(&good, "a password").unwrap();
    std::fs::write(&bad, "another").unwrap();
    let settings = |password: &std::path::Path, host: &str| {
        json!({"redis": {"urls": [format!("rediss://{host}:{port}")], "username": "curfew", "timeout": "1s",
            "password": {"file": password}, "ca": root, "cert": cert, "key": key}})
    };
    exchange(&settings(&good, "localhost")).await;
    // Neither with a wrong password, nor where the certificate is not the host's.
    for bad in [settings(&bad, "localhost"), settings(&good, "127.0.0.1")] {
        let outside = Instance::with(KEY, bad);
        until("it fails", || outside.standing().failures > 1).await;
        assert!(!outside.standing().connected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_a_cluster() {
    let (port, bus) = (free_port().to_string(), free_port().to_string());
    let mut args = vec!["--port", &port, "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--cluster-port", &bus];
    args.extend(["--cluster-announce-ip", "127.0.0.1"]);
    let redis = Redis::with(&args);
    assert_eq!(redis.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).trim(), "OK");
    until("the cluster is up", || redis.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
    exchange(&json!({"redis": {"urls": [format!("redis://127.0.0.1:{port}")], "topology": "cluster"}})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn by_sentinels_to_the_server_and_then_to_another() {
    let (first, second, sentinel) = (free_port().to_string(), free_port().to_string(), free_port().to_string());
    let mut redis = Redis::with(&["--port", &first, "--bind", "127.0.0.1"]);
    let replica = Redis::with(&["--port", &second, "--bind", "127.0.0.1", "--replicaof", "127.0.0.1", &first]);
    until("the replica follows", || replica.cli(&["INFO", "replication"]).contains("master_link_status:up")).await;
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("sentinel.conf");
    let text = format!(
        "port {sentinel}\nbind 127.0.0.1\ndir {0}\nsentinel monitor main 127.0.0.1 {first} 1\n\
         sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n",
        dir.path().display()
    );
    std::fs::write(&config, text).unwrap();
    let _watcher = Redis::sentinel(&config);
    let url = format!("redis://127.0.0.1:{sentinel}");
    let fleet = json!({"redis": {"urls": [url], "topology": "sentinel", "service": "main", "timeout": "1s"}});
    let (one, other) = (Instance::with(KEY, fleet.clone()), Instance::with(KEY, fleet));
    one.ready().await;
    other.ready().await;
    one.end("before").await;
    until_ended(&other, &["before".to_owned()]).await;
    until("sentinels know the replica", || replica.sentinels_know(&sentinel)).await;
    redis.kill();
    one.end("between").await;
    until_ended(&other, &["between".to_owned()]).await;
    assert!(replica.cli(&["INFO", "replication"]).contains("role:master"));
}
