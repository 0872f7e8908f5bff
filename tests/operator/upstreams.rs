//! An upstream fails: is its cause told in the answer, the access log, the metrics and the process's log?

use super::PATIENCE;
use crate::support::answer::Answer;
use crate::support::config::address;
use crate::support::gateway::{Gateway, free_port};
use crate::support::raw::{Door, ask};
use crate::support::upstream::Upstream;
use crate::support::wait::until;
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

struct World {
    gateway: Gateway,
    door: Door,
    dead: u16,
    live: Upstream,
    dir: TempDir,
}

/// Takes a connection and a request, and answers so; then hangs up.
fn rude(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            _ = stream.read(&mut [0; 4096]);
            _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || listener.incoming().flatten().collect::<Vec<_>>());
    url
}

impl World {
    fn start(exposure: &str) -> Self {
        let (dir, live, dead) = (tempfile::tempdir().unwrap(), Upstream::start(), free_port());
        let (port, admin) = (free_port(), free_port());
        let config = dir.path().join("curfew.yaml");
        let log = dir.path().join("access.log");
        let text = yaml(&log, exposure, (port, admin), dead, &live.url());
        std::fs::write(&config, text).unwrap();
        let gateway = Gateway::start(&config, address(admin));
        Self { gateway, door: Door::plain(address(port)), dead, live, dir }
    }

    fn get(&self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n");
        ask(&mut self.door.open().unwrap(), request.as_bytes(), Duration::ZERO).unwrap()
    }

    /// The line of the access log about a path, once it is there.
    fn line(&self, path: &str) -> Value {
        until(&format!("a line about {path}"), PATIENCE, || {
            let text = std::fs::read_to_string(self.dir.path().join("access.log")).unwrap_or_default();
            let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.find(|line| line["path"] == path)
        })
    }

    fn until_logged(&self, words: &[&str]) {
        until(&format!("a line with {words:?} in {}", self.gateway.log()), PATIENCE, || {
            (self.logged(words) > 0).then_some(())
        });
    }

    fn logged(&self, words: &[&str]) -> usize {
        self.gateway.log().lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    fn metric(&self, series: &str) -> Option<String> {
        let text = self.gateway.admin("/metrics").1;
        text.lines().find_map(|line| Some(line.strip_prefix(series)?.trim().to_owned()))
    }
}

fn yaml(log: &Path, exposure: &str, (port, admin): (u16, u16), dead: u16, live: &str) -> String {
    let (log, hangs_up, garbage) = (log.display(), rude(""), rude("SSH-2.0-OpenSSH_9.9\r\n\r\n"));
    let (stops, silent) = (rude("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), silent());
    let route = |name: &str| format!("  - {{ name: {name}, path: '/{name}', access: open, upstream: {name} }}\n");
    let names = ["refuses", "hangs_up", "garbage", "stops", "silent", "nameless", "plain", "healed"];
    format!(
        "version: 1
admin: {{ address: 127.0.0.1:{admin} }}
gateway: {{ exposure: {exposure}, workers: 1 }}
telemetry: {{ access_log: {{ file: {log} }} }}
listeners:
  - {{ name: inside, address: 127.0.0.1:{port}, plaintext: true }}
defaults: {{ timeouts: {{ first_byte: 300ms }} }}
upstreams:
  refuses: {{ endpoints: ['http://127.0.0.1:{dead}'], outlier: {{ failures: 2, eject_for: 1ms }} }}
  hangs_up: {{ endpoints: ['http://{hangs_up}'] }}
  garbage: {{ endpoints: ['http://{garbage}'] }}
  stops: {{ endpoints: ['http://{stops}'] }}
  silent: {{ endpoints: ['http://{silent}'] }}
  nameless: {{ endpoints: ['http://nobody.invalid:80'] }}
  plain: {{ endpoints: ['https://{garbage}'] }}
  healed: {{ endpoints: ['http://127.0.0.1:{dead}', '{live}'], balance: {{ kind: round_robin }}, outlier: {{ failures: 0 }} }}
routes:
{}",
        names.map(route).concat()
    )
}

/// Path, status, reason, what failed.
const FAILURES: [(&str, u16, &str, &str); 6] = [
    ("refuses", 503, "upstream_unreachable", "connection_refused"),
    ("hangs_up", 502, "upstream_protocol_error", "connection_terminated"),
    ("garbage", 502, "upstream_protocol_error", "http_protocol_error"),
    ("silent", 504, "upstream_timeout", "http_response_timeout"),
    ("nameless", 503, "upstream_unreachable", "dns_error"),
    ("plain", 503, "upstream_unreachable", "tls_protocol_error"),
];

#[test]
fn the_cause_of_a_failure_is_told_everywhere() {
    let world = World::start("full");
    for (name, status, reason, failure) in FAILURES {
        let answer = world.get(&format!("/{name}"));
        let body = answer.json().unwrap();
        assert_eq!((answer.status, &body["reason"]), (status, &reason.into()), "{name}: {body}");
        let told = answer.header("proxy-status").unwrap();
        assert_eq!(told, format!("curfew; error={failure}; details=\"{reason}\""), "{name}");
        let line = world.line(&format!("/{name}"));
        let endpoint = line["endpoint"].as_str().unwrap();
        assert_eq!((&line["failure"], &line["upstream"]), (&failure.into(), &name.into()), "{line}");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("{endpoint}: {failure}: ")), "{name}: {detail}");
        assert!(line.get("failed_endpoint").is_none(), "{line}");
        let labels = format!(r#"{{upstream="{name}",endpoint="{endpoint}",failure="{failure}"}}"#);
        assert_eq!(world.metric(&format!("curfew_upstream_failures_total{labels}")).as_deref(), Some("1"), "{labels}");
    }
    // An answer that stops in its middle has a cause too.
    let request = "GET /stops HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
    _ = ask(&mut world.door.open().unwrap(), request.as_bytes(), Duration::ZERO);
    let line = world.line("/stops");
    assert_eq!((&line["failure"], &line["status"]), (&"http_response_incomplete".into(), &200.into()), "{line}");
}

#[test]
fn a_client_is_told_as_much_as_the_gateway_exposes() {
    for (exposure, error) in [("coarse", "connection_refused"), ("none", "destination_unavailable")] {
        let world = World::start(exposure);
        let answer = world.get("/refuses");
        assert!(answer.json().unwrap().get("detail").is_none(), "{exposure}");
        let told = answer.header("proxy-status").unwrap();
        assert!(told.starts_with(&format!("curfew; error={error}")), "{exposure}: {told}");
        assert!(!format!("{answer:?}").contains(&world.dead.to_string()), "{exposure}");
        assert_eq!(world.line("/refuses")["failure"], "connection_refused");
    }
}

/// What a retry heals is a failure all the same: in the metric, and in the line of the request.
#[test]
fn a_healed_failure_is_counted() {
    let world = World::start("coarse");
    for _ in 0..4 {
        assert_eq!(world.get("/healed").status, 200);
    }
    let dead = format!("http://127.0.0.1:{}", world.dead);
    let series = format!(
        r#"curfew_upstream_failures_total{{upstream="healed",endpoint="{dead}",failure="connection_refused"}}"#
    );
    // The retry takes its turn at the balancer too: so each request begins with the dead one.
    let healed = until("the lines of four healed requests", PATIENCE, || {
        let text = std::fs::read_to_string(world.dir.path().join("access.log")).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let healed: Vec<Value> = lines.filter(|line| line["attempts"] == 2).collect();
        (healed.len() == 4).then_some(healed)
    });
    assert_eq!(world.metric(&series).as_deref(), Some("4"));
    for line in healed {
        assert_eq!((&line["failed_endpoint"], &line["failure"]), (&(*dead).into(), &"connection_refused".into()));
        assert_eq!((&line["endpoint"], &line["status"]), (&world.live.url().into(), &200.into()));
    }
}

/// One line when it goes, one when it is back, however many requests fail meanwhile.
#[test]
fn ejection_and_return_are_logged_once() {
    let world = World::start("coarse");
    for _ in 0..6 {
        assert_eq!(world.get("/refuses").status, 503);
    }
    let gone = ["WARN", "endpoint ejected", "upstream=\"refuses\"", "connection_refused", "Connection refused"];
    world.until_logged(&gone);
    let listener = TcpListener::bind(("127.0.0.1", world.dead)).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            _ = stream.read(&mut [0; 4096]);
            _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    for _ in 0..3 {
        assert_eq!(world.get("/refuses").status, 200);
    }
    let back = ["INFO", "endpoint answers again", "upstream=\"refuses\"", "out="];
    world.until_logged(&back);
    assert_eq!((world.logged(&gone), world.logged(&back)), (1, 1), "{}", world.gateway.log());
}

#[test]
fn who_cannot_be_found_is_not_healthy() {
    let world = World::start("coarse");
    let healthy = |upstream: &str, endpoint: &str| {
        let labels = format!(r#"{{upstream="{upstream}",endpoint="{endpoint}"}}"#);
        world.metric(&format!("curfew_upstream_endpoint_healthy{labels}"))
    };
    assert_eq!(healthy("nameless", "http://nobody.invalid").as_deref(), Some("0.0"));
    assert_eq!(healthy("healed", &world.live.url()).as_deref(), Some("1.0"));
}
