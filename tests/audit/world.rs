//! A gateway with an audit log, sessions that end within seconds, and those who read the log.

use crate::support::answer::Answer;
use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, Mint, now, unique};
use crate::support::raw::{Door, ask};
use crate::support::upstream::Upstream;
use crate::support::wait::until;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

pub struct World {
    pub gateway: Option<Gateway>,
    _upstream: Upstream,
    pub config: PathBuf,
    pub admin: SocketAddr,
    pub public: u16,
    pub dir: TempDir,
}

impl World {
    /// With members of `telemetry.audit`, besides its file.
    pub fn start(audit: &str) -> Self {
        Self::start_under(&[], audit)
    }

    /// The same, started by a command.
    pub fn start_under(wrapper: &[&str], audit: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (upstream, public, admin) = (Upstream::start(), free_port(), free_port());
        std::fs::write(dir.path().join("corp.json"), Mint::get().corp_keys().to_string()).unwrap();
        std::fs::write(dir.path().join("key"), "a key of chains, for tests, long enough").unwrap();
        let (d, echo) = (dir.path().display(), upstream.url());
        let audit = audit.replace("DIR", &d.to_string());
        let text = format!(
            r#"
version: 1
gateway: {{ name: curfew-test, workers: 1, grace: 1s, realm: before }}
listeners:
  - {{ name: public, address: "127.0.0.1:{public}", plaintext: true }}
issuers:
  corp: {{ issuer: "{CORP}", keys: {{ file: {d}/corp.json }}, audiences: [{AUDIENCE}], algorithms: [RS256, ES256, EdDSA] }}
upstreams: {{ echo: {{ endpoints: ["{echo}"] }} }}
policies: {{ api: {{ session: {{ idle: 1s }} }}, day: {{ session: {{ absolute: 1m }} }} }}
defaults: {{ policy: api }}
routes:
  - {{ name: all, hosts: [{HOST}], path: "/**", upstream: echo }}
  - {{ name: day, hosts: [{HOST}], path: "/day", policy: day, upstream: echo }}
telemetry: {{ hash_key: {{ file: {d}/key }}, audit: {{ file: {d}/audit/log, {audit} }} }}
admin: {{ address: "127.0.0.1:{admin}", audit: {{ file: {d}/plain }} }}
"#
        );
        let config = dir.path().join("curfew.yaml");
        std::fs::write(&config, text).unwrap();
        let admin = address(admin);
        let gateway = Gateway::start_under(wrapper, &config, admin);
        gateway.wait_ready();
        Self { gateway: Some(gateway), _upstream: upstream, config, admin, public, dir }
    }

    /// Kills it.
    pub fn kill(&mut self) {
        drop(self.gateway.take());
    }

    pub fn restart(&mut self) {
        self.kill();
        self.gateway = Some(Gateway::start(&self.config, self.admin));
    }

    pub fn log(&self) -> PathBuf {
        self.dir.path().join("audit/log")
    }

    /// All files, those that were rotated first.
    pub fn files(&self) -> Vec<PathBuf> {
        let all = std::fs::read_dir(self.dir.path().join("audit")).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<PathBuf> = all.filter(|path| *path != self.log()).collect();
        all.sort();
        all.push(self.log());
        all
    }

    /// The lines of all files, each JSON.
    pub fn lines(&self) -> Vec<Value> {
        let text: String = self.files().iter().map(|path| std::fs::read_to_string(path).unwrap_or_default()).collect();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
    }

    /// The first line of this event, once it is there.
    pub fn told(&self, event: &str) -> Value {
        until(event, Duration::from_secs(15), || {
            std::thread::sleep(Duration::from_millis(20));
            // A line may be half written just now.
            let text = std::fs::read_to_string(self.log()).unwrap_or_default();
            let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.into_iter().find(|line| line["event"] == event)
        })
    }

    /// The last line of the log.
    pub fn last(&self) -> Value {
        let text = std::fs::read_to_string(self.log()).unwrap();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }

    /// How often the gateway's log says this.
    pub fn times(&self, text: &str) -> usize {
        self.gateway.as_ref().unwrap().log().matches(text).count()
    }

    /// What a metric without labels says.
    pub fn metric(&self, name: &str) -> f64 {
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answer = ask(&mut Door::plain(self.admin).open().unwrap(), request, Duration::ZERO).unwrap();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
    }

    /// Revokes a subject, for this reason.
    pub fn revoke(&self, subject: &str, reason: &str, actor: &str) -> Answer {
        let entry =
            serde_json::json!({"issuer": "corp", "type": "subject", "id": subject, "reason": reason, "actor": actor});
        self.post("/revocations", &entry)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        ask(&mut Door::plain(self.admin).open().unwrap(), (head + &body).as_bytes(), Duration::ZERO).unwrap()
    }

    /// What the line says to a token.
    pub fn bear(&self, token: &str) -> Answer {
        self.bear_at("/a", token)
    }

    /// The same about this path.
    pub fn bear_at(&self, path: &str, token: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n");
        ask(&mut Door::plain(address(self.public)).open().unwrap(), request.as_bytes(), Duration::ZERO).unwrap()
    }

    /// `curfew audit …` of these files: how it ended, and what it said.
    pub fn audit(&self, words: &[&str], files: &[PathBuf]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_curfew")).arg("audit").args(words).args(files).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8(text).unwrap())
    }

    /// The whole log holds.
    pub fn holds(&self, words: &[&str]) {
        let (code, said) = self.audit(&[&["verify"], words].concat(), &self.files());
        assert_eq!(code, 0, "{said}");
    }
}

/// A token of a session of its own, its user, and that session.
pub fn token() -> (String, String, String) {
    let (sub, sid) = (unique("sub"), unique("sid"));
    let token = Mint::get().rsa.token().claim("sub", sub.clone()).claim("sid", sid.clone());
    (token.claim("auth_time", now()).sign(), sub, sid)
}
