//! Enter, take back, ask, look ahead: each endpoint, and what the line says then.

use crate::support::mint::{Mint, now, unique};
use crate::world::{World, access};
use serde_json::{Value, json};

fn with_token() -> World {
    World::start("token: { file: DIR/token }")
}

/// Revoked: the next request is refused; taken back: it passes again. Every level, by name and by token.
#[test]
fn what_is_entered_is_enforced_and_what_is_taken_back_is_not() {
    let world = with_token();
    let client = unique("client");
    for level in ["token", "session", "subject", "client"] {
        for by_token in [false, true] {
            let (sid, sub, jti) = (unique("sid"), unique("sub"), unique("jti"));
            let token = Mint::get().rsa.token().claim("sid", sid.clone()).claim("sub", sub.clone());
            let token = token.claim("jti", jti.clone()).claim("client_id", client.clone()).sign();
            let id = match level {
                "token" => jti,
                "session" => sid,
                "subject" => sub,
                _ => client.clone(),
            };
            let entry = match by_token {
                true => json!({"token": token, "type": level}),
                false => json!({"issuer": "corp", "type": level, "id": id}),
            };
            assert_eq!(world.asks(&token), "admitted", "{entry}");
            let asked = world.json("POST /revocations/query", &entry).json().unwrap();
            assert_eq!(asked["revoked"], false, "{asked}");
            let answer = world.json("POST /revocations", &entry);
            assert_eq!((answer.status, answer.json()), (200, Some(json!({"accepted": 1, "position": 1}))));
            assert_eq!(world.asks(&token), format!("{level}_revoked"));
            let asked = world.json("POST /revocations/query", &entry).json().unwrap();
            assert_eq!(
                (&asked["revoked"], &asked["entries"][0]["feed"]),
                (&json!(true), &json!("operator/corp")),
                "{asked}"
            );
            let line = if by_token { "DELETE /revocations" } else { "POST /revocations/lift" };
            let lifted = world.json(line, &entry).json();
            assert_eq!(lifted, Some(json!({"lifted": 1, "absent": 0, "still_named": 0, "position": 1})));
            assert_eq!(world.asks(&token), "admitted", "{entry}");
        }
    }
}

/// A claim's value, and the number 7 is not the string.
#[test]
fn a_claim_is_a_name_too() {
    let world = with_token();
    let of = |tenant: Value| Mint::get().rsa.token().claim("tenant", tenant).sign();
    let entry = json!({"issuer": "corp", "type": "claim", "claim": "tenant", "id": 7});
    assert_eq!(world.json("POST /revocations", &entry).status, 200);
    assert_eq!((world.asks(&of(json!(7))), world.asks(&of(json!("7")))), ("subject_revoked".into(), "admitted".into()));
    assert_eq!(
        world.json("POST /revocations/query", &json!({"token": of(json!(7))})).json().unwrap()["entries"][0]["type"],
        "claim"
    );
    assert_eq!(world.json("POST /revocations/lift", &entry).json().unwrap()["lifted"], 1);
    assert_eq!(world.asks(&of(json!(7))), "admitted");
}

/// An event ends what was issued up to its second; a token issued later passes.
#[test]
fn cut_offs_are_by_the_time_of_issue() {
    let world = with_token();
    let sub = unique("sub");
    let issued = |at: i64| Mint::get().rsa.token().claim("sub", sub.clone()).claim("iat", at).sign();
    let entry = json!({"issuer": "corp", "type": "subject", "id": sub, "at": now() - 10});
    assert_eq!(world.json("POST /revocations", &entry).status, 200);
    assert_eq!(
        (world.asks(&issued(now() - 10)), world.asks(&issued(now() - 9))),
        ("subject_revoked".into(), "admitted".into())
    );
    let whole = json!({"issuer": "corp", "type": "issuer", "not_before": "now"});
    assert_eq!(world.json("POST /revocations", &whole).status, 200);
    assert_eq!(world.asks(&issued(now() - 9)), "issued_before_cutoff");
    let asked = world.json("POST /revocations/query", &json!({"token": issued(now() - 9)})).json().unwrap();
    let hits: Vec<&Value> = asked["entries"].as_array().unwrap().iter().map(|entry| &entry["hits"]).collect();
    assert_eq!((&asked["revoked"], hits), (&json!(true), vec![&json!(false), &json!(true)]), "{asked}");
    assert_eq!(
        world.json("POST /revocations/lift", &json!({"issuer": "corp", "type": "issuer"})).json().unwrap()["lifted"],
        1
    );
    assert_eq!(world.asks(&issued(now() - 9)), "admitted");
}

/// What a feed says is not an operator's to take back.
#[test]
fn a_feeds_own_entry_stays() {
    let world = with_token();
    let token = Mint::get().rsa.token().claim("sub", "fed").sign();
    let entry = json!({"issuer": "corp", "type": "subject", "id": "fed"});
    assert_eq!(world.asks(&token), "subject_revoked");
    let told = |lifted, absent| Some(json!({"lifted": lifted, "absent": absent, "still_named": 1, "position": 1}));
    assert_eq!(world.json("POST /revocations/lift", &entry).json(), told(0, 1));
    assert_eq!(world.json("POST /revocations", &entry).status, 200);
    let asked = world.json("POST /revocations/query", &entry).json().unwrap();
    assert_eq!(asked["entries"].as_array().unwrap().len(), 2, "{asked}");
    assert_eq!(world.json("POST /revocations/lift", &entry).json(), told(1, 0));
    assert_eq!(world.asks(&token), "subject_revoked");
    let other = json!({"issuer": "partner", "type": "subject", "id": "fed"});
    assert_eq!(world.json("POST /revocations/query", &other).json().unwrap()["revoked"], false);
}

/// Nothing is revoked, and what is counted is what the entries would hit.
#[test]
fn a_preview_counts_and_changes_nothing() {
    let world = with_token();
    let (one, _, sub) = access();
    let two = Mint::get().rsa.token().claim("sub", sub.clone()).claim("sid", unique("sid")).sign();
    let (other, sid, _) = access();
    for token in [&one, &two, &other] {
        assert_eq!(world.asks(token), "admitted");
    }
    let entries = json!([{"issuer": "corp", "type": "subject", "id": sub}, {"issuer": "corp", "type": "session", "id": sid},
        {"issuer": "partner", "type": "subject", "id": sub}, {"issuer": "corp", "type": "subject", "id": "nobody"}]);
    let counted = world.json("POST /revocations?preview=true", &entries).json().unwrap();
    let number = |name: &str| counted[name].as_u64().unwrap();
    assert_eq!(
        (number("tokens"), number("sessions"), number("subjects"), number("looked_at")),
        (3, 3, 2, 3),
        "{counted}"
    );
    let passed = json!({"issuer": "corp", "type": "subject", "id": sub, "not_before": 1});
    assert_eq!(world.json("POST /revocations?preview=true", &passed).json().unwrap()["tokens"], 0);
    assert_eq!(
        (world.asks(&one), world.asks(&other), world.audited().len()),
        ("admitted".into(), "admitted".into(), 0)
    );
}

#[test]
fn feeds_tell_how_fresh_they_are() {
    let world = with_token();
    let feeds = |world: &World| world.get("/revocations/feeds").json().unwrap()["feeds"].clone();
    let before = feeds(&world);
    assert_eq!(before.as_array().unwrap().len(), 1, "an issuer about which nothing was entered is not spoken for");
    assert_eq!(
        (&before[0]["feed"], &before[0]["entries"], &before[0]["stale"]),
        (&json!("list"), &json!(1), &json!(false))
    );
    assert_eq!((&before[0]["max_entries"], &before[0]["filled_percent"]), (&json!(1_000_000), &json!(0.0)));
    assert_eq!(
        world.json("POST /revocations", &json!({"issuer": "partner", "type": "subject", "id": "x"})).status,
        200
    );
    let after = feeds(&world);
    assert_eq!(
        (&after[1]["feed"], &after[1]["issuer"], &after[1]["entries"]),
        (&json!("operator/partner"), &json!("partner"), &json!(1))
    );
}

/// Lines are taken as they come; what stands before a fault stays, and the answer says from where to go on.
#[test]
fn lines_go_on_where_they_stopped() {
    let world = with_token();
    let (token, _, sub) = access();
    let good = |id: &str| format!("{{\"issuer\":\"corp\",\"type\":\"subject\",\"id\":\"{id}\"}}\n");
    let text = format!("{}\n# why\n{}{{\"issuer\":\"corp\"}}\n{}", good("a"), good(&sub), good("never"));
    let problem = world.typed("POST /revocations", "application/x-ndjson", &text);
    let told = problem.json().unwrap();
    assert_eq!((problem.status, &told["position"], &told["entry"]), (400, &json!(4), &json!(5)), "{told}");
    assert_eq!(world.asks(&token), "subject_revoked");
    let many: String = (0..25_000).map(|number| good(&format!("user-{number}"))).collect();
    let answer = world.typed("POST /revocations", "application/x-ndjson", &many).json();
    assert_eq!(answer, Some(json!({"accepted": 25_000, "position": 25_000})));
    assert_eq!(world.get("/revocations/feeds").json().unwrap()["feeds"][1]["entries"], 25_002);
    assert_eq!(world.get("/revocations/feeds").json().unwrap()["feeds"][1]["filled_percent"], 2.5);
    let lifted = world.typed("POST /revocations/lift", "application/x-ndjson", many.trim_end()).json().unwrap();
    assert_eq!((&lifted["lifted"], &lifted["position"]), (&json!(25_000), &json!(25_000)), "{lifted}");
}
