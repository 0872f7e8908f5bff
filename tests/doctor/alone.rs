//! With nothing but a config: the probes are made from here.

use crate::idp::Idp;
use crate::redis::Redis;
use crate::support::authority::Authority;
use crate::support::mint::{AUDIENCE, CORP, Mint};
use crate::support::upstream::Upstream;
use crate::world::{SECRET, doctor, ending, private};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

struct Config<'a> {
    dir: &'a TempDir,
    cert: &'a str,
    client_ca: &'a str,
    issuers: String,
    sources: String,
    redis: String,
    upstream: String,
}

impl Config<'_> {
    fn write(&self) -> PathBuf {
        let d = self.dir.path().display();
        let Self { cert, client_ca, issuers, sources, redis, upstream, .. } = self;
        let text = format!(
            r#"
version: 1
gateway: {{ state_dir: {d}/state }}
limits: {{ connections: 100 }}
listeners:
  - name: public
    address: "127.0.0.1:0"
    tls:
      certificates: [{{ cert: {d}/{cert}.crt, key: {d}/{cert}.key }}]
      client_certificates: {{ ask: optional, trust: {{ ca: [{d}/{client_ca}.crt] }} }}
issuers:
{issuers}
revocation:
  sources:
{sources}
  fleet: {{ redis: {{ urls: ["{redis}"], password: {{ file: {d}/password }} }} }}
upstreams:
  echo: {{ endpoints: [{upstream}], tls: {{ ca: {d}/ca.crt }} }}
policies: {{ api: {{}} }}
defaults: {{ policy: api }}
routes: [{{ name: orders, path: "/orders/{{id}}", upstream: echo }}]
telemetry: {{ hash_key: {{ file: {d}/hash }}, records: {{ directory: {d}/records, max_records: 100 }} }}
"#
        );
        let path = self.dir.path().join("curfew.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn issuer(name: &str, iss: &str, url: &str) -> String {
    format!(
        "  {name}: {{ issuer: \"{iss}\", keys: {{ url: \"{url}\" }}, audiences: [{AUDIENCE}], allow_http: true, allow_private_network: true }}\n"
    )
}

fn poll(name: &str, url: &str) -> String {
    format!(
        "    {name}: {{ kind: poll, issuer: corp, url: \"{url}\", allow_http: true, allow_private_network: true, interval: 1s, max_staleness: 30s }}\n"
    )
}

fn directory() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["hash", "password"] {
        private(&dir.path().join(name), &format!("{SECRET}-{name}-and-long-enough-for-a-key"));
    }
    Authority::get().write_root(dir.path());
    dir
}

/// What is broken makes it end with 9, and each fault is told with its place, its time, what to do and a page.
#[test]
fn every_fault_is_told_with_its_place_and_its_time() {
    let dir = directory();
    ending(dir.path(), "soon", 5 * 24);
    ending(dir.path(), "over", -2 * 24);
    let upstream_cert = ending(dir.path(), "upstream", 3 * 24);
    let secure = openssl(&upstream_cert.cert, &upstream_cert.key);
    let keys = Mint::get().corp_keys().to_string();
    let (ahead, silent) = (Idp::start(keys.clone(), 300), Idp::start(keys, 0));
    silent.fall_silent();
    let config = Config {
        dir: &dir,
        cert: "soon",
        client_ca: "over",
        issuers: issuer("corp", CORP, &ahead.url("/keys")) + &issuer("down", "https://down", &silent.url("/keys")),
        sources: poll("feed", &silent.url("/feed")),
        redis: "redis://127.0.0.1:9".into(),
        upstream: format!("\"http://127.0.0.1:9\", \"https://localhost:{}\"", secure.port),
    };
    let path = config.write();
    // What everybody can read, and what nobody can.
    std::fs::set_permissions(dir.path().join("hash"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::remove_file(dir.path().join("password")).unwrap();

    let told = doctor(&["-c", path.to_str().unwrap()]);
    assert_eq!(told.exit, 9, "{}", told.text);
    told.has("wrong", "issuers.corp", "ahead of ours; its leeway is 1m");
    told.has("wrong", "issuers.down", "there are no keys");
    told.has("wrong", "revocation.sources.feed", "it was never heard");
    told.has("wrong", "revocation.fleet.redis", "cannot be used");
    told.has("wrong", "revocation.fleet.redis.password", "cannot be read");
    told.has("wrong", "upstreams.echo", "http://127.0.0.1:9 cannot be reached");
    told.has("fine", "upstreams.echo", "takes connections");
    told.has("unwise", "telemetry.hash_key", "can be read by everybody on this machine (644)");
    let over = told.has("wrong", "listeners.public.client_certificates", "has expired");
    assert!(over.at.unwrap() < jiff::Timestamp::now());
    let soon = told.has("soon", "listeners.public", "the certificate of localhost is good until");
    let sooner = told.has("soon", "upstreams.echo", "is good until");
    assert!(sooner.at.unwrap() < soon.at.unwrap());

    let all = &told.all[0];
    let order: Vec<&str> = all.iter().map(|found| found.outlook.as_str()).collect();
    let rank = |outlook: &&str| ["wrong", "soon", "unwise", "unknown", "fine"].iter().position(|one| one == outlook);
    assert!(order.iter().map(rank).is_sorted(), "{order:?}");
    let when: Vec<_> = all.iter().filter(|found| found.outlook == "soon").filter_map(|found| found.at).collect();
    assert!(when.len() >= 2 && when.is_sorted(), "{when:?}");
    for found in all.iter().filter(|found| found.outlook == "wrong" || found.outlook == "soon") {
        assert!(!found.cure.is_empty() && found.page.starts_with("deploy/runbook/"), "{found:?}");
    }
    assert!(told.text.contains("Breaks next") && told.text.contains("next: upstreams.echo in "), "{}", told.text);
    println!("{}", told.text);
}

/// Nothing is wrong: 0, and what ends some day is told with that day.
#[test]
fn what_is_well_is_told_as_well() {
    let dir = directory();
    ending(dir.path(), "long", 400 * 24);
    let redis = Redis::with(&["--port", "0", "--requirepass", &format!("{SECRET}-password-and-long-enough-for-a-key")]);
    let (idp, upstream) = (Idp::start(Mint::get().corp_keys().to_string(), 0), Upstream::start());
    let config = Config {
        dir: &dir,
        cert: "long",
        client_ca: "long",
        issuers: issuer("corp", CORP, &idp.url("/keys")),
        sources: poll("feed", &idp.url("/feed")),
        redis: redis.url(),
        upstream: format!("\"{}\"", upstream.url()),
    };
    let path = config.write();
    let told = doctor(&["-c", path.to_str().unwrap()]);
    assert_eq!(told.exit, 0, "{}", told.text);
    assert!(told.all[0].iter().all(|found| !["wrong", "unknown"].contains(&found.outlook.as_str())), "{}", told.text);
    told.has("fine", "issuers.corp", "4 keys");
    told.has("fine", "issuers.corp", "its clock and ours agree");
    told.has("fine", "revocation.sources.feed", "0 entries, heard ");
    told.has("fine", "revocation.fleet.redis", "Redis 7");
    told.has("fine", "upstreams.echo", "takes connections");
    told.has("fine", "telemetry.hash_key", "(600)");
    assert!(told.has("fine", "listeners.public", "good until").at.is_some());
    assert!(!dir.path().join("state").exists(), "the doctor keeps nothing");
    println!("{}", told.text);
}

/// A Redis that forgets is told of, though it answers.
#[test]
fn a_redis_that_may_forget_is_not_wise() {
    let dir = directory();
    ending(dir.path(), "long", 400 * 24);
    let password = format!("{SECRET}-password-and-long-enough-for-a-key");
    let redis = Redis::with(&[
        "--port",
        "0",
        "--requirepass",
        &password,
        "--maxmemory",
        "100mb",
        "--maxmemory-policy",
        "allkeys-lru",
    ]);
    let (idp, upstream) = (Idp::start(Mint::get().corp_keys().to_string(), -40), Upstream::start());
    let config = Config {
        dir: &dir,
        cert: "long",
        client_ca: "long",
        issuers: issuer("corp", CORP, &idp.url("/keys")),
        sources: poll("feed", &idp.url("/feed"))
            .replace("max_staleness: 30s", "max_staleness: 2s")
            .replace("interval: 1s", "interval: 1500ms"),
        redis: redis.url(),
        upstream: format!("\"{}\"", upstream.url()),
    };
    let path = config.write();
    let told = doctor(&["-c", path.to_str().unwrap()]);
    assert_eq!(told.exit, 0, "{}", told.text);
    told.has("unwise", "revocation.fleet.redis", "allkeys-lru");
    told.has("unwise", "issuers.corp", "behind ours");
    told.has("unwise", "revocation.sources.feed", "it is asked each 1.5 s only");
    assert_eq!(doctor(&["-c", path.to_str().unwrap(), "--strict"]).exit, 9);
}

/// A config that cannot be read as one is told as `check` tells it.
#[test]
fn a_config_with_faults_is_looked_at_as_far_as_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("curfew.yaml");
    std::fs::write(&path, "version: 1\nlisteners: nonsense\n").unwrap();
    let run =
        std::process::Command::new(env!("CARGO_BIN_EXE_curfew")).args(["doctor", "-c"]).arg(&path).output().unwrap();
    assert_eq!(run.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&run.stderr).contains("curfew.yaml:2"));
}

struct Server {
    port: u16,
    child: std::process::Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A server that speaks TLS.
fn openssl(cert: &Path, key: &Path) -> Server {
    let port = crate::support::gateway::free_port();
    let child = std::process::Command::new("openssl")
        .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}"), "-cert"])
        .arg(cert)
        .arg("-key")
        .arg(key)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    crate::support::wait::until("openssl listens", std::time::Duration::from_secs(10), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    Server { port, child }
}
