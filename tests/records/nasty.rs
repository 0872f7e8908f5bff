//! What a client writes, into fields or into claims, moves no cursor and is no markup, wherever it is told: in the access
//! log, the process's own log at its most talkative, the audit log, in what commands print and in what the admin listener
//! answers.

use crate::support::mint::{Mint, now, unique};
use crate::support::raw::ask;
use crate::support::wait::until;
use crate::world::World;
use serde_json::json;
use std::time::Duration;

/// A screen that is cleared, a title, a bell, a line of its own, markup, text that runs backwards, and what is shown as nothing.
const LOUD: &str =
    "\u{1b}[2J\u{1b}]0;owned\u{7}\r\n{\"level\":\"ERROR\"}<script>alert(1)</script>\u{202e}\u{2066}\u{9b}31m\u{200b}";

/// With everything that tells something.
const ALL: &str = "directory: DIR }, access_log: { file: DIR.access }, log: { format: FORMAT },
  audit: { file: DIR.audit/log, sync: each, events: [request_refused, session_first_seen] ";

/// What may do something where it is shown.
fn loud(char: char) -> bool {
    (char.is_control() && char != '\n')
        || matches!(char, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Requests with it in every place in which a client may write; the traces of those that were answered with one.
fn send_all(world: &World) -> Vec<String> {
    let corp = || Mint::get().rsa.token();
    let emoji = "\u{1f525}".repeat(2048);
    let claims = ["iss", "sub", "jti", "client_id", "sid", "scope"];
    let mut tokens: Vec<String> = claims.iter().map(|claim| corp().claim(claim, LOUD).sign()).collect();
    tokens.extend(claims.iter().map(|claim| corp().claim(claim, emoji.clone()).sign()));
    tokens.push(corp().head("kid", LOUD).sign());
    tokens.push(corp().head("typ", LOUD).sign());
    tokens.push(corp().claim("sub", LOUD).claim("jti", unique("j")).claim("exp", now() - 900).sign());
    let mut traces: Vec<String> = tokens.iter().map(|token| world.bear("/orders/7", token).1).collect();
    let bytes =
        [LOUD.replace("\r\n", "").replace(['\u{1b}', '\u{7}'], "").into_bytes(), b"\xff\xfe\x80".to_vec()].concat();
    for (name, value) in [
        ("User-Agent", &bytes[..]),
        ("User-Agent", emoji.as_bytes()),
        ("X-Request-Id", &bytes[..]),
        ("Authorization", &[b"Bearer ", &bytes[..]].concat()[..]),
        ("Cookie", &bytes[..]),
        ("Traceparent", &bytes[..]),
        ("Origin", &bytes[..]),
    ] {
        let head = format!("GET /orders/7?q=%1b[2J%3Cscript%3E HTTP/1.1\r\nHost: api.example.com\r\n{name}: ");
        let request = [head.as_bytes(), value, b"\r\n\r\n"].concat();
        let answer = ask(&mut world.open(), &request, Duration::ZERO).unwrap();
        traces.extend(answer.json().and_then(|body| Some(body["trace_id"].as_str()?.to_owned())));
    }
    traces.retain(|trace| !trace.is_empty());
    traces
}

#[test]
fn what_clients_write_does_nothing_anywhere() {
    for format in ["text", "json"] {
        let world = World::start_under(&["env", "CURFEW_LOG=trace"], &ALL.replace("FORMAT", format));
        let traces = send_all(&world);
        assert!(traces.len() >= 10, "{traces:?}");
        let mut told: Vec<(String, String)> = Vec::new();
        for trace in &traces {
            let (code, text, err) = world.run(&["trace", trace]);
            assert_eq!(code, 0, "{err}");
            assert!(!text.contains('<'), "{text}");
            told.push((format!("curfew trace {trace}"), text + &err));
        }
        for words in [&["refusals"][..], &["refusals", "--group"], &["refusals", "--json"]] {
            let (_, text, err) = world.run(words);
            assert!(text.len() > 500, "{words:?} {text} {err}");
            told.push((format!("curfew {words:?}"), text + &err));
        }
        let records = world.ask("/records/query", &json!({ "limit": 1000 }));
        told.push(("the records as JSON".into(), String::from_utf8(records.body.clone()).unwrap()));
        let file = |name: &str| std::fs::read_to_string(world.dir.path().join(name)).unwrap_or_default();
        let audited = until("the audit log", Duration::from_secs(15), || {
            Some(file("records.audit/log")).filter(|text| text.matches("request_refused").count() >= traces.len())
        });
        let log = world.gateway().log();
        assert!(log.contains("curfew is up"), "{log}");
        told.extend([("the audit log".into(), audited), ("the process's log".into(), log)]);
        let access = until("the access log", Duration::from_secs(15), || {
            Some(file("records.access")).filter(|text| text.lines().count() >= traces.len())
        });
        told.push(("the access log".into(), access));
        for (what, text) in &told {
            let at = text.find(loud).map(|at| text[at..].chars().take(80).collect::<String>());
            assert!(at.is_none(), "{what}, {format}: {at:?}");
            assert!(!text.contains("\n{\"level\":\"ERROR\"}"), "{what}: a line of the client's own");
        }
    }
}
