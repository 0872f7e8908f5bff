//! What an operator asks at night: are lines lost, whose keys are missing, whose clock is wrong, who revoked this token,
//! and how much do clients learn?

use super::PATIENCE;
use crate::support::answer::Answer;
use crate::support::config::address;
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, Mint, now};
use crate::support::raw::{Door, ask};
use crate::support::upstream::Upstream;
use crate::support::wait::until;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;
use tempfile::TempDir;

struct World {
    gateway: Gateway,
    door: Door,
    upstream: Upstream,
    dir: TempDir,
}

/// What differs: members of the blocks.
#[derive(Default)]
struct Changes {
    gateway: &'static str,
    /// The keys of the issuer.
    keys: Option<String>,
    /// `{dir}` is the world's.
    access_log: Option<&'static str>,
}

impl World {
    fn start(changes: &Changes) -> Self {
        let world = Self::start_unready(changes);
        world.gateway.wait_ready();
        world
    }

    fn start_unready(changes: &Changes) -> Self {
        let (dir, upstream) = (tempfile::tempdir().unwrap(), Upstream::start());
        let (port, admin, path) = (free_port(), free_port(), dir.path().display().to_string());
        fs::create_dir(dir.path().join("logs")).unwrap();
        fs::write(dir.path().join("corp.json"), Mint::get().corp_keys().to_string()).unwrap();
        fs::write(dir.path().join("revoked.txt"), "gone-1\n").unwrap();
        let keys = changes.keys.clone().unwrap_or_else(|| format!("keys: {{ file: {path}/corp.json }}"));
        let access_log = changes.access_log.unwrap_or("off").replace("{dir}", &path);
        let text = format!(
            "version: 1
admin: {{ address: 127.0.0.1:{admin} }}
gateway: {{ workers: 1, grace: 1s, {} }}
telemetry: {{ access_log: {access_log} }}
listeners:
  - {{ name: inside, address: 127.0.0.1:{port}, plaintext: true }}
issuers:
  corp: {{ issuer: '{CORP}', audiences: [{AUDIENCE}], leeway: 10s, {keys} }}
revocation:
  sources:
    list: {{ kind: file, issuer: corp, path: {path}/revoked.txt, max_staleness: off }}
upstreams:
  echo: {{ endpoints: ['{}'] }}
policies:
  standard: {{ issuers: [corp] }}
routes:
  - {{ name: orders, path: '/orders', policy: standard, upstream: echo }}
  - {{ name: open, path: '/open', access: open, upstream: echo }}
",
            changes.gateway,
            upstream.url()
        );
        let config = dir.path().join("curfew.yaml");
        fs::write(&config, text).unwrap();
        let gateway = Gateway::start_unready(&config, address(admin));
        Self { gateway, door: Door::plain(address(port)), upstream, dir }
    }

    fn get(&self, path: &str, fields: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n{fields}\r\n");
        let mut conn = until("the listener", PATIENCE, || self.door.open().ok());
        ask(&mut conn, request.as_bytes(), Duration::ZERO).unwrap()
    }

    fn logged(&self, words: &[&str]) -> usize {
        self.gateway.log().lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    fn until_logged(&self, words: &[&str]) {
        until(&format!("a line with {words:?}"), PATIENCE, || (self.logged(words) > 0).then_some(()));
    }

    fn metric(&self, series: &str) -> Option<f64> {
        let text = self.gateway.admin("/metrics").1;
        text.lines().find_map(|line| line.strip_prefix(series)?.split_whitespace().next()?.parse().ok())
    }

    fn until_metric(&self, series: &str, is: impl Fn(f64) -> bool) {
        until(&format!("{series} in {}", self.gateway.admin("/metrics").1), PATIENCE, || {
            self.metric(series).filter(|value| is(*value)).map(drop)
        });
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

const UNWRITTEN: &str = "curfew_access_log_lines_unwritten_total";
const LOST: [&str; 2] = ["WARN", "lines of the access log are lost"];

/// A full disk costs lines, which are counted, and no request.
#[test]
fn lines_for_a_full_disk_are_counted_and_told_of_once() {
    let world = World::start(&Changes { access_log: Some("{ file: /dev/full }"), ..Changes::default() });
    assert_eq!(world.metric(UNWRITTEN), Some(0.0));
    for _ in 0..3 {
        assert_eq!(world.get("/open", "").status, 200);
    }
    world.until_metric(UNWRITTEN, |lines| lines == 3.0);
    world.until_logged(&["No space left on device"]);
    assert_eq!(world.logged(&LOST), 1, "{}", world.gateway.log());
}

/// A file that was moved away is begun anew; where it cannot be, that is told, and its end too.
#[test]
fn a_log_whose_file_is_gone_is_begun_anew() {
    let world = World::start(&Changes { access_log: Some("{ file: '{dir}/logs/access.log' }"), ..Changes::default() });
    let (logs, file) = (world.dir.path().join("logs"), world.dir.path().join("logs/access.log"));
    let written = |count: usize| {
        until(&format!("{count} lines"), PATIENCE, || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            (text.lines().count() == count && text.ends_with('\n')).then_some(())
        });
    };
    world.get("/open", "");
    written(1);
    fs::rename(&file, logs.join("access.log.1")).unwrap();
    world.get("/open", "");
    written(1);
    assert_eq!((world.metric(UNWRITTEN), world.logged(&LOST)), (Some(0.0), 0));

    fs::rename(&logs, world.dir.path().join("elsewhere")).unwrap();
    world.get("/open", "");
    world.get("/open", "");
    world.until_metric(UNWRITTEN, |lines| lines == 2.0);
    fs::create_dir(&logs).unwrap();
    world.get("/open", "");
    written(1);
    world.until_logged(&["INFO", "the access log is written again", "out="]);
    assert_eq!(world.logged(&LOST), 1, "{}", world.gateway.log());
}

/// Whose keys are missing is known, though nothing of the token was verified. Whoever names nobody of ours is nobody.
#[test]
fn missing_keys_are_counted_at_their_issuer() {
    let keys = format!(
        "keys: {{ url: 'http://127.0.0.1:{}/keys' }}, allow_http: true, allow_private_network: true",
        free_port()
    );
    let world = World::start_unready(&Changes { keys: Some(keys), ..Changes::default() });
    let ours = Mint::get().rsa.token().sign();
    let answer = world.get("/orders", &bearer(&ours));
    assert_eq!((answer.status, answer.reason().as_deref()), (503, Some("key_unavailable")));
    let theirs = Mint::get().rsa.token().claim("iss", "https://stranger.example").sign();
    assert_eq!(world.get("/orders", &bearer(&theirs)).reason().as_deref(), Some("issuer_untrusted"));
    let series = |decision: &str, reason: &str, issuer: &str| {
        format!(r#"curfew_decisions_total{{decision="{decision}",reason="{reason}",route="orders",issuer="{issuer}"}}"#)
    };
    assert_eq!(world.metric(&series("error", "key_unavailable", "corp")), Some(1.0));
    assert_eq!(world.metric(&series("deny", "issuer_untrusted", "")), Some(1.0));
    assert_eq!(world.upstream.count(), 0);
}

/// A provider of keys whose clock is off by so many seconds.
fn provider(ahead: &Arc<AtomicI64>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, ahead) = (listener.local_addr().unwrap().port(), Arc::clone(ahead));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            _ = stream.read(&mut [0; 8192]);
            let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead.load(Relaxed));
            let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap();
            let body = Mint::get().corp_keys().to_string();
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            _ = write!(stream, "{head}\r\ndate: {date}\r\ncontent-length: {length}\r\n\r\n{body}");
        }
    });
    port
}

/// Negative is ahead, as the metric's page says.
#[test]
fn a_wrong_clock_is_told_once_and_its_end_once() {
    let ahead = Arc::new(AtomicI64::new(3600));
    let port = provider(&ahead);
    let keys = format!(
        "refresh: 1s, keys: {{ url: 'http://127.0.0.1:{port}/keys' }}, allow_http: true, allow_private_network: true"
    );
    let world = World::start(&Changes { keys: Some(keys), ..Changes::default() });
    let skew = r#"curfew_issuer_date_skew_seconds{issuer="corp"}"#;
    world.until_metric(skew, |skew| (-3605.0..-3595.0).contains(&skew));
    world.until_logged(&["WARN", "the issuer's clock is ahead of this gateway's", "issuer=\"corp\"", "leeway=10s"]);
    ahead.store(-1800, Relaxed);
    world.until_metric(skew, |skew| (1795.0..1805.0).contains(&skew));
    ahead.store(0, Relaxed);
    world.until_metric(skew, |skew| skew.abs() < 5.0);
    world.until_logged(&["INFO", "agree again", "issuer=\"corp\""]);
    assert_eq!(world.logged(&["the issuer's clock is"]), 1, "{}", world.gateway.log());
    // Before it hurts: more than half of the leeway, and less than all of it.
    ahead.store(8, Relaxed);
    world.until_logged(&["WARN", "ahead of this gateway's by more than half its leeway", "apart=", "leeway=10s"]);
    assert_eq!(world.logged(&["the issuer's clock is"]), 2, "{}", world.gateway.log());
    assert_eq!(world.metric(r#"curfew_issuer_leeway_seconds{issuer="corp"}"#), Some(10.0));
}

/// Told by the tokens themselves, where the provider says no time, and once for all of them.
#[test]
fn tokens_from_the_future_are_told_before_they_are_refused() {
    let world = World::start(&Changes::default());
    for ahead in [1, 2, 7, 8, 8] {
        let token = Mint::get().rsa.token().claim("iat", now() + ahead).sign();
        assert_eq!(world.get("/orders", &bearer(&token)).status, 200, "{ahead}");
    }
    world.until_logged(&["WARN", "tokens come from the future", "issuer=\"corp\"", "ahead=", "leeway=10s"]);
    assert_eq!(world.logged(&["tokens come from the future"]), 1, "{}", world.gateway.log());
}

/// Who revoked a token, and when that was learned.
#[test]
fn explain_names_the_source_of_a_revocation() {
    let world = World::start(&Changes::default());
    let explain = |token: &str, more: &[&str]| {
        let file = world.dir.path().join("token");
        fs::write(&file, token).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        command.args(["explain", "--request", "GET https://api.example.com/orders", "--token-file"]).arg(&file);
        let output = command.arg("-c").arg(world.dir.path().join("curfew.yaml")).args(more).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let gone = Mint::get().rsa.token().claim("jti", "gone-1").sign();
    let text = explain(&gone, &[]);
    assert!(text.contains("token_revoked"), "{text}");
    assert!(text.contains("\n  revoked    by revocation.sources.list, learned 20"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&explain(&gone, &["--json"])).unwrap();
    assert_eq!(json["revoked_by"]["source"], "list", "{json:#}");
    let learned: jiff::Timestamp = json["revoked_by"]["learned"].as_str().unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(learned).abs() < jiff::SignedDuration::from_mins(1), "{json:#}");
    assert!(!explain(&Mint::get().rsa.token().sign(), &[]).contains("revoked    by"));
}

/// A field that only the gateway may set is taken off, or refused where the settings are strict.
#[test]
fn strict_headers_refuse_what_is_else_removed() {
    let strict = World::start(&Changes { gateway: "strict_headers: true", ..Changes::default() });
    let lax = World::start(&Changes::default());
    for field in ["Curfew-Subject: root\r\n", "curfew-scope: admin\r\n", "X-Forwarded-For: 192.0.2.1\r\n"] {
        let answer = strict.get("/open", field);
        let name = field.split_once(':').unwrap().0;
        assert_eq!((answer.status, answer.reason().as_deref()), (400, Some("forbidden_header")), "{field}");
        let passed = lax.get("/open", field);
        assert_eq!(passed.status, 200, "{field}");
        assert!(!String::from_utf8_lossy(&passed.body).contains("root"), "{field}");
        let seen = lax.upstream.last();
        assert!(!seen.all(name).iter().any(|value| field.contains(value)), "{field}: {seen:?}");
    }
    assert_eq!(strict.upstream.count(), 0);
    assert_eq!(strict.get("/open", "X-Mine: 1\r\n").status, 200);
}

/// What a client learns of a refusal at each level; the status and the scheme are always told.
#[test]
fn exposure_says_how_much_a_client_learns() {
    let expired = Mint::get().rsa.token().claim("exp", 1_000_000_100).claim("iat", 1_000_000_000).sign();
    // Level, the error of the challenge, the reason, and the numbers.
    for (level, error, reason, numbers) in [
        ("exposure: none", false, false, false),
        ("exposure: coarse", true, true, false),
        ("exposure: full", true, true, true),
    ] {
        let world = World::start(&Changes { gateway: level, ..Changes::default() });
        let answer = world.get("/orders", &bearer(&expired));
        let (body, challenge) = (answer.json().unwrap(), answer.header("www-authenticate").unwrap());
        assert_eq!((answer.status, &body["status"]), (401, &401.into()), "{level}");
        assert!(challenge.starts_with("Bearer realm="), "{level}");
        assert_eq!(challenge.contains("invalid_token"), error, "{level}: {challenge}");
        assert_eq!(body.get("reason").is_some_and(|reason| reason == "token_expired"), reason, "{level}: {body}");
        assert_eq!(body["type"] == "about:blank", !reason, "{level}: {body}");
        assert_eq!((body.get("detail").is_some(), body.get("checks").is_some()), (numbers, numbers), "{level}: {body}");
        let all = format!("{answer:?}");
        assert_eq!(all.contains("expired"), reason, "{level}: {all}");
        assert_eq!(String::from_utf8_lossy(&answer.body).contains("2001"), numbers, "{level}: {body}");
    }
}
