//! Is whoever operates the gateway told what is wrong, once, and with its place? The real binary, its log and its admin
//! listener, while files around it go wrong and are mended.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod crowded;
mod fire;
mod night;
mod slow;
mod start;
#[path = "../support/mod.rs"]
mod support;
mod upstreams;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::authority::Authority;
use support::config::address;
use support::gateway::{Gateway, free_port};
use support::mint::Mint;
use support::wait::until;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(15);

struct World {
    gateway: Gateway,
    config: PathBuf,
    text: String,
    dir: TempDir,
}

impl World {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Authority::get().server(dir.path(), "server", &["localhost"]);
        fs::write(dir.path().join("corp.json"), Mint::get().corp_keys().to_string()).unwrap();
        fs::write(dir.path().join("revoked.txt"), "one\ntwo\n").unwrap();
        let (port, config) = (free_port(), dir.path().join("curfew.yaml"));
        let text = yaml(dir.path(), port);
        fs::write(&config, &text).unwrap();
        Self { gateway: Gateway::start(&config, address(port)), config, text, dir }
    }

    /// Writes an edited config, by another name moved into place.
    fn edit(&self, from: &str, to: &str) {
        assert!(self.text.contains(from), "{from}");
        let beside = self.config.with_extension("new");
        fs::write(&beside, self.text.replace(from, to)).unwrap();
        fs::rename(beside, &self.config).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn lines(&self, words: &[&str]) -> usize {
        self.gateway.log().lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    fn until_told(&self, words: &[&str]) {
        until(&format!("a line with {words:?}"), PATIENCE, || {
            std::thread::sleep(Duration::from_millis(20));
            (self.lines(words) > 0).then_some(())
        });
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.gateway.pid.to_string()).status();
        assert!(sent.unwrap().success());
    }

    fn config(&self) -> serde_json::Value {
        serde_json::from_str(&self.gateway.admin("/config").1).unwrap()
    }
}

fn yaml(dir: &Path, admin: u16) -> String {
    let dir = dir.display();
    let port = free_port();
    format!(
        "version: 1
admin: {{ address: 127.0.0.1:{admin} }}
gateway: {{ grace: 1s }}
limits: {{ connections: 500 }}
listeners:
  - name: public
    address: 127.0.0.1:{port}
    tls: {{ certificates: [{{ cert: {dir}/server.crt, key: {dir}/server.key }}] }}
issuers:
  corp: {{ issuer: 'https://corp.example.com', audiences: [api], refresh: 1s, max_stale: 5s, keys: {{ file: {dir}/corp.json }} }}
revocation:
  sources:
    list: {{ kind: file, issuer: corp, path: {dir}/revoked.txt, max_staleness: 3s }}
upstreams:
  echo: {{ endpoints: ['http://127.0.0.1:9'] }}
policies:
  standard: {{ issuers: [corp] }}
routes:
  - {{ name: all, path: '/**', policy: standard, upstream: echo }}
"
    )
}

/// Each trouble lasts for several looks, one a second, and is one line; so is its end.
#[test]
fn a_trouble_that_lasts_is_told_once_and_its_end_once() {
    let world = World::start();
    let log = ["curfew is up", "version=", "pid=", "config=", "admin=", "issuers=1", "sources=1"];
    assert_eq!(world.lines(&log), 1, "{}", world.gateway.log());
    world.until_told(&["curfew is ready", "revocations=2"]);
    assert_eq!(world.gateway.admin("/readyz"), (200, "ready\n".into()));

    let good = fs::read(world.path("server.crt")).unwrap();
    fs::write(world.path("server.crt"), "garbage").unwrap();
    fs::remove_file(world.path("revoked.txt")).unwrap();
    let keys = fs::read(world.path("corp.json")).unwrap();
    fs::remove_file(world.path("corp.json")).unwrap();
    let revoked = world.path("revoked.txt").display().to_string();
    world.until_told(&["ERROR", "revocation.sources.list", "stale", "fresh revocations"]);
    world.until_told(&["ERROR", "issuers.corp", "stale", "no token of this issuer", "max_stale 5s"]);
    let (status, text) = world.gateway.admin("/readyz");
    assert_eq!(status, 200);
    assert!(text.starts_with("ready\ndegraded:\n  issuers.corp: "), "{text}");
    assert!(text.contains("\n  revocation.sources.list: ") && text.contains("/corp.json: "), "{text}");
    assert!(text.contains("max_staleness 3s") && text.contains(&revoked), "{text}");
    fs::remove_file(&world.config).unwrap();
    world.until_told(&["WARN", "config file cannot be read"]);
    std::thread::sleep(Duration::from_secs(3));

    fs::write(world.path("server.crt"), good).unwrap();
    fs::write(world.path("revoked.txt"), "one\n").unwrap();
    fs::write(world.path("corp.json"), keys).unwrap();
    fs::write(&world.config, &world.text).unwrap();
    world.until_told(&["certificates can be read again", "out="]);
    world.until_told(&["source is heard again", "out="]);
    world.until_told(&["keys are refreshed again", "out="]);
    world.until_told(&["revocation.sources.list", "no longer stale", "out="]);
    world.until_told(&["issuers.corp", "no longer stale", "out="]);
    world.until_told(&["config file can be read again", "out="]);
    assert_eq!(world.gateway.admin("/readyz"), (200, "ready\n".into()));
    let once: [&[&str]; 6] = [
        &["keys could not be refreshed", "corp.json"],
        &["stale", "no token of this issuer"],
        &["certificates not replaced", "server.crt"],
        &["source could not be heard", &revoked],
        &["stale", "fresh revocations"],
        &["config file cannot be read"],
    ];
    for words in once {
        assert_eq!(world.lines(words), 1, "{words:?}\n{}", world.gateway.log());
    }
}

/// A text that cannot be brought into force for what it names is told once; when that is there, it comes into force.
#[test]
fn a_reload_that_fails_at_a_file_is_told_once_and_heals() {
    let world = World::start();
    let missing = world.path("absent.crt").display().to_string();
    let endpoint = "['http://127.0.0.1:9']";
    world.edit(endpoint, &format!("['https://127.0.0.1:9'], tls: {{ ca: '{missing}' }}"));
    world.until_told(&["not reloaded", &missing]);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(world.lines(&["not reloaded"]), 1, "{}", world.gateway.log());
    Authority::get().write_root(world.dir.path());
    fs::rename(world.path("ca.crt"), &missing).unwrap();
    world.until_told(&["config file can be used again"]);
    assert_eq!(world.lines(&["not reloaded"]), 1, "{}", world.gateway.log());
}

/// What waits for a restart is told against what the process was started with, whatever was loaded in between; and
/// what the next start would refuse is refused now.
#[test]
fn what_waits_for_a_restart_is_known() {
    let world = World::start();
    let pending = || world.config()["pending_restart"].clone();
    assert_eq!(pending(), serde_json::Value::Null);
    world.edit("connections: 500", "connections: 600");
    world.until_told(&["wait for a restart", "limits"]);
    world.edit("limits: { connections: 500 }", "limits: { connections: 600 }\ndefaults: { body_limit: 1MiB }");
    until("the second reload", PATIENCE, || (world.lines(&["wait for a restart", "limits"]) == 2).then_some(()));
    assert_eq!(pending(), serde_json::json!(["limits"]));
    assert_eq!(world.config()["limits"]["connections"], 500, "in force is what was there at the start");
    assert!(world.gateway.admin("/metrics").1.contains("curfew_config_pending_restart 1"));
    world.edit("connections: 500", "connections:  500");
    until("nothing waits", PATIENCE, || pending().is_null().then_some(()));
    assert!(world.gateway.admin("/metrics").1.contains("curfew_config_pending_restart 0"));

    world.edit("/server.crt", "/absent.crt");
    world.until_told(&["not reloaded", "listener `public`", "absent.crt"]);
    assert_eq!(pending(), serde_json::Value::Null);
}

/// Two hundred signals are a few reloads; the end is announced.
#[test]
fn signals_are_gathered_and_the_end_is_announced() {
    let world = World::start();
    let pid = world.gateway.pid;
    let all = format!("for i in $(seq 200); do kill -HUP {pid}; done");
    assert!(Command::new("sh").args(["-c", &all]).status().unwrap().success());
    world.until_told(&["reloaded: nothing changed"]);
    std::thread::sleep(Duration::from_millis(500));
    let reloads = world.lines(&["reloaded: nothing changed"]);
    assert!(reloads <= 20, "{reloads}");
    world.signal("TERM");
    world.until_told(&["draining", "connections=0", "grace=1s"]);
    until("the end", PATIENCE, || (!world.gateway.lives()).then_some(()));
}

/// A certificate near its end is told of by the check, at the start, and when it is swapped in.
#[test]
fn certificates_near_their_end_are_told_of() {
    let world = World::start();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    let pem = params.self_signed(&key).unwrap().pem();
    fs::write(world.path("server.key"), key.serialize_pem()).unwrap();
    fs::write(world.path("server.crt"), pem).unwrap();
    world.until_told(&["WARN", "certificate for localhost has expired: 2020-01-01"]);
    let check = |strict: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_curfew");
        let output = Command::new(binary).arg("check").args(strict).arg("-c").arg(&world.config).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (passed, said) = check(&[]);
    assert!(passed && said.contains("has expired: 2020-01-01"), "{said}");
    assert!(!check(&["--strict"]).0);
}
