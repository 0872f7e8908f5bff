//! Whole gateways: a user signs out at one, and is refused by all.

use crate::instance::until;
use crate::redis::Redis;
use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, Mint, now, unique};
use crate::support::raw::{Door, ask};
use crate::support::upstream::Upstream;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

pub struct One {
    pub gateway: Gateway,
    port: u16,
}

impl One {
    pub fn start(dir: &Path, name: &str, redis: &Redis, upstream: &Upstream) -> Self {
        let fleet = json!({"redis": {"urls": [redis.url()]}, "instance": name});
        Self::with(dir, name, &fleet, None, upstream)
    }

    /// With this channel, and what it keeps in this directory.
    pub fn with(dir: &Path, name: &str, fleet: &Value, state: Option<&Path>, upstream: &Upstream) -> Self {
        let (port, admin) = (free_port(), free_port());
        let (config, keys, secret) = (dir.join(name), dir.join("corp.json"), dir.join("secret"));
        std::fs::write(&keys, Mint::get().corp_keys().to_string()).unwrap();
        std::fs::write(&secret, "the key of the fleet").unwrap();
        let text = json!({
            "version": 1,
            "gateway": {"name": name, "exposure": "full", "workers": 1, "grace": "1s", "state_dir": state},
            "listeners": [{"name": "plain", "address": format!("127.0.0.1:{port}"), "plaintext": true}],
            "issuers": {"corp": {"issuer": CORP, "keys": {"file": keys}, "audiences": [AUDIENCE],
                "algorithms": ["RS256", "ES256", "EdDSA"]}},
            "revocation": {
                "sources": {"logout": {"kind": "backchannel_logout", "issuer": "corp", "client_ids": ["shop"]}},
                "fleet": fleet,
            },
            "telemetry": {"hash_key": {"file": secret}},
            "upstreams": {"echo": {"endpoints": [upstream.url()]}},
            "policies": {"api": {}},
            "defaults": {"policy": "api"},
            "routes": [{"name": "all", "hosts": [HOST], "path": "/**", "upstream": "echo"}],
            "admin": {"address": format!("127.0.0.1:{admin}")},
        });
        std::fs::write(&config, text.to_string()).unwrap();
        Self { gateway: Gateway::start(&config, address(admin)), port }
    }

    fn send(&self, request: &str) -> (u16, String) {
        let mut open = Door::plain(address(self.port)).open().unwrap();
        let answer = ask(&mut open, request.as_bytes(), Duration::ZERO).unwrap();
        (answer.status, answer.reason().unwrap_or_default())
    }

    /// An operator's entries, a line each: `POST /revocations`, or `/revocations/lift`.
    pub fn enters(&self, path: &str, subjects: &[&str]) {
        let entry = |id: &&str| json!({"issuer": "corp", "type": "subject", "id": id});
        let body = Value::from(subjects.iter().map(entry).collect::<Vec<_>>()).to_string();
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let mut open = Door::plain(self.gateway.admin).open().unwrap();
        let answer = ask(&mut open, request.as_bytes(), Duration::ZERO).unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }

    pub fn asks(&self, token: &str) -> (u16, String) {
        self.send(&format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"))
    }

    pub fn ends(&self, sid: &str) -> u16 {
        let claims = json!({"iss": CORP, "aud": "shop", "iat": now(), "exp": now() + 120, "jti": unique("logout"),
            "sid": sid, "events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
        let mut token = Mint::get().ec.token().head("typ", "logout+jwt");
        token.claims.clear();
        let claims = claims.as_object().unwrap().iter();
        let token = claims.fold(token, |token, (name, value)| token.claim(name, value.clone())).sign();
        let body = format!("logout_token={token}");
        let head = "Content-Type: application/x-www-form-urlencoded";
        let path = "/.curfew/events/logout";
        let length = body.len();
        self.send(&format!("POST {path} HTTP/1.1\r\nHost: {HOST}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}"))
            .0
    }

    pub fn metric(&self, name: &str) -> Option<f64> {
        let (_, metrics) = self.gateway.admin("/metrics");
        metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_at_one_gateway_is_refused_by_all() {
    let (dir, redis, upstream) = (tempfile::tempdir().unwrap(), Redis::start(), Upstream::start());
    let fleet = ["one", "two", "three"].map(|name| One::start(dir.path(), name, &redis, &upstream));
    let [one, two, three] = &fleet;
    let sid = unique("sid");
    let token = Mint::get().ec.token().claim("sid", sid.clone()).sign();
    assert!(fleet.iter().all(|gateway| gateway.asks(&token).0 == 200));
    let began = Instant::now();
    assert_eq!(one.ends(&sid), 200);
    for gateway in [two, three] {
        until("it is refused", || gateway.asks(&token).0 == 401).await;
        println!("refused there {:?} after it was sent", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(1));
        assert_eq!(gateway.asks(&token).1, one.asks(&token).1);
        assert_eq!(gateway.metric("curfew_fleet_connected"), Some(1.0));
        let lag = "curfew_revocation_apply_lag_seconds_count{source=\"fleet\"}";
        assert_eq!(gateway.metric(lag), Some(1.0));
    }
    assert_eq!(one.metric("curfew_fleet_written_total"), Some(1.0));
    // One more comes, and knows it before it is ready.
    let late = One::start(dir.path(), "late", &redis, &upstream);
    assert_eq!(late.asks(&token).0, 401);
}
