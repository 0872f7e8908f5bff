//! A gateway with one Shared Signals source, its transmitter, and an issuer whose tokens it tells of.

use crate::support::answer::Answer;
use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, Mint, now, unique};
use crate::support::raw::{Door, ask};
use crate::support::upstream::Upstream;
use crate::support::wait::until;
use crate::transmitter::{OURS, Transmitter};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const PATH: &str = "/.curfew/events/signals";
pub const SECRET: &str = "Bearer agreed-on";

pub struct World {
    pub gateway: Gateway,
    pub transmitter: Transmitter,
    pub plain: u16,
    pub config: std::path::PathBuf,
    _upstream: Upstream,
    dir: TempDir,
}

/// A token of a user, and its names.
pub struct Held {
    pub token: String,
    pub jti: String,
    pub sid: String,
    pub sub: String,
    pub email: String,
}

impl World {
    /// The source's settings besides `kind`, `issuer`, `transmitter` and `audiences`.
    pub fn start(settings: &str) -> Self {
        let world = Self::start_unready(settings, Transmitter::start(&Mint::get().partner));
        world.gateway.wait_ready();
        world
    }

    /// In the settings, `{base}` is the transmitter, `{door}` the gateway as the transmitter reaches it.
    pub fn start_unready(settings: &str, transmitter: Transmitter) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let upstream = Upstream::start();
        let (plain, admin) = (free_port(), free_port());
        let mint = Mint::get();
        std::fs::write(dir.path().join("corp.json"), mint.corp_keys().to_string()).unwrap();
        std::fs::write(dir.path().join("secret"), SECRET).unwrap();
        let config = dir.path().join("curfew.yaml");
        let (dirname, echo, base) = (dir.path().display(), upstream.url(), transmitter.url(""));
        let settings = settings
            .replace("{base}", &base)
            .replace("{door}", &format!("http://127.0.0.1:{plain}{PATH}"))
            .replace("{secret}", &format!("{{ file: {dirname}/secret }}"));
        let (issuer, audiences) = (transmitter.issuer(), format!("[\"{OURS}\"]"));
        let text = format!(
            r#"
version: 1
gateway: {{ name: curfew-test, realm: curfew, exposure: full, workers: 1, grace: 1s }}
listeners:
  - {{ name: internal, address: "127.0.0.1:{plain}", plaintext: true }}
issuers:
  corp: {{ issuer: "{CORP}", keys: {{ file: {dirname}/corp.json }}, audiences: [{AUDIENCE}], algorithms: [RS256, ES256],
    revocable_claims: [email, tenant, device] }}
revocation:
  sources:
    signals:
      kind: ssf
      issuer: corp
      transmitter: "{issuer}"
      audiences: {audiences}
      allow_http: true
      allow_private_network: true
{settings}
upstreams: {{ echo: {{ endpoints: ["{echo}"] }} }}
policies: {{ api: {{}} }}
defaults: {{ policy: api }}
routes:
  - {{ name: all, hosts: [{HOST}], path: "/**", upstream: echo }}
telemetry: {{ audit: {{ file: {dirname}/audit/log }} }}
admin: {{ address: "127.0.0.1:{admin}" }}
"#
        );
        std::fs::write(&config, text).unwrap();
        transmitter.ask(|desk| desk.door = Some((address(plain), SECRET.into())));
        let gateway = Gateway::start_unready(&config, address(admin));
        Self { gateway, transmitter, plain, config, _upstream: upstream, dir }
    }

    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Answer {
        ask(&mut Door::plain(address(self.plain)).open().unwrap(), bytes.as_ref(), Duration::ZERO).unwrap()
    }

    /// Pushes an event.
    pub fn push(&self, token: &str) -> Answer {
        self.push_with(&[("Content-Type", "application/secevent+jwt"), ("Authorization", SECRET)], token)
    }

    pub fn push_with(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.send(format!(
            "POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// What the line says to an access token: `admitted`, or the reason.
    pub fn asks(&self, token: &str) -> String {
        let answer =
            self.send(format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"));
        if answer.status == 200 { "admitted".into() } else { answer.reason().unwrap_or_default() }
    }

    /// Waits until the line says this; how long that took.
    pub fn becomes(&self, token: &str, says: &str) -> Duration {
        let begun = Instant::now();
        until(says, Duration::from_secs(12), || (self.asks(token) == says).then_some(()));
        begun.elapsed()
    }

    /// Waits until it says that it is not ready, and why.
    pub fn waits_because(&self, why: &str) {
        let ask = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        until(why, Duration::from_secs(10), || {
            let mut conn = Door::plain(self.gateway.admin).open().ok()?;
            let answer = crate::support::raw::ask(&mut conn, ask, Duration::ZERO).ok()?;
            (answer.status == 503 && String::from_utf8_lossy(&answer.body).contains(why)).then_some(())
        });
    }

    pub fn counted(&self, outcome: &str) -> u64 {
        let (_, metrics) = self.gateway.admin("/metrics");
        let labels = format!("curfew_revocation_events_total{{source=\"signals\",outcome=\"{outcome}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&labels));
        line.map_or(0, |count| count.parse().unwrap())
    }
}

impl Held {
    pub fn new() -> Self {
        Self::issued(now() - 10)
    }

    pub fn issued(at: i64) -> Self {
        let (jti, sid, sub) = (unique("jti"), unique("sid"), unique("sub"));
        let email = format!("{sub}@example.org");
        let token = Mint::get().ec.token().claim("iat", at).claim("jti", jti.clone()).claim("sid", sid.clone());
        let token =
            token.claim("sub", sub.clone()).claim("email", email.clone()).claim("tenant", sub.replace("sub", "t"));
        Self { token: token.sign(), jti, sid, sub, email }
    }

    /// Another token of the same user and session.
    pub fn again(&self, at: i64) -> String {
        let token = Mint::get().ec.token().claim("iat", at).claim("sub", self.sub.clone());
        token.claim("email", self.email.clone()).sign()
    }

    pub fn user(&self) -> Value {
        json!({"format": "iss_sub", "iss": CORP, "sub": self.sub})
    }

    pub fn session(&self) -> Value {
        json!({"format": "complex", "session": {"format": "opaque", "id": self.sid}, "user": self.user()})
    }
}
