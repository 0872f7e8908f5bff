//! A gateway with one of everything that has a metric: issuers, feeds, doors, a journal, a fleet, an upstream that is
//! well and one that is not.

use crate::provider::{self, INTROSPECTION, LIST};
use crate::redis::Redis;
use crate::support::answer::Answer;
use crate::support::authority::Authority;
use crate::support::config::{HOST, REVOKED, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, Mint, PARTNER, set};
use crate::support::raw::{Door, ask, talk};
use crate::support::upstream::Upstream;
use crate::traffic;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

pub struct World {
    pub gateway: Gateway,
    pub redis: Redis,
    /// The status list that its provider publishes.
    pub list: String,
    config: PathBuf,
    text: String,
    public: u16,
    _upstream: Upstream,
    _syslog: UdpSocket,
    _dir: TempDir,
}

impl World {
    pub fn start() -> Self {
        let (dir, redis, upstream, mint) =
            (tempfile::tempdir().unwrap(), Redis::start(), Upstream::start(), Mint::get());
        let (public, admin) = (free_port(), free_port());
        Authority::get().server(dir.path(), "server", &[HOST]);
        let file = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        file("partner.json", &set(&[&mint.partner]).to_string());
        file("revoked.txt", &format!("{REVOKED}\n"));
        file("hash.key", "the key of the fleet, for tests");
        file("bearer", "a-bearer-token-for-tests");
        let (config, d) = (dir.path().join("curfew.yaml"), dir.path().display());
        let (jwks, echo, redis_url) =
            (provider::start(mint.corp_keys().to_string(), traffic::list), upstream.url(), redis.url());
        let list = format!("http://{jwks}{LIST}");
        let syslog = UdpSocket::bind("127.0.0.1:0").unwrap();
        let syslog_at = syslog.local_addr().unwrap();
        let text = format!(
            r#"
version: 1
gateway: {{ name: curfew-test, exposure: full, workers: 1, grace: 1s, state_dir: {d}/state }}
listeners:
  - name: public
    address: 127.0.0.1:{public}
    tls: {{ certificates: [{{ cert: {d}/server.crt, key: {d}/server.key }}] }}
issuers:
  corp: {{ issuer: "{CORP}", keys: {{ url: "http://{jwks}/jwks" }}, audiences: [{AUDIENCE}], algorithms: [RS256, ES256, EdDSA],
    unknown_key_cooldown: 1s, allow_http: true, allow_private_network: true,
    introspection: {{ endpoint: "http://127.0.0.1:9/introspect", auth: {{ bearer: {{ file: {d}/bearer }} }}, max_failures: 1 }} }}
  partner: {{ issuer: "{PARTNER}", keys: {{ file: {d}/partner.json }}, audiences: [{AUDIENCE}], allow_http: true, allow_private_network: true,
    introspection: {{ endpoint: "http://{jwks}{INTROSPECTION}", auth: {{ bearer: {{ file: {d}/bearer }} }} }} }}
revocation:
  sources:
    list: {{ kind: file, issuer: corp, path: {d}/revoked.txt, format: ids }}
    logout: {{ kind: backchannel_logout, issuer: corp, client_ids: [shop] }}
    narrow: {{ kind: backchannel_logout, issuer: corp, client_ids: [shop], door: {{ rate: 1 }} }}
    statuses: {{ kind: status_list, issuer: corp, lists: ["{list}"], under: ["http://127.0.0.1:9/status/"], min_refresh: 1s, allow_http: true, allow_private_network: true }}
  fleet: {{ redis: {{ urls: ["{redis_url}"] }} }}
upstreams:
  echo: {{ endpoints: ["{echo}"] }}
  gone: {{ endpoints: ["http://127.0.0.1:9"] }}
policies:
  api: {{}}
  young: {{ token: {{ max_age: 5m }} }}
  scoped: {{ scopes: [orders.write] }}
  asked: {{ issuers: [corp, partner], revocation: {{ introspection: always }} }}
defaults: {{ policy: api }}
routes:
  - {{ name: orders, hosts: [{HOST}], path: "/orders/**", upstream: echo }}
  - {{ name: young, hosts: [{HOST}], path: "/young/**", policy: young, shadow: scoped, upstream: echo }}
  - {{ name: scoped, hosts: [{HOST}], path: "/scoped/**", policy: scoped, upstream: echo }}
  - {{ name: asked, hosts: [{HOST}], path: "/asked/**", policy: asked, upstream: echo }}
  - {{ name: gone, hosts: [{HOST}], path: "/gone/**", upstream: gone }}
sessions: {{ state: redis, redis: {{ urls: ["{redis_url}"] }}, settle: 0s }}
telemetry: {{ hash_key: {{ file: {d}/hash.key }}, tenants: {{ claim: org.id, most: 3 }}, audit: {{ file: {d}/audit.log, syslog: {{ to: {{ udp: "{syslog_at}" }} }} }} }}
admin: {{ address: "127.0.0.1:{admin}" }}
"#
        );
        std::fs::write(&config, &text).unwrap();
        let gateway = Gateway::start(&config, address(admin));
        Self { gateway, redis, list, config, text, public, _upstream: upstream, _syslog: syslog, _dir: dir }
    }

    /// Sends bytes over TLS.
    pub fn send(&self, bytes: &str) -> Answer {
        let mut conn = Door::tls(address(self.public), HOST, "http/1.1").open().unwrap();
        ask(&mut conn, bytes.as_bytes(), Duration::ZERO).unwrap()
    }

    /// Asks for an answer that does not end, and reads until the gateway ends it.
    pub fn listen(&self, path: &str, fields: &str) {
        let mut conn = Door::tls(address(self.public), HOST, "http/1.1").open().unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n");
        let heard = talk(&mut conn, request.as_bytes(), 2, Duration::ZERO).unwrap();
        assert!(heard.closed, "{heard:?}");
    }

    /// What the line says: `admitted`, or the reason.
    pub fn asks(&self, path: &str, fields: &str) -> String {
        let answer = self.send(&format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n"));
        if answer.status == 200 { "admitted".into() } else { answer.reason().unwrap_or_default() }
    }

    /// Writes another config, moved into place, and has it loaded.
    pub fn reload(&self, change: impl FnOnce(&str) -> String) {
        let beside = self.config.with_extension("new");
        std::fs::write(&beside, change(&self.text)).unwrap();
        std::fs::rename(beside, &self.config).unwrap();
        let sent = std::process::Command::new("kill").arg("-HUP").arg(self.gateway.pid.to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// A line of its metrics begins with this.
    pub fn tells(&self, beginning: &str) -> bool {
        self.gateway.admin("/metrics").1.lines().any(|line| line.starts_with(beginning))
    }
}
