//! A gateway that keeps records, a clock that cannot be known, and those who ask.

use crate::support::answer::Answer;
use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, Mint};
use crate::support::raw::{Conn, Door, ask};
use crate::support::upstream::Upstream;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};
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
    /// With members of `telemetry.records`; `DIR` is a directory of its own.
    pub fn start(records: &str) -> Self {
        Self::start_under(&[], records)
    }

    /// The same, started by a command.
    pub fn start_under(wrapper: &[&str], records: &str) -> Self {
        let mut world = Self::prepared(records);
        let gateway = Gateway::start_under(wrapper, &world.config, world.admin);
        gateway.wait_ready();
        world.gateway = Some(gateway);
        world
    }

    /// All but the gateway.
    pub fn prepared(records: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (upstream, public, admin) = (Upstream::start(), free_port(), free_port());
        std::fs::write(dir.path().join("corp.json"), Mint::get().corp_keys().to_string()).unwrap();
        std::fs::write(dir.path().join("feed.ndjson"), "{\"type\":\"subject\",\"id\":\"mallory\"}\n").unwrap();
        std::fs::write(dir.path().join("key"), "a key of hashes, for tests, long enough").unwrap();
        let config = dir.path().join("curfew.yaml");
        let text = yaml(&dir, public, admin, &upstream.url(), records);
        std::fs::write(&config, text).unwrap();
        Self { gateway: None, _upstream: upstream, config, admin: address(admin), public, dir }
    }

    pub fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    /// Kills it, and starts another on the same files.
    pub fn restart(&mut self) {
        drop(self.gateway.take());
        self.gateway = Some(Gateway::start(&self.config, self.admin));
    }

    pub fn records(&self) -> PathBuf {
        self.dir.path().join("records")
    }

    pub fn open(&self) -> Conn {
        Door::plain(address(self.public)).open().unwrap()
    }

    /// A request with these very fields.
    pub fn get(&self, target: &str, fields: &str) -> Answer {
        self.try_get(target, fields).unwrap()
    }

    /// The same; there may be no answer.
    pub fn try_get(&self, target: &str, fields: &str) -> std::io::Result<Answer> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n");
        ask(&mut self.open(), request.as_bytes(), Duration::ZERO)
    }

    /// A request with a token, and the trace id of its answer if it was refused.
    pub fn bear(&self, target: &str, token: &str) -> (Answer, String) {
        let answer = self.get(target, &format!("Authorization: Bearer {token}\r\n"));
        let trace = answer.json().and_then(|body| Some(body["trace_id"].as_str()?.to_owned())).unwrap_or_default();
        (answer, trace)
    }

    /// Runs a command of `curfew` against this gateway: how it ended, and what it said.
    pub fn run(&self, words: &[&str]) -> (i32, String, String) {
        let admin = format!("http://{}", self.admin);
        told(&Command::new(env!("CARGO_BIN_EXE_curfew")).args(words).args(["--admin", &admin]).output().unwrap())
    }

    /// Runs a command that asks no gateway.
    pub fn offline(&self, words: &[&str]) -> (i32, String, String) {
        told(&Command::new(env!("CARGO_BIN_EXE_curfew")).args(words).output().unwrap())
    }

    /// A question to the admin API.
    pub fn ask(&self, path: &str, question: &Value) -> Answer {
        let body = question.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        ask(&mut Door::plain(self.admin).open().unwrap(), (head + &body).as_bytes(), Duration::ZERO).unwrap()
    }

    /// A counter or gauge of the metrics.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.gateway().admin("/metrics").1;
        let lines =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }
}

pub fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn yaml(dir: &TempDir, public: u16, admin: u16, echo: &str, records: &str) -> String {
    let d = dir.path().display();
    let records = records.replace("DIR", &format!("{d}/records"));
    format!(
        r#"
version: 1
gateway: {{ name: curfew-test, workers: 1, grace: 1s }}
listeners:
  - {{ name: public, address: "127.0.0.1:{public}", plaintext: true }}
issuers:
  corp: {{ issuer: "{CORP}", keys: {{ file: {d}/corp.json }}, audiences: [{AUDIENCE}], algorithms: [RS256, ES256, EdDSA] }}
revocation:
  sources:
    list: {{ kind: file, issuer: corp, path: {d}/feed.ndjson, format: ndjson }}
upstreams:
  echo: {{ endpoints: ["{echo}"] }}
  gone: {{ endpoints: ["http://127.0.0.1:9"] }}
policies:
  api: {{}}
  strict: {{ scopes: [orders.admin], session: {{ idle: 1h }} }}
defaults: {{ policy: api }}
routes:
  - {{ name: orders, hosts: [{HOST}], path: "/orders/{{id}}", upstream: echo }}
  - {{ name: tried, hosts: [{HOST}], path: "/tried", upstream: echo, shadow: strict }}
  - {{ name: gone, hosts: [{HOST}], path: "/gone", upstream: gone }}
telemetry: {{ hash_key: {{ file: {d}/key }}, tenants: {{ claim: org }}, records: {{ {records} }} }}
admin: {{ address: "127.0.0.1:{admin}" }}
"#
    )
}
