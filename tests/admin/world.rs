//! A gateway with an admin listener, an operator's token or none, and a feed of its own.

use crate::support::answer::Answer;
use crate::support::authority::Authority;
use crate::support::config::{HOST, address};
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, Mint, PARTNER, set, unique};
use crate::support::raw::{Door, ask};
use crate::support::upstream::Upstream;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub const TOKEN: &str = "an operator's token, for tests";

pub struct World {
    pub gateway: Gateway,
    _upstream: Upstream,
    pub audit: PathBuf,
    pub admin: SocketAddr,
    public: u16,
    pub dir: TempDir,
}

impl World {
    /// With members of `admin`, besides its address and its audit log.
    pub fn start(admin_settings: &str) -> Self {
        Self::with(admin_settings, "")
    }

    /// With one more source.
    pub fn with(admin_settings: &str, source: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let upstream = Upstream::start();
        let (public, admin) = (free_port(), free_port());
        let mint = Mint::get();
        Authority::get().server(dir.path(), "server", &[HOST, "localhost"]);
        Authority::get().write_root(dir.path());
        std::fs::write(dir.path().join("corp.json"), mint.corp_keys().to_string()).unwrap();
        std::fs::write(dir.path().join("partner.json"), set(&[&mint.partner]).to_string()).unwrap();
        std::fs::write(dir.path().join("feed.ndjson"), "{\"type\":\"subject\",\"id\":\"fed\"}\n").unwrap();
        std::fs::write(dir.path().join("token"), format!("{TOKEN}\n")).unwrap();
        std::fs::create_dir(dir.path().join("audit")).unwrap();
        let audit = dir.path().join("audit/log");
        let (config, d, echo) = (dir.path().join("curfew.yaml"), dir.path().display(), upstream.url());
        let admin_settings = admin_settings.replace("DIR", &d.to_string());
        std::fs::write(
            &config,
            format!(
                r#"
version: 1
gateway: {{ name: curfew-test, exposure: full, workers: 1, grace: 1s }}
listeners:
  - {{ name: public, address: "127.0.0.1:{public}", plaintext: true }}
issuers:
  corp: {{ issuer: "{CORP}", keys: {{ file: {d}/corp.json }}, audiences: [{AUDIENCE}], algorithms: [RS256, ES256, EdDSA], revocable_claims: [tenant] }}
  partner: {{ issuer: "{PARTNER}", keys: {{ file: {d}/partner.json }}, audiences: [{AUDIENCE}] }}
revocation:
  sources:
    list: {{ kind: file, issuer: corp, path: {d}/feed.ndjson, format: ndjson }}
    {source}
upstreams: {{ echo: {{ endpoints: ["{echo}"] }} }}
policies: {{ api: {{}} }}
defaults: {{ policy: api }}
routes:
  - {{ name: all, hosts: [{HOST}], path: "/**", upstream: echo }}
admin: {{ address: "127.0.0.1:{admin}", audit: {{ file: {d}/audit/log }}, {admin_settings} }}
"#
            ),
        )
        .unwrap();
        let admin = address(admin);
        let gateway = if admin_settings.contains("tls:") {
            let gateway = Gateway::start_unready(&config, admin);
            crate::support::wait::until("listening", Duration::from_secs(20), || {
                std::thread::sleep(Duration::from_millis(20));
                std::net::TcpStream::connect(address(public)).ok()
            });
            gateway
        } else {
            Gateway::start(&config, admin)
        };
        Self { gateway, _upstream: upstream, audit, admin, public, dir }
    }

    /// What the line says to an access token: `admitted`, or the reason.
    pub fn asks(&self, token: &str) -> String {
        let request = format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n");
        let answer = ask(&mut Door::plain(address(self.public)).open().unwrap(), request.as_bytes(), Duration::ZERO);
        let answer = answer.unwrap();
        if answer.status == 200 { "admitted".into() } else { answer.reason().unwrap_or_default() }
    }

    /// A request to the admin listener, of these very fields.
    pub fn send(&self, line: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("{line} HTTP/1.1\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
        let bytes = [head.as_bytes(), body].concat();
        ask(&mut Door::plain(self.admin).open().unwrap(), &bytes, Duration::ZERO).unwrap()
    }

    /// An operator's request, in JSON.
    pub fn json(&self, line: &str, body: &Value) -> Answer {
        self.typed(line, "application/json", &body.to_string())
    }

    pub fn typed(&self, line: &str, kind: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let fields = [("Host", "localhost"), ("Authorization", &*bearer), ("Content-Type", kind)];
        self.send(line, &fields, body.as_bytes())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.json(&format!("GET {path}"), &Value::Null)
    }

    /// The lines of the audit log.
    pub fn audited(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.audit).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs a command of `curfew` against this gateway.
    pub fn command(&self, arguments: &[&str], input: &str) -> Output {
        self.command_at(&format!("http://{}", self.admin), arguments, input)
    }

    pub fn command_at(&self, url: &str, arguments: &[&str], input: &str) -> Output {
        use std::io::Write as _;
        let mut child = Command::new(env!("CARGO_BIN_EXE_curfew"))
            .args(arguments)
            .args(["--admin", url])
            .env("CURFEW_ADMIN_TOKEN_FILE", self.dir.path().join("token"))
            .env("USER", "tester")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that reads nothing of it may be gone already.
        _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }
}

/// What a command said.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// An access token of a subject and a session of its own.
pub fn access() -> (String, String, String) {
    let (sid, sub) = (unique("sid"), unique("sub"));
    (Mint::get().rsa.token().claim("sid", sid.clone()).claim("sub", sub.clone()).sign(), sid, sub)
}
