//! What is no entry is said to be none, is not taken in part, and its text is never repeated where it could be a token.

use crate::support::mint::{Mint, PARTNER, now};
use crate::world::{World, access};
use serde_json::json;

#[test]
fn bad_input_is_told_and_changes_nothing() {
    let world = World::start("token: { file: DIR/token }");
    let (token, ..) = access();
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    let partner = Mint::get().partner.token().claim("iss", PARTNER).sign();
    let entry = |more: &str| format!(r#"{{"issuer":"corp","type":"subject","id":"x"{more}}}"#);
    let long = "x".repeat(5000);
    let bad: Vec<(String, u16)> = vec![
        (String::new(), 400),
        ("null".into(), 400),
        ("{}".into(), 400),
        ("[1]".into(), 400),
        (format!("\"{token}\""), 400),
        ("{\"issuer\":\"corp\"".into(), 400),
        (format!("{}{}", entry(""), entry("")), 400),
        (r#"{"issuer":"nobody","type":"subject","id":"x"}"#.into(), 400),
        (r#"{"issuer":"corp","type":"device","id":"x"}"#.into(), 400),
        (r#"{"issuer":"corp","type":"subject"}"#.into(), 400),
        (r#"{"issuer":"corp","type":"subject","id":""}"#.into(), 400),
        (r#"{"issuer":"corp","type":"issuer","id":"x"}"#.into(), 400),
        (r#"{"issuer":"corp","type":"subject","id":7}"#.into(), 400),
        (r#"{"issuer":"corp","type":"claim","id":"x"}"#.into(), 400),
        (r#"{"issuer":"corp","type":"claim","claim":"unlisted","id":"x"}"#.into(), 400),
        (entry(r#","claim":"tenant""#), 400),
        (r#"{"type":"subject","id":"x"}"#.into(), 400),
        (format!(r#"{{"issuer":"corp","type":"subject","id":"{long}"}}"#), 400),
        (entry(r#","id":"y""#), 400),
        (entry(r#","not_befor":1"#), 400),
        (entry(r#","at":-1"#), 400),
        (entry(r#","at":1e300"#), 400),
        (entry(r#","at":"yesterday""#), 400),
        (entry(r#","at":"99999-01-01T00:00:00Z""#), 400),
        (entry(r#","at":true"#), 400),
        (entry(r#","until":1"#), 400),
        (entry(&format!(r#","until":{}"#, now() - 1)), 400),
        (entry(&format!(r#","reason":"{long}""#)), 400),
        (entry(&format!(r#","token":"{token}""#)), 400),
        (json!({"token": forged}).to_string(), 400),
        (json!({"token": "a.b.c"}).to_string(), 400),
        (json!({"token": [token]}).to_string(), 400),
        (json!({"token": partner, "issuer": "corp"}).to_string(), 400),
        (format!("[{},{}]", entry(""), r#"{"issuer":"corp"}"#), 400),
        (format!("[{}{}]", entry(""), format!(",{}", entry("")).repeat(10_000)), 400),
        (format!("[{}]", " ".repeat(1 << 20)), 413),
    ];
    for line in
        ["POST /revocations", "DELETE /revocations", "POST /revocations/query", "POST /revocations?preview=true"]
    {
        for (body, status) in &bad {
            let answer = world.typed(line, "application/json", body);
            let short: String = body.chars().take(100).collect();
            assert_eq!(answer.status, *status, "{line} {short}: {}", answer.brief());
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{short}");
            let told = String::from_utf8_lossy(&answer.body);
            assert!(!told.contains(&token[..40]), "a token is repeated: {told}");
        }
    }
    let list = world.typed("POST /revocations", "application/json", &bad[33].0).json().unwrap();
    assert_eq!(list["entry"], 2, "{list}");
    for (line, kind, body, status) in [
        ("POST /revocations", "text/plain", entry(""), 415),
        ("POST /revocations", "", entry(""), 415),
        ("POST /revocations/query", "application/x-ndjson", entry(""), 415),
        ("POST /revocations/query", "application/json", format!("[{0},{0}]", entry("")), 400),
        ("POST /revocations", "application/x-ndjson", "x".repeat(100_000), 413),
        ("POST /revocations?prevew=true", "application/json", entry(""), 400),
        ("POST /revocations/lift?preview=true", "application/json", entry(""), 400),
        ("PUT /revocations", "application/json", entry(""), 405),
        ("GET /revocations", "application/json", String::new(), 405),
        ("OPTIONS /revocations", "application/json", String::new(), 405),
        ("POST /revocations/", "application/json", entry(""), 404),
        ("POST /revocations/feeds", "application/json", entry(""), 405),
        ("POST /livez", "application/json", String::new(), 405),
    ] {
        assert_eq!(world.typed(line, kind, &body).status, status, "{line} {kind}");
    }
    let packed = [
        ("Host", "localhost"),
        ("Content-Encoding", "gzip"),
        ("Content-Type", "application/json"),
        ("Authorization", &*format!("Bearer {}", crate::world::TOKEN)),
    ];
    assert_eq!(world.send("POST /revocations", &packed, b"x").status, 415);
    assert_eq!(world.asks(&token), "admitted");
    assert!(world.audited().is_empty(), "nothing was done");
    assert!(!world.gateway.log().contains(&token[..40]), "a token in the log");
}

/// A token in a wrong place is told neither to whoever sent it nor to the log, whatever the place.
#[test]
fn what_was_sent_is_not_repeated() {
    let world = World::start("token: { file: DIR/token }");
    let (token, ..) = access();
    let shown = &token[..20];
    let (act, confirm) = ("POST /revocations", "POST /revocations/feeds/confirm");
    for (path, body) in [
        (act, json!({"issuer": "corp", "type": token, "id": "x"})),
        (act, json!({"issuer": "corp", "type": "subject", "id": "x", token.clone(): 1})),
        (act, json!({"issuer": "corp", "type": "subject", "id": "x", "until": token})),
        (act, json!({"issuer": "corp", "type": "subject", "id": {"x": token}})),
        ("POST /revocations/query", json!({"issuer": "corp", "type": token, "id": "x"})),
        (confirm, json!({"feed": "many", "entries": token})),
        (confirm, json!(token)),
        (confirm, json!({"feed": "many", token.clone(): 1})),
        ("POST /records/query", json!({token.clone(): 1})),
    ] {
        let answer = world.json(path, &body);
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            [400, 404].contains(&answer.status) && !said.contains(shown),
            "{path} {body}: {} {said}",
            answer.status
        );
    }
    // A name that was mistyped is told all the same.
    let answer = world.json(act, &json!({"issuer": "corp", "type": "subject", "id": "x", "untill": "now"}));
    assert!(String::from_utf8_lossy(&answer.body).contains("`untill`"));
    let log = world.gateway.log();
    assert!(log.contains("not done for an operator") && !log.contains(shown), "{log}");
}
