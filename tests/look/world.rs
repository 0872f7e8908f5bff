//! A gateway with limits of every kind, feeds and keys, and an admin listener that asks for a token or not.

use crate::support::answer::Answer;
use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, Mint, PARTNER, set};
use crate::support::provider::Provider;
use crate::support::raw::{Door, ask};
use crate::support::upstream::Upstream;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;

pub const TOKEN: &str = "an operator's token, for tests";

pub struct World {
    gateway: Option<Gateway>,
    config: std::path::PathBuf,
    _upstream: Upstream,
    _provider: Provider,
    pub admin: SocketAddr,
    pub public: u16,
    pub dir: TempDir,
}

impl World {
    /// With members of `admin`, besides its address.
    pub fn start(admin_settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (upstream, provider, public, admin) = (Upstream::start(), Provider::start(), free_port(), free_port());
        provider.put("/corp", Mint::get().corp_keys().to_string());
        provider.put("/partner", set(&[&Mint::get().partner]).to_string());
        for (name, text) in [
            ("feed.ndjson", "{\"type\":\"subject\",\"id\":\"mallory\"}\n"),
            ("more.ndjson", "{\"type\":\"token\",\"id\":\"stolen\"}\n"),
            ("token", TOKEN),
            ("key", "a key of hashes, for tests, long enough"),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let config = dir.path().join("curfew.yaml");
        let admin_settings = admin_settings.replace("DIR", &dir.path().display().to_string());
        let text = yaml(&dir, public, admin, &upstream.url(), &provider, &admin_settings);
        std::fs::write(&config, text).unwrap();
        let admin = address(admin);
        let gateway = Gateway::start(&config, admin);
        Self { gateway: Some(gateway), config, _upstream: upstream, _provider: provider, admin, public, dir }
    }

    /// Ends it, lays what it kept out over time, and starts it anew.
    pub fn age(&mut self) {
        let told = self.records(&serde_json::json!({ "limit": 1000 }));
        drop(self.gateway.take());
        crate::history::spread(&self.dir.path().join("records"), &told);
        self.gateway = Some(Gateway::start(&self.config, self.admin));
    }

    /// A request with these very fields, which may be no text.
    pub fn get(&self, target: &str, fields: &[u8]) -> Answer {
        let request = [format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n").as_bytes(), fields, b"\r\n"].concat();
        ask(&mut Door::plain(address(self.public)).open().unwrap(), &request, Duration::ZERO).unwrap()
    }

    /// These very bytes; what was answered, if anything was.
    pub fn send(&self, request: &[u8]) -> Option<Answer> {
        ask(&mut Door::plain(address(self.public)).open().unwrap(), request, Duration::ZERO).ok()
    }

    /// A request to the admin listener, of these very fields.
    pub fn admin(&self, line: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("{line} HTTP/1.1\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len());
        ask(&mut Door::plain(self.admin).open().unwrap(), request.as_bytes(), Duration::ZERO).unwrap()
    }

    /// The records of a question, as the API tells them.
    pub fn records(&self, question: &Value) -> Vec<Value> {
        let bearer = format!("Bearer {TOKEN}");
        let fields = [("Host", "localhost"), ("Authorization", &*bearer), ("Content-Type", "application/json")];
        let answer = self.admin("POST /records/query", &fields, &question.to_string());
        answer.json().unwrap()["records"].as_array().unwrap().clone()
    }
}

fn yaml(dir: &TempDir, public: u16, admin: u16, echo: &str, provider: &Provider, admin_settings: &str) -> String {
    let (d, corp, partner) = (dir.path().display(), provider.url("/corp"), provider.url("/partner"));
    format!(
        r#"
version: 1
gateway: {{ name: curfew-test, workers: 1, grace: 1s }}
listeners:
  - {{ name: public, address: "127.0.0.1:{public}", plaintext: true }}
issuers:
  corp: {{ issuer: "{CORP}", keys: {{ url: "{corp}"}}, allow_http: true, audiences: [{AUDIENCE}], algorithms: [RS256, ES256, EdDSA], leeway: 10s }}
  partner: {{ issuer: "{PARTNER}", keys: {{ url: "{partner}"}}, allow_http: true, audiences: [{AUDIENCE}], algorithms: [ES256], leeway: 0s }}
revocation:
  sources:
    list: {{ kind: file, issuer: corp, path: {d}/feed.ndjson, format: ndjson, max_staleness: 5m }}
    partner-list: {{ kind: file, issuer: partner, path: {d}/more.ndjson, format: ndjson, max_staleness: off }}
upstreams:
  echo: {{ endpoints: ["{echo}"] }}
  gone: {{ endpoints: ["http://127.0.0.1:9"] }}
policies:
  api: {{ token: {{ max_age: 1h, max_lifetime: 2h }}, session: {{ idle: 30m, absolute: 12h }} }}
  payments: {{ token: {{ max_age: 5m }}, session: {{ idle: 10m, absolute: 8h }}, step_up: {{ auth_age: 15m }} }}
defaults: {{ policy: api }}
routes:
  - {{ name: orders, hosts: [{HOST}], path: "/orders/**", upstream: echo }}
  - {{ name: payments, hosts: [{HOST}], path: "/payments/**", policy: payments, upstream: echo }}
  - {{ name: trial, hosts: [{HOST}], path: "/trial/**", shadow: payments, upstream: echo }}
  - {{ name: gone, hosts: [{HOST}], path: "/gone", upstream: gone }}
  - {{ name: health, hosts: [{HOST}], path: "/health", access: open, upstream: echo }}
telemetry: {{ hash_key: {{ file: {d}/key }}, records: {{ directory: {d}/records }} }}
admin: {{ address: "127.0.0.1:{admin}", {admin_settings} }}
"#
    )
}
