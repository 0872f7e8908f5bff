//! The gateway that refuses: records on a disk, every refusal in the audit log too, and metrics.

use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::now;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SECRET: &[u8] = b"a secret of thirty-two bytes, yes";
/// How long the writers may work on what still waits after the last answer.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    gateway: Gateway,
    pub public: SocketAddr,
    dir: TempDir,
}

fn config(dir: &Path, public: u16, admin: u16) -> String {
    let d = dir.display();
    format!(
        r#"
version: 1
gateway: {{ name: bench, grace: 1s }}
listeners: [{{ name: public, address: "127.0.0.1:{public}", plaintext: true }}]
issuers: {{ corp: {{ issuer: "https://id.example", keys: {{ secret: {{ file: {d}/key }} }}, audiences: [api] }} }}
upstreams: {{ none: {{ endpoints: ["http://127.0.0.1:9"] }} }}
policies: {{ api: {{ scopes: [orders.admin] }} }}
defaults: {{ policy: api }}
routes: [{{ name: orders, hosts: [{HOST}], path: "/orders/{{id}}", upstream: none }}]
telemetry:
  records: {{ directory: {d}/records }}
  audit: {{ file: {d}/audit/audit.ndjson, events: [start, stop, request_refused] }}
admin: {{ address: "127.0.0.1:{admin}" }}
"#
    )
}

/// A token of somebody who may not do it, with these claims instead.
fn token(changes: &[(&str, Value)]) -> String {
    let mut claims = json!({ "iss": "https://id.example", "aud": "api", "sub": "alice", "client_id": "app",
        "iat": now(), "exp": now() + 3600, "jti": "j" });
    changes.iter().for_each(|(name, value)| claims[*name] = value.clone());
    let header = Header { typ: Some("at+jwt".into()), ..Header::default() };
    encode(&header, &claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

impl World {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (public, admin) = (free_port(), free_port());
        std::fs::write(dir.path().join("key"), SECRET).unwrap();
        std::fs::create_dir(dir.path().join("audit")).unwrap();
        let file = dir.path().join("curfew.yaml");
        std::fs::write(&file, config(dir.path(), public, admin)).unwrap();
        let gateway = Gateway::start(&file, address(admin));
        Self { gateway, public: address(public), dir }
    }

    /// So many requests, one after the other: half of them with a token that is over, the others without any, with one that
    /// is none, and with one that lacks the scope.
    pub fn requests(&self, count: usize) -> Vec<u8> {
        let with = |token: &str| format!("Authorization: Bearer {token}\r\n");
        let over = with(&token(&[("iat", 1_000_000_000.into()), ("exp", 1_000_000_600.into())]));
        let kinds = [&over, "", &over, &with("garbage"), &over, &with(&token(&[]))];
        let one = |fields: &str| format!("GET /orders/7 HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n").into_bytes();
        kinds.iter().cycle().take(count).flat_map(|fields| one(fields)).collect()
    }

    /// What memory the process has, in KiB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.gateway.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    /// A metric, all its series together.
    pub fn metric(&self, name: &str) -> u64 {
        self.metric_of(name, "")
    }

    /// The same, of series that have this in their labels.
    pub fn metric_of(&self, name: &str, with: &str) -> u64 {
        let text = self.gateway.admin("/metrics").1;
        let is_its = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let lines = text.lines().filter(is_its).filter(|line| line.contains(with));
        let value = |line: &str| line.split('#').next()?.trim().rsplit(' ').next()?.parse::<f64>().ok();
        lines.map(|line| value(line).unwrap() as u64).sum()
    }

    /// Waits until what waits in the queues is written.
    pub fn settle(&self, sent: u64) {
        let begun = Instant::now();
        let records = || self.metric("curfew_records_written_total") + self.metric("curfew_records_dropped_total");
        let lines = || self.metric("curfew_audit_lines_total") + self.metric("curfew_audit_dropped_total");
        while (records() < sent || lines() < sent) && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(100));
        }
        // The audit log counts lines of its own too, so that the last of ours may be a moment later.
        std::thread::sleep(Duration::from_secs(2));
    }

    /// How many refusals stand in all files of the audit log.
    pub fn audited(&self) -> u64 {
        let files = std::fs::read_dir(self.dir.path().join("audit")).unwrap().map(|entry| entry.unwrap().path());
        let lines = files.flat_map(|path| BufReader::new(std::fs::File::open(path).unwrap()).split(b'\n'));
        let needle = memchr::memmem::Finder::new(b"\"event\":\"request_refused\"");
        lines.filter(|line| needle.find(line.as_ref().unwrap()).is_some()).count() as u64
    }
}
