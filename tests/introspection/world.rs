//! A gateway, four issuers that it may ask in different ways, and routes that ask them or do not.

use crate::idp::Idp;
use crate::support::answer::Answer;
use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, LEGACY, Mint, PARTNER, set};
use crate::support::raw::{Door, ask};
use crate::support::upstream::Upstream;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Secrets that need escaping, so that it matters whether they are.
pub const SECRET: &str = "s3cr+t &=%\u{e4}";

pub struct World {
    pub gateway: Gateway,
    pub idp: Idp,
    pub upstream: Upstream,
    pub config: PathBuf,
    plain: u16,
    _dir: TempDir,
}

impl World {
    /// Ready: everything was heard.
    pub fn start() -> Self {
        let world = Self::start_unready();
        world.gateway.wait_ready();
        world
    }

    /// The provider's feed can be scripted before it is asked.
    pub fn start_unready() -> Self {
        let idp = Idp::start();
        idp.json("/feed", &json!({"complete": true, "entries": []}));
        Self::start_with(idp)
    }

    pub fn start_with(idp: Idp) -> Self {
        Self::start_edited(idp, |config| config)
    }

    /// The same, with another config.
    pub fn start_edited(idp: Idp, edit: impl FnOnce(String) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let upstream = Upstream::start();
        let (plain, admin) = (free_port(), free_port());
        let mint = Mint::get();
        let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        put("corp.json", &mint.corp_keys().to_string());
        put("partner.json", &set(&[&mint.partner]).to_string());
        put("legacy.json", &set(&[&mint.legacy]).to_string());
        put("secret", SECRET);
        let base = idp.url("");
        idp.json("/jwks", &set(&[&mint.ed]));
        let (metadata, keys, asks) = ("/.well-known/openid-configuration", idp.url("/jwks"), idp.url("/found"));
        idp.json(metadata, &json!({"issuer": base, "jwks_uri": keys, "introspection_endpoint": asks}));
        let (d, echo) = (dir.path().display(), upstream.url());
        let client = format!("{{ client_id: \"gate:way\", client_secret: {{ file: {d}/secret }} }}");
        let local = "allow_http: true, allow_private_network: true";
        let text = format!(
            r#"
version: 1
gateway: {{ name: curfew-test, realm: curfew, exposure: full, workers: 1, grace: 1s }}
listeners:
  - {{ name: internal, address: "127.0.0.1:{plain}", plaintext: true }}
issuers:
  corp: {{ issuer: "{CORP}", keys: {{ file: {d}/corp.json }}, audiences: [{AUDIENCE}], algorithms: [RS256, ES256], {local},
    introspection: {{ endpoint: "{base}/corp", auth: {{ client_secret_basic: {client} }}, active_for: 5m, timeout: 20s,
      max_failures: 1000000 }} }}
  partner: {{ issuer: "{PARTNER}", keys: {{ file: {d}/partner.json }}, audiences: [{AUDIENCE}], {local},
    introspection: {{ endpoint: "{base}/partner", auth: {{ client_secret_post: {client} }}, active_for: 0s, timeout: 1s,
      max_failures: 3, pause: 500ms, max_in_flight: 2 }} }}
  legacy: {{ issuer: "{LEGACY}", keys: {{ file: {d}/legacy.json }}, audiences: [{AUDIENCE}], {local},
    introspection: {{ endpoint: "{base}/legacy", auth: {{ client_secret_basic: {client} }}, signed: true, active_for: 0s,
      max_failures: 1000000 }} }}
  found: {{ issuer: "{base}", audiences: [{AUDIENCE}], {local},
    introspection: {{ auth: {{ bearer: {{ file: {d}/bearer }} }}, active_for: 0s, timeout: 5s, max_failures: 1000000 }} }}
revocation:
  sources:
    feed: {{ kind: poll, issuer: found, url: "{base}/feed", interval: 100ms, timeout: 1s, max_staleness: 3s, {local} }}
upstreams: {{ echo: {{ endpoints: ["{echo}"] }} }}
policies:
  always: {{ revocation: {{ introspection: always }} }}
  stale: {{ revocation: {{ introspection: when_stale }} }}
  wish: {{ revocation: {{ introspection: when_stale, on_stale: allow, cold_start: deny }} }}
  cold: {{ revocation: {{ cold_start: introspect }} }}
  accept: {{ revocation: {{ cold_start: accept }} }}
  never: {{}}
defaults: {{ policy: never }}
routes:
  - {{ name: always, hosts: [{HOST}], path: "/always", policy: always, upstream: echo }}
  - {{ name: stale, hosts: [{HOST}], path: "/stale", policy: stale, upstream: echo }}
  - {{ name: wish, hosts: [{HOST}], path: "/wish", policy: wish, upstream: echo }}
  - {{ name: cold, hosts: [{HOST}], path: "/cold", policy: cold, upstream: echo }}
  - {{ name: accept, hosts: [{HOST}], path: "/accept", policy: accept, upstream: echo }}
  - {{ name: never, hosts: [{HOST}], path: "/never", upstream: echo }}
telemetry: {{ access_log: {{ file: {d}/access.log }} }}
admin: {{ address: "127.0.0.1:{admin}" }}
"#
        );
        put("bearer", "gateways-own-token");
        let config = dir.path().join("curfew.yaml");
        std::fs::write(&config, edit(text)).unwrap();
        let gateway = Gateway::start_unready(&config, address(admin));
        Self { gateway, idp, upstream, config, plain, _dir: dir }
    }

    pub fn door(&self) -> Door {
        Door::plain(address(self.plain))
    }

    pub fn get(&self, path: &str, token: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n");
        ask(&mut self.door().open().unwrap(), request.as_bytes(), Duration::ZERO).unwrap()
    }

    /// What the line says to an access token: `admitted`, or the reason.
    pub fn asks(&self, path: &str, token: &str) -> String {
        let answer = self.get(path, token);
        if answer.status == 200 { "admitted".into() } else { answer.reason().unwrap_or_default() }
    }

    /// The value of a metric.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, metrics) = self.gateway.admin("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }
}

/// A token of CORP.
pub fn corp() -> String {
    Mint::get().ec.token().sign()
}

/// One of PARTNER, whose answers are not kept, who is given up early.
pub fn partner() -> String {
    Mint::get().partner.token().claim("iss", PARTNER).sign()
}

/// One of LEGACY, whose answers are signed.
pub fn legacy() -> String {
    Mint::get().legacy.token().claim("iss", LEGACY).sign()
}

/// One of the issuer that is found by its metadata, and has a feed.
pub fn found(idp: &Idp) -> String {
    Mint::get().ed.token().claim("iss", idp.url("")).sign()
}
