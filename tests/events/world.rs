//! A gateway that is told: one issuer a kind of source, so that what one ends does not end the others' tokens.

use crate::support::answer::Answer;
use crate::support::authority::Authority;
use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, LEGACY, Mint, PARTNER, Token, now, set, unique};
use crate::support::provider::Provider;
use crate::support::raw::{Door, ask};
use crate::support::upstream::Upstream;
use crate::support::wait::until;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// An issuer whose keys are fetched, so that a new one can appear.
pub const FETCHED: &str = "https://fetched.example.net";
/// The endpoint of the commands, as the provider knows it.
pub const COMMANDS: &str = "https://api.example.com/.curfew/events/commands";

pub const FORM: &str = "application/x-www-form-urlencoded";

pub struct World {
    pub gateway: Gateway,
    pub config: PathBuf,
    pub upstream: Upstream,
    pub provider: Provider,
    public: u16,
    plain: u16,
    pub dir: TempDir,
}

/// Sixteen tokens, none of them revoked; and the first vector of the draft, by which the first one is.
pub const ALL_GOOD: &str = "eNpjYAAAAAIAAQ";
pub const FIRST_REVOKED: &str = "eNrbuRgAAhcBXQ";

/// Publishes the status list of the issuer whose keys are fetched.
pub fn status_list(provider: &Provider, list: &str) {
    let mut token = Mint::get().rsa.token().head("typ", "statuslist+jwt");
    token.claims.clear();
    let token = token.claim("sub", provider.url("/statuses")).claim("iat", now()).claim("ttl", 1);
    let token = token.claim("status_list", serde_json::json!({"bits": 1, "lst": list})).sign();
    provider.put("/statuses", token);
}

impl World {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// With more sources; `DIR` and `PROVIDER` in them are where files and documents are put, of which `revoked.ndjson` and
    /// `/feed` say nothing yet.
    pub fn start_with(sources: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (upstream, provider) = (Upstream::start(), Provider::start());
        let (public, plain, admin) = (free_port(), free_port(), free_port());
        let mint = Mint::get();
        Authority::get().server(dir.path(), "server", &[HOST, "www.example.com"]);
        std::fs::write(dir.path().join("corp.json"), mint.corp_keys().to_string()).unwrap();
        std::fs::write(dir.path().join("partner.json"), set(&[&mint.partner]).to_string()).unwrap();
        std::fs::write(dir.path().join("legacy.json"), set(&[&mint.legacy]).to_string()).unwrap();
        provider.put("/jwks", set(&[&mint.rsa]).to_string());
        let config = dir.path().join("curfew.yaml");
        let dirname = dir.path().display();
        let (echo, jwks, statuses) = (upstream.url(), provider.url("/jwks"), provider.url("/statuses"));
        status_list(&provider, ALL_GOOD);
        std::fs::write(dir.path().join("revoked.ndjson"), "").unwrap();
        provider.put("/feed", r#"{"complete": true, "entries": []}"#);
        let sources = sources.replace("DIR", &dirname.to_string()).replace("PROVIDER", &provider.url(""));
        std::fs::write(
            &config,
            format!(
                r#"
version: 1
gateway: {{ name: curfew-test, realm: curfew, exposure: full, workers: 1, grace: 1s, state_dir: {dirname}/state }}
listeners:
  - {{ name: public, address: "127.0.0.1:{public}", tls: {{ certificates: [{{ cert: {dirname}/server.crt, key: {dirname}/server.key }}] }} }}
  - {{ name: internal, address: "127.0.0.1:{plain}", plaintext: true }}
issuers:
  corp: {{ issuer: "{CORP}", keys: {{ file: {dirname}/corp.json }}, audiences: [{AUDIENCE}], algorithms: [RS256, ES256, EdDSA] }}
  partner: {{ issuer: "{PARTNER}", keys: {{ file: {dirname}/partner.json }}, audiences: [{AUDIENCE}] }}
  legacy: {{ issuer: "{LEGACY}", keys: {{ file: {dirname}/legacy.json }}, audiences: [{AUDIENCE}] }}
  fetched: {{ issuer: "{FETCHED}", keys: {{ url: "{jwks}" }}, audiences: [{AUDIENCE}], unknown_key_cooldown: 1s,
    allow_http: true, allow_private_network: true }}
revocation:
  sources:
    logout: {{ kind: backchannel_logout, issuer: corp, client_ids: [shop, app] }}
    strict: {{ kind: backchannel_logout, issuer: corp, client_ids: [shop], types: strict, ends: subject,
      max_lifetime: 1m, door: {{ path: /elsewhere/logout, hosts: [{HOST}] }} }}
    lax: {{ kind: backchannel_logout, issuer: fetched, client_ids: [shop], require_exp: false }}
    realm: {{ kind: keycloak_not_before, issuer: legacy, clients: [gateway] }}
    client: {{ kind: keycloak_not_before, issuer: corp, clients: [gateway], cuts: client }}
    commands: {{ kind: global_token_revocation, issuer: partner, audiences: ["{COMMANDS}"], callers: [okta] }}
    opaque: {{ kind: global_token_revocation, issuer: corp, audiences: ["{COMMANDS}"], types: strict, opaque: session }}
    statuses: {{ kind: status_list, issuer: fetched, lists: ["{statuses}"], min_refresh: 1s, allow_http: true,
      allow_private_network: true }}
    narrow: {{ kind: backchannel_logout, issuer: corp, client_ids: [shop], max_entries: 1,
      door: {{ rate: 3, max_bytes: 2KiB }} }}
{sources}
upstreams: {{ echo: {{ endpoints: ["{echo}"] }} }}
policies: {{ api: {{}} }}
defaults: {{ policy: api }}
routes:
  - {{ name: socket, hosts: [{HOST}], path: "/socket", websocket: true, upstream: echo }}
  - {{ name: all, hosts: [{HOST}, www.example.com], path: "/**", upstream: echo }}
telemetry: {{ access_log: {{ file: {dirname}/access.log }}, audit: {{ file: {dirname}/audit/log, sync: each }} }}
admin: {{ address: "127.0.0.1:{admin}" }}
"#
            ),
        )
        .unwrap();
        let gateway = Gateway::start(&config, address(admin));
        Self { gateway, config, upstream, provider, public, plain, dir }
    }

    /// Kills the gateway, without a word, and starts it again.
    pub fn restart(&mut self) {
        self.kill();
        self.restart_killed();
    }

    /// Starts it again after it was killed.
    pub fn restart_killed(&mut self) {
        self.gateway = Gateway::start(&self.config, self.gateway.admin);
    }

    /// Kills the gateway.
    pub fn kill(&self) {
        let killed = std::process::Command::new("kill").args(["-9", &self.gateway.pid.to_string()]).status().unwrap();
        assert!(killed.success());
        until("the gateway to be gone", Duration::from_secs(10), || (!self.gateway.lives()).then_some(()));
    }

    pub fn door(&self) -> Door {
        Door::tls(address(self.public), HOST, "http/1.1")
    }

    /// TLS, HTTP/2.
    pub fn h2(&self) -> Door {
        Door::tls(address(self.public), HOST, "h2")
    }

    pub fn plain(&self) -> Door {
        Door::plain(address(self.plain))
    }

    /// Sends bytes.
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Answer {
        ask(&mut self.door().open().unwrap(), bytes.as_ref(), Duration::ZERO).unwrap()
    }

    /// Sends an event.
    pub fn post(&self, path: &str, kind: &str, body: &str) -> Answer {
        self.send(post(path, &[("Content-Type", kind)], body))
    }

    /// Sends a logout token.
    pub fn logout(&self, path: &str, token: &str) -> Answer {
        self.post(path, FORM, &format!("logout_token={token}"))
    }

    /// What the line says to an access token: `admitted`, or the reason.
    pub fn asks(&self, token: &str) -> String {
        let request = format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n");
        let answer = self.send(request);
        if answer.status == 200 { "admitted".into() } else { answer.reason().unwrap_or_default() }
    }

    /// How many requests to a route ended for a reason.
    pub fn refused(&self, route: &str, reason: &str) -> u64 {
        let (_, metrics) = self.gateway.admin("/metrics");
        let words = [format!("route=\"{route}\""), format!("reason=\"{reason}\"")];
        let lines = metrics.lines().filter(|line| words.iter().all(|word| line.contains(word)));
        lines.filter_map(|line| line.split(" # ").next()?.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// The lines of the access log with these words, as soon as there are so many, or after a while.
    pub fn logged(&self, words: &str, count: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let log = std::fs::read_to_string(self.config.with_file_name("access.log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().filter(|line| line.contains(words)).map(str::to_owned).collect();
            if lines.len() >= count || start.elapsed() > Duration::from_secs(3) {
                return lines;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many events of a source came to this.
    pub fn counted(&self, source: &str, outcome: &str) -> u64 {
        let (_, metrics) = self.gateway.admin("/metrics");
        let labels = format!("curfew_revocation_events_total{{source=\"{source}\",outcome=\"{outcome}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&labels));
        line.map_or(0, |count| count.parse().unwrap())
    }
}

/// A POST.
pub fn post(path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// An access token with a session and a subject of its own.
pub fn access(token: Token<'_>) -> (String, String, String) {
    let (sid, sub) = (unique("sid"), unique("sub"));
    (token.claim("sid", sid.clone()).claim("sub", sub.clone()).sign(), sid, sub)
}

/// Every row's failure at once.
#[derive(Default)]
pub struct Rows {
    rows: usize,
    wrong: Vec<String>,
}

impl Rows {
    pub fn is(&mut self, name: &str, answer: &Answer, status: u16) {
        self.rows += 1;
        let body = String::from_utf8_lossy(&answer.body);
        if answer.status != status {
            self.wrong.push(format!("{name}: {} and not {status}: {body}", answer.status));
        }
        if answer.header("cache-control") != Some("no-store") {
            self.wrong.push(format!("{name}: may be cached"));
        }
        if !body.is_empty() && answer.json().is_none() {
            self.wrong.push(format!("{name}: not JSON: {body}"));
        }
    }

    pub fn same(&mut self, name: &str, is: &str, should: &str) {
        self.rows += 1;
        if is != should {
            self.wrong.push(format!("{name}: {is} and not {should}"));
        }
    }

    pub fn finish(self) {
        println!("{} rows", self.rows);
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }
}
