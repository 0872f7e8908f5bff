//! Asked from nothing but the answer.

use crate::support::config::HOST;
use crate::support::mint::{Mint, now};
use crate::support::raw::ask;
use crate::support::wait::until;
use crate::world::World;
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::Duration;

/// One step: the trace id of the body, and the numbers are told, by the gateway and by its files when it is gone.
#[test]
fn a_refusal_is_explained_from_its_answer() {
    let mut world = World::start("directory: DIR");
    let expired = Mint::get().rsa.token().claim("iat", now() - 700).claim("exp", now() - 100).sign();
    let (answer, trace) = world.bear("/orders/7?page=2&access_token=hidden", &expired);
    assert_eq!(answer.status, 400, "two tokens are another reason");
    let (answer, expired_trace) = world.bear("/orders/7?page=2&code=hidden", &expired);
    assert_eq!(answer.reason().as_deref(), Some("token_expired"));
    let (code, text, err) = world.run(&["trace", &expired_trace]);
    assert_eq!(code, 0, "{text}{err}");
    for said in [
        "refused: token_expired (401 Unauthorized): the token has expired\n",
        &format!("  trace      {expired_trace}\n"),
        "GET http://api.example.com/orders/7?page=2&code=REDACTED (HTTP/1.1)",
        "  route      orders (/orders/{id})\n  policy     api\n  issuer     corp",
        "verified, kid ",
        "fail    expiry      Is its time not over?",
        ", leeway ",
        "expired 10",
        "before this instant",
        "the caller can:   Renew the token",
        "the operator can: The client renews it.",
        "feed list: heard",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert!(!text.contains('\x1b') && !text.contains(&expired[..30]) && !text.contains("hidden"), "{text}");
    let (code, json, _) = world.run(&["trace", &expired_trace, "--json"]);
    let record: Value = serde_json::from_str(&json).unwrap();
    let expiry =
        record[0]["trail"]["questions"].as_array().unwrap().iter().find(|one| one["name"] == "expiry").unwrap();
    let over = expiry["distance_ms"].as_i64().unwrap();
    assert!(code == 0 && (100_000..115_000).contains(&over) && expiry["origin"] != Value::Null, "{json}");
    assert_eq!(record[0]["token"]["left_ms"], -over);

    assert_eq!(world.run(&["trace", &trace]).0, 0);
    world.restart();
    let (code, again, _) = world.run(&["trace", &expired_trace.to_uppercase()]);
    let but_the_distance = |text: &str| text.lines().filter(|line| !line.starts_with("  at ")).collect::<String>();
    assert_eq!((code, but_the_distance(&again)), (0, but_the_distance(&text)), "a restart changes nothing");
    drop(world.gateway.take());
    let directory = world.records().display().to_string();
    let (code, gone, err) = world.run(&["trace", &expired_trace, "--directory", &directory]);
    assert_eq!((code, but_the_distance(&gone)), (0, but_the_distance(&text)), "{err}");
    let (code, _, err) = world.run(&["trace", "00000000000000000000000000000001", "--directory", &directory]);
    assert!(code == 5 && err.contains("there is no record"), "{err}");
}

/// Ten requests of ten causes, each found again by its reason.
#[test]
fn ten_causes() {
    let world = World::start("directory: DIR");
    let (rsa, stranger) = (&Mint::get().rsa, &Mint::get().partner);
    let token = || rsa.token();
    let bearer = |token: String| format!("Authorization: Bearer {token}\r\n");
    let good = bearer(token().sign());
    let causes = [
        ("token_missing", "/orders/7", String::new()),
        ("token_malformed", "/orders/7", bearer("no.token".into())),
        ("token_expired", "/orders/7", bearer(token().claim("exp", now() - 300).claim("iat", now() - 900).sign())),
        ("token_not_yet_valid", "/orders/7", bearer(token().claim("nbf", now() + 300).sign())),
        ("audience_mismatch", "/orders/7", bearer(token().claim("aud", "https://other.example").sign())),
        ("issuer_untrusted", "/orders/7", bearer(token().claim("iss", "https://evil.example").sign())),
        ("key_unknown", "/orders/7", bearer(stranger.token().sign())),
        ("subject_revoked", "/orders/7", bearer(token().claim("sub", "mallory").sign())),
        ("route_not_found", "/nothing", good.clone()),
        ("upstream_unreachable", "/gone", good),
    ];
    for (reason, target, fields) in causes {
        let answer = world.get(target, &fields);
        assert_eq!(answer.reason().as_deref(), Some(reason), "{}", answer.brief());
        let trace = answer.json().unwrap()["trace_id"].as_str().unwrap().to_owned();
        let (code, text, err) = world.run(&["trace", &trace]);
        assert!(code == 0 && text.starts_with(&format!("refused: {reason} (")), "{reason}: {text}{err}");
        assert!(text.contains("the caller can:") && text.contains("the operator can:"), "{text}");
        assert!(!text.contains(":///"), "{text}");
        println!("{text}");
    }
    let list = |question: Value| world.ask("/records/query", &question).json().unwrap()["records"].clone();
    let revoked = list(json!({ "reason": "subject_revoked" }));
    assert_eq!(revoked[0]["revocation"]["entry_of"], "list", "{revoked}");
    assert!(revoked[0]["revocation"]["entry_age_ms"].as_i64().unwrap() >= 0);
    let gone = list(json!({ "reason": "upstream_unreachable" }));
    assert_eq!(gone[0]["delivery"]["endpoint"], "http://127.0.0.1:9", "{gone}");
    // It was admitted first: the whole trail is there, and what the request said of itself.
    let expiry = gone[0]["trail"]["questions"].as_array().unwrap().iter().find(|one| one["name"] == "expiry").unwrap();
    assert_eq!(
        (&gone[0]["request"]["host"], &expiry["outcome"]),
        (&json!("api.example.com"), &json!("pass")),
        "{gone}"
    );
    let unproven = list(json!({ "reason": "issuer_untrusted" }));
    assert_eq!(unproven[0]["token"]["verified"], false);
    assert_eq!(unproven[0]["token"]["iss"], "https://evil.example");
    // By the subject as it is: hashed by the gateway.
    assert_eq!(list(json!({ "subject": "mallory" })).as_array().unwrap().len(), 1);
    let hash = revoked[0]["token"]["subject"].as_str().unwrap();
    assert_eq!(list(json!({ "subject_hash": hash })), list(json!({ "subject": "mallory", "issuer": "corp" })));
    assert_eq!(list(json!({ "issuer": "corp", "route": "gone" })).as_array().unwrap().len(), 1);
    assert!(!list(json!({})).to_string().contains("mallory"), "no raw id is told");
}

/// What a client writes moves no cursor and is no markup, and a request id finds it all the same.
#[test]
fn what_clients_write_is_harmless() {
    let world = World::start("");
    let emoji = "🦀".repeat(2048);
    let fields = [&b"X-Request-Id: req<b>7\xff\xc2\x9b31m\r\nUser-Agent: "[..], emoji.as_bytes(), b"\r\n"].concat();
    let request =
        [b"GET /orders/7?q=%1b[31m<script> HTTP/1.1\r\nHost: api.example.com\r\n", &fields[..], b"\r\n"].concat();
    let request: Vec<u8> = String::from_utf8_lossy(&request).contains("<script>").then_some(request).unwrap();
    let answer = crate::support::raw::ask(&mut world.open(), &request, Duration::ZERO).unwrap();
    let trace = answer.json().unwrap()["trace_id"].as_str().unwrap().to_owned();
    let (code, text, err) = world.run(&["trace", &trace]);
    assert_eq!(code, 0, "{err}");
    let loud = |char: char| char.is_control() && char != '\n';
    assert!(!text.contains(loud) && !text.contains('<') && text.len() < 16_000, "{text:?}");
    if answer.status == 401 {
        assert!(text.contains(r"req\x3cb\x3e7") && text.contains('🦀') && text.contains('…'), "{text}");
        let question = json!({ "id": r"req\x3cb\x3e7\xff\u{9b}31m" });
        let found = world.ask("/records/query", &question).json().unwrap();
        assert!(found["records"].is_array(), "{found}");
    }
    let plain = world.get("/orders/7", "X-Request-Id: checkout-7f3a\r\n");
    assert_eq!(plain.status, 401);
    let (code, text, _) = world.run(&["trace", "checkout-7f3a"]);
    assert!(code == 0 && text.contains("  request id checkout-7f3a\n"), "{text}");
    let (code, _, err) = world.run(&["trace", "\x1b[31mnothing"]);
    assert!(code == 5 && err.contains(r"\x1b[31mnothing") && err.contains("a restart forgets them"), "{err:?}");
}

/// Listed, counted, followed.
#[test]
fn refusals_are_listed_counted_and_followed() {
    let world = World::start("directory: DIR, admissions: 1");
    let (code, _, err) = world.run(&["refusals", "--since", "15m"]);
    assert!(code == 5 && err.contains("there are none at all"), "{err}");
    let begun = Command::new(env!("CARGO_BIN_EXE_curfew"))
        .args([
            "refusals",
            "--follow",
            "--limit",
            "2",
            "--route",
            "orders",
            "--admin",
            &format!("http://{}", world.admin),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stale = Mint::get().rsa.token().claim("exp", now() - 300).claim("iat", now() - 900).claim("sub", "bob").sign();
    let admitted = world.bear("/orders/7", &Mint::get().rsa.token().sign());
    assert_eq!(admitted.0.status, 200);
    (0..12).for_each(|_| assert_eq!(world.bear("/orders/7", &stale).0.status, 401));
    assert_eq!(world.get("/nothing", "").status, 404);

    let (code, text, _) = world.run(&["refusals", "--since", "15m"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(code == 0 && text.matches("token_expired").count() == 12, "{text}");
    assert!(lines.last().unwrap().contains("route_not_found"), "the newest is the last: {text}");
    let (_, text, err) = world.run(&["refusals", "--subject", "bob", "--issuer", "corp", "--limit", "5"]);
    assert!(text.matches("trace=").count() == 5 && err.contains("the newest 5"), "{text}{err}");
    assert_eq!(world.run(&["refusals", "--subject", "alice"]).0, 5);
    let (_, text, _) = world.run(&["refusals", "--subject", "alice", "--admissions", "--json"]);
    assert!(text.contains("\"decision\": \"allow\"") && text.contains("\"trail\""), "{text}");
    let (code, text, _) = world.run(&["refusals", "--group"]);
    assert!(code == 0 && text.starts_with("13 refusals\none subject, ") && text.contains("a looping client"), "{text}");
    assert!(
        text.contains("      12  token_expired                 all by one subject, ")
            && text.contains("by address\n        13  127.0.0.1\n"),
        "{text}"
    );
    for wrong in [&["--since", "yesterday"][..], &["--reason", "no_such_reason"]] {
        assert_eq!(world.run(&[&["refusals"][..], wrong].concat()).0, 1);
    }
    // Page by page, each record once.
    let mut cursor = Value::Null;
    let mut seen = Vec::new();
    loop {
        let mut question = json!({ "limit": 5 });
        if cursor.is_u64() {
            question["cursor"] = cursor.clone();
        }
        let page = world.ask("/records/query", &question).json().unwrap();
        seen.extend(page["records"].as_array().unwrap().iter().map(|one| one["seq"].as_u64().unwrap()));
        match page.get("cursor") {
            Some(next) => cursor = next.clone(),
            None => break,
        }
    }
    assert!(seen.len() == 13 && seen.is_sorted_by(|one, next| one > next), "{seen:?}");

    // Whoever began to follow before may have missed the first ones; it is given more until it has two.
    let mut follower = begun;
    until("the follower has two", Duration::from_secs(20), || {
        world.bear("/orders/7", &stale);
        follower.try_wait().unwrap().map(|_| ())
    });
    let said = crate::world::told(&follower.wait_with_output().unwrap());
    assert!(said.0 == 0 && said.1.matches("token_expired").count() == 2 && said.1.contains("subject="), "{said:?}");
}

/// Who may not act may not look either, and what is asked is read strictly.
#[test]
fn questions_are_read_strictly() {
    let world = World::start("");
    for (question, says) in [
        (json!({ "reasons": "x" }), "unknown field"),
        (json!({ "reason": "no_such" }), "no such `reason`"),
        (json!({ "since": "yesterday" }), "times are"),
        (json!({ "limit": 0 }), "`limit` is from 1"),
        (json!({ "limit": 1001 }), "`limit` is from 1"),
        (json!({ "id": "x".repeat(5000) }), "more than 4096 bytes"),
    ] {
        let answer = world.ask("/records/query", &question);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status == 400 && body.contains(says), "{question}: {body}");
    }
    let token = Mint::get().rsa.token().sign();
    let body = world.ask("/records/query", &json!({ "since": token })).body;
    assert!(!String::from_utf8_lossy(&body).contains(&token[..20]), "a token in a wrong place is not told");
    assert_eq!(world.gateway().admin("/records/query").0, 405);
    let page = "POST /records/query HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n\
                Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let mut door = crate::support::raw::Door::plain(world.admin).open().unwrap();
    let answer = crate::support::raw::ask(&mut door, page.as_bytes(), Duration::ZERO).unwrap();
    assert_eq!(answer.status, 403, "{}", answer.brief());
}

/// A refused HEAD has no body, so a field names its trace; nothing is exported here, and no flag says that it is.
#[test]
fn a_refused_head_names_its_trace() {
    let world = World::start("directory: DIR");
    let of = |method: &str| {
        let request = format!("{method} /orders/7 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        ask(&mut world.open(), request.as_bytes(), Duration::ZERO).unwrap()
    };
    assert_eq!(of("GET").header("traceresponse"), None, "its body names it");
    let head = of("HEAD");
    let named = head.header("traceresponse").unwrap().to_owned();
    assert!(head.status == 401 && named.starts_with("00-") && named.ends_with("-02"), "{named}");
    for id in [named.clone(), format!("traceresponse: {named}"), named.to_uppercase()] {
        let (code, text, err) = world.run(&["trace", &id]);
        assert!(code == 0 && text.contains("refused: token_missing") && text.contains("HEAD http://"), "{text}{err}");
    }
}

/// A head that is refused before it is a request is told as it came, as far as it can be read.
#[test]
fn a_refused_head_is_told_as_it_came() {
    let world = World::start("directory: DIR");
    let rows = [
        (
            "PUT /orders/7?code=hidden&a=b HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\nX-Request-Id: r-1\r\n\r\n",
            "PUT http://a.example, b.example/orders/7?code=REDACTED&a=b (HTTP/1.1)",
            "r-1",
        ),
        (
            "GET /orders/8 HTTP/1.1\r\nHost: api.example.com\r\nX-Request-Id: r-2\r\nbroken line\r\n\r\n",
            "GET http://api.example.com/orders/8 (HTTP/1.1)",
            "r-2",
        ),
        ("password=hunter2 and more of a body\r\nX-Request-Id: r-3\r\n\r\n", "not readable", "r-3"),
    ];
    for (head, told, id) in rows {
        let answer = ask(&mut world.open(), head.as_bytes(), Duration::ZERO).unwrap();
        let trace = answer.json().unwrap()["trace_id"].as_str().unwrap().to_owned();
        let (code, text, err) = world.run(&["trace", &trace]);
        assert!(code == 0 && text.contains(told), "{told}\n{text}{err}");
        assert!(!text.contains("hidden") && !text.contains("hunter2") && !text.contains("invalid"), "{text}");
        // The line that is broken comes after the id, or before it.
        if id != "r-3" {
            assert_eq!(world.run(&["trace", id]).1.lines().next(), text.lines().next());
        }
    }
}
