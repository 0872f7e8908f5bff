//! Whole gateways that share their sessions in a Redis, by any of its kinds: what tests ask of one.

use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::grpc::Grpc;
use crate::support::mint::{AUDIENCE, CORP, Mint, now};
use crate::support::raw::{Conn, Door, ask};
use crate::support::upstream::Upstream;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The idle limit of all policies but `lax`, and how often it is told that a session was used.
pub const IDLE: Duration = Duration::from_secs(2);
pub const INTERVAL: Duration = Duration::from_millis(200);
/// How long a request may wait for Redis.
pub const LOOK_UP: Duration = Duration::from_millis(200);

/// How long a Redis that was lost is not believed. Gateways find it again within less.
pub const SETTLE: Duration = Duration::from_secs(3);

/// What was answered: the status, the reason, and after how long.
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub took: Duration,
}

pub struct Gate {
    pub gateway: Gateway,
    config: PathBuf,
    port: u16,
}

impl Gate {
    /// With this Redis. Paths are named by what the policy says of a lost store: `/deny`, `/local`, `/allow`; `/lax` is for an
    /// hour of silence, `/plain` and `/poll-plain` for any; `/poll` shows no user, and neither do `/poll-deny`, `/poll-local` and `/poll-allow`.
    /// What lasts is at `/deny/socket`, `/deny/quiet` and `/deny/grpc`, and so on.
    pub fn start(dir: &Path, name: &str, redis: &Value, upstream: &Upstream) -> Self {
        Self::with(dir, name, redis, &IDLE, upstream)
    }

    pub fn with(dir: &Path, name: &str, redis: &Value, idle: &Duration, upstream: &Upstream) -> Self {
        Self::settling(dir, name, redis, (*idle, SETTLE), upstream)
    }

    /// The same, and so long nobody believes a store that was lost.
    pub fn settling(
        dir: &Path,
        name: &str,
        redis: &Value,
        (idle, settle): (Duration, Duration),
        upstream: &Upstream,
    ) -> Self {
        let (port, admin) = (free_port(), free_port());
        let (config, keys, secret) = (dir.join(name), dir.join("corp.json"), dir.join("secret"));
        std::fs::write(&keys, Mint::get().corp_keys().to_string()).unwrap();
        std::fs::write(&secret, "the key of the fleet").unwrap();
        let idle = format!("{}ms", idle.as_millis());
        let policy = |loss: &str| json!({"session": {"idle": idle, "on_state_loss": loss}});
        let route = |path: &str, policy: &str| json!({"name": path.replace('/', "-"), "hosts": [HOST], "path": format!("/{path}"), "policy": policy, "upstream": "echo"});
        let polled = |name: &str, policy: &str| {
            let mut route = route(name, policy);
            route["activity"] = "none".into();
            route
        };
        let mut routes =
            vec![route("lax", "lax"), polled("poll", "deny"), route("plain", "plain"), polled("poll-plain", "plain")];
        for policy in ["deny", "local", "allow"] {
            let mut socket = route(&format!("{policy}/socket"), policy);
            socket["websocket"] = true.into();
            let mut grpc = route(&format!("{policy}/grpc"), policy);
            grpc["upstream"] = "grpc".into();
            let events = route(&format!("{policy}/quiet"), policy);
            routes.extend([route(policy, policy), polled(&format!("poll-{policy}"), policy), socket, grpc, events]);
        }
        let text = json!({
            "version": 1,
            "gateway": {"name": name, "exposure": "full", "workers": 1, "grace": "1s"},
            "listeners": [{"name": "plain", "address": format!("127.0.0.1:{port}"), "plaintext": true, "h2c": true}],
            "issuers": {"corp": {"issuer": CORP, "keys": {"file": keys}, "audiences": [AUDIENCE],
                "algorithms": ["RS256", "ES256", "EdDSA"]}},
            "telemetry": {"hash_key": {"file": secret}},
            "upstreams": {"echo": {"endpoints": [upstream.url()]},
                "grpc": {"endpoints": [Grpc::get().url()], "protocol": "http2"}},
            "policies": {"deny": policy("deny"), "local": policy("local"), "allow": policy("allow"),
                "lax": {"session": {"idle": "1h", "extend": "allow"}}, "plain": {}},
            "routes": routes,
            "sessions": {"state": "redis", "redis": redis, "interval": format!("{}ms", INTERVAL.as_millis()),
                "look_up": format!("{}ms", LOOK_UP.as_millis()), "settle": format!("{}ms", settle.as_millis()), "door": {"route": "lax"}},
            "admin": {"address": format!("127.0.0.1:{admin}")},
        });
        std::fs::write(&config, text.to_string()).unwrap();
        Self { gateway: Gateway::start(&config, address(admin)), config, port }
    }

    /// Ends it as an operator does, and waits until it is gone.
    pub fn stop(&self) {
        let sent = std::process::Command::new("kill").arg(self.gateway.pid.to_string()).status().unwrap();
        assert!(sent.success());
        let bound = Instant::now() + Duration::from_secs(10);
        while self.gateway.lives() {
            assert!(Instant::now() < bound, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it, and starts another in its place.
    pub fn restart(&mut self) {
        self.stop();
        self.gateway = Gateway::start(&self.config, self.gateway.admin);
    }

    pub fn door(&self) -> Door {
        Door::plain(address(self.port))
    }

    pub fn open(&self) -> Conn {
        self.door().open().unwrap()
    }

    /// A request of this session, with a token that was made just now and proves nothing of the past.
    pub fn asks(&self, path: &str, sid: &str) -> Answer {
        self.sends(&mut self.open(), path, &token(sid))
    }

    pub fn sends(&self, conn: &mut Conn, path: &str, token: &str) -> Answer {
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n");
        let began = Instant::now();
        let answer = ask(conn, request.as_bytes(), Duration::ZERO).unwrap();
        let took = began.elapsed();
        Answer { status: answer.status, reason: answer.reason().unwrap_or_default(), took }
    }

    /// Its user asks for more time, on the route of an hour of silence.
    pub fn extends(&self, sid: &str) -> u16 {
        let head =
            format!("POST /.curfew/session/extend HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}", token(sid));
        let request = format!("{head}\r\nCurfew-Extend: 1\r\nContent-Length: 0\r\n\r\n");
        ask(&mut self.open(), request.as_bytes(), Duration::ZERO).unwrap().status
    }

    pub fn metric(&self, name: &str) -> f64 {
        let (_, metrics) = self.gateway.admin("/metrics");
        let found = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        found.unwrap_or_else(|| panic!("no {name} in {metrics}"))
    }

    /// How many requests were judged without Redis, by what the policy says then.
    pub fn lost(&self) -> [f64; 3] {
        ["deny", "local", "allow"]
            .map(|policy| self.metric(&format!("curfew_session_state_lost_total{{policy=\"{policy}\"}}")))
    }
}

/// A fresh token of this session.
pub fn token(sid: &str) -> String {
    Mint::get().ec.token().claim("sid", sid).claim("iat", now()).sign()
}
