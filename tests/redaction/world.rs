//! A gateway with everything switched on, and all its secrets marked.

use crate::liar::Liar;
use crate::marks::{Marks, Sink};
use crate::redis::Redis;
use crate::support::authority::Authority;
use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, LEGACY, Mint, PARTNER, set};
use crate::support::raw::Door;
use crate::support::upstream::Upstream;
use crate::support::wait::until;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

pub struct World {
    pub gateway: Gateway,
    pub marks: Arc<Marks>,
    pub liar: Liar,
    _upstream: Upstream,
    pub redis: Redis,
    pub config: PathBuf,
    pub public: u16,
    pub admin: u16,
    syslog: Arc<Mutex<Vec<u8>>>,
    pub dir: TempDir,
}

/// The secrets that stand in files, by the names of the files.
const FILES: &[&str] = &["hash", "admin", "feed-auth", "ssf-auth", "redis-password", "nonce", "audit-key", "otlp-auth"];

impl World {
    pub fn start() -> Self {
        let (marks, dir) = (Arc::new(Marks::new()), tempfile::tempdir().unwrap());
        for name in FILES {
            std::fs::write(dir.path().join(name), marks.of(name)).unwrap();
        }
        Authority::get().server(dir.path(), "server", &[HOST]);
        let mint = Mint::get();
        std::fs::write(dir.path().join("partner.json"), set(&[&mint.partner]).to_string()).unwrap();
        std::fs::write(dir.path().join("legacy.json"), set(&[&mint.legacy]).to_string()).unwrap();
        let list = marks.of("subject-of-file");
        let lines =
            format!("{{\"type\":\"subject\",\"id\":\"{list}\"}}\n{{\"type\":\"{list}\",\"id\":\"{list}\"\n{list}\n");
        std::fs::write(dir.path().join("list.ndjson"), lines).unwrap();
        let redis = Redis::with(&["--port", "0", "--requirepass", &marks.of("redis-password")]);
        let (liar, upstream) = (Liar::start(&marks, mint.corp_keys().to_string()), Upstream::start());
        let (public, admin) = (free_port(), free_port());
        let (syslog, receiver) = (Arc::new(Mutex::new(Vec::new())), UdpSocket::bind("127.0.0.1:0").unwrap());
        let to = receiver.local_addr().unwrap().to_string();
        receive(receiver, Arc::clone(&syslog));
        let config = dir.path().join("curfew.yaml");
        let text = yaml(dir.path(), &liar, &upstream, &redis, &to).replace("PUBLIC", &public.to_string());
        std::fs::write(&config, text.replace("ADMIN", &admin.to_string())).unwrap();
        let env = [
            format!("INTROSPECTION={}", marks.of("introspection-secret")),
            format!("PATH_KEY={}", marks.of("env-secret")),
        ];
        // Every library says all that it can say.
        let gateway = Gateway::start_under(&["env", &env[0], &env[1], "CURFEW_LOG=trace"], &config, address(admin));
        // One issuer is never ready: its provider lies. The listener is open once the line is.
        until("it serves", Duration::from_secs(20), || {
            assert!(gateway.lives(), "it ended: {}", gateway.log());
            Door::plain(address(public)).open().ok()
        });
        Self { gateway, marks, liar, _upstream: upstream, redis, config, public, admin, syslog, dir }
    }

    pub fn door(&self) -> Door {
        Door::tls(address(self.public), HOST, "http/1.1")
    }

    pub fn h2(&self) -> Door {
        Door::tls(address(self.public), HOST, "h2")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Everything that the gateway wrote: its log, every file that it made, what it sent to a collector, to syslog and to
    /// Redis.
    pub fn written(&self) -> Vec<Sink> {
        let sink = |name: &str, bytes: Vec<u8>| Sink { name: name.to_owned(), bytes };
        let mut sinks = vec![
            sink("standard error, the log", self.gateway.log().into_bytes()),
            sink("spans, as the collector got them", self.liar.collected()),
            sink("syslog", self.syslog.lock().unwrap().clone()),
        ];
        let password = std::fs::read_to_string(self.file("redis-password")).unwrap();
        let mut stream = String::new();
        for key in self.redis.cli(&["-a", &password, "--no-auth-warning", "KEYS", "*"]).lines() {
            for words in [&["XRANGE", key, "-", "+"][..], &["HGETALL", key], &["GET", key], &["ZRANGE", key, "0", "-1"]]
            {
                stream += &self.redis.cli(&[&["-a", &password, "--no-auth-warning"][..], words].concat());
            }
        }
        sinks.push(sink("Redis, all keys", stream.into_bytes()));
        for part in ["state", "records", "audit", "access.log", "operators.log"] {
            files(&self.file(part), self.dir.path(), &mut sinks);
        }
        sinks
    }
}

fn files(path: &Path, root: &Path, sinks: &mut Vec<Sink>) {
    if let Ok(entries) = std::fs::read_dir(path) {
        entries.for_each(|entry| files(&entry.unwrap().path(), root, sinks));
    } else if let Ok(bytes) = std::fs::read(path) {
        let name = format!("file {}", path.strip_prefix(root).unwrap().display());
        sinks.push(Sink { name, bytes });
    }
}

fn receive(receiver: UdpSocket, into: Arc<Mutex<Vec<u8>>>) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(count) = receiver.recv(&mut buffer) {
            into.lock().unwrap().extend_from_slice(&buffer[..count]);
        }
    });
}

fn yaml(dir: &Path, liar: &Liar, upstream: &Upstream, redis: &Redis, syslog: &str) -> String {
    let d = dir.display();
    let open = "allow_http: true, allow_private_network: true";
    let (keys, bad, ask, feed) = (liar.url("/keys"), liar.url("/badkeys"), liar.url("/introspect"), liar.url("/feed"));
    let (echo, mad, otlp, redis) = (upstream.url(), liar.url(""), liar.url(""), redis.url());
    format!(
        r#"
version: 1
gateway: {{ name: curfew-test, exposure: full, workers: 1, grace: 1s, state_dir: {d}/state, nonce_keys: [{{ file: {d}/nonce }}, {{ env: PATH_KEY }}] }}
listeners:
  - name: public
    address: "127.0.0.1:PUBLIC"
    tls: {{ certificates: [{{ cert: {d}/server.crt, key: {d}/server.key }}] }}
issuers:
  corp:
    issuer: "{CORP}"
    keys: {{ url: "{keys}" }}
    audiences: [{AUDIENCE}]
    algorithms: [RS256, ES256, EdDSA]
    revocable_claims: [email]
    refresh: 1s
    introspection:
      endpoint: "{ask}"
      auth: {{ client_secret_basic: {{ client_id: gateway, client_secret: {{ env: INTROSPECTION }} }} }}
    {open_lines}
  evil: {{ issuer: "https://evil.example", keys: {{ url: "{bad}" }}, audiences: [{AUDIENCE}], refresh: 1s, {open} }}
  partner: {{ issuer: "{PARTNER}", keys: {{ file: {d}/partner.json }}, audiences: [{AUDIENCE}] }}
  legacy: {{ issuer: "{LEGACY}", keys: {{ file: {d}/legacy.json }}, audiences: [{AUDIENCE}] }}
revocation:
  sources:
    feed: {{ kind: poll, issuer: corp, url: "{feed}", interval: 300ms, max_staleness: off, auth: {{ header: Authorization, value: {{ file: {d}/feed-auth }} }}, {open} }}
    list: {{ kind: file, issuer: corp, path: {d}/list.ndjson, format: ndjson, max_staleness: off }}
    logout: {{ kind: backchannel_logout, issuer: corp, client_ids: [shop] }}
    realm: {{ kind: keycloak_not_before, issuer: legacy, clients: [gateway] }}
    commands: {{ kind: global_token_revocation, issuer: partner, audiences: ["https://api.example.com/.curfew/events/commands"], types: strict }}
    signals:
      kind: ssf
      issuer: corp
      keys: issuer
      audiences: ["https://api.example.com/ssf"]
      delivery: {{ push: {{ authorization: {{ file: {d}/ssf-auth }} }} }}
      max_staleness: off
  fleet: {{ redis: {{ urls: ["{redis}"], password: {{ file: {d}/redis-password }} }}, max_staleness: off }}
upstreams:
  echo: {{ endpoints: ["{echo}"] }}
  mad: {{ endpoints: ["{mad}"], outlier: {{ failures: 0 }} }}
  gone: {{ endpoints: ["http://127.0.0.1:9"] }}
policies:
  api: {{ issuers: [corp, evil, partner, legacy], token: {{ dpop: optional }}, revocation: {{ on_stale: allow, cold_start: accept }}, session: {{ idle: 1h, absolute: 8h, warn_before: 10m, extend: allow, unidentified: token }} }}
  asked: {{ issuers: [corp], revocation: {{ introspection: always, on_stale: allow, cold_start: accept }} }}
  strict: {{ issuers: [corp], token: {{ max_age: 1m, dpop: required, dpop_nonce: required }}, scopes: [nobody.has], claims: [{{ claim: email, any_of: [somebody@example.org] }}], revocation: {{ on_stale: allow, cold_start: accept }} }}
defaults: {{ policy: api }}
routes:
  - {{ name: orders, hosts: [{HOST}], path: "/orders/**", upstream: echo, token: {{ cookie: session }}, session_headers: true, body_limit: 1KiB }}
  - {{ name: socket, hosts: [{HOST}], path: /socket, websocket: true, upstream: echo }}
  - {{ name: asked, hosts: [{HOST}], path: /asked, policy: asked, upstream: echo }}
  - {{ name: strict, hosts: [{HOST}], path: /strict, policy: strict, upstream: echo }}
  - {{ name: mad, hosts: [{HOST}], path: /mad, upstream: mad }}
  - {{ name: gone, hosts: [{HOST}], path: /gone, upstream: gone }}
sessions: {{ door: {{ path: /.curfew/session, route: orders }} }}
telemetry:
  otlp: {{ endpoint: "{otlp}", protocol: http, headers: {{ authorization: {{ file: {d}/otlp-auth }} }} }}
  sample: 1
  secret_parameters: [Voucher, X-Voucher, pin]
  hash_key: {{ file: {d}/hash }}
  access_log: {{ file: {d}/access.log }}
  log: {{ level: trace }}
  records: {{ directory: {d}/records, admissions: 1 }}
  audit:
    file: {d}/audit/log
    key: {{ file: {d}/audit-key }}
    events: [start, stop, config_reloaded, config_refused, operator, revocation_told, session_ended, session_first_seen, session_renewed, request_refused]
    sync: each
    syslog: {{ to: {{ udp: "{syslog}" }} }}
admin: {{ address: "127.0.0.1:ADMIN", token: {{ file: {d}/admin }}, audit: {{ file: {d}/operators.log }} }}
"#,
        open_lines = "allow_http: true\n    allow_private_network: true",
    )
}
