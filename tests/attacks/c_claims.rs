//! C: claims and time, relative to the real clock. The exact boundaries belong to `tests/conformance`.

use crate::KNOWN_GAPS;
use crate::support::config::World;
use crate::support::mint::{AUDIENCE, CORP, LEGACY, Mint, Token, now};
use crate::support::table::{Table, get, refused};
use crate::support::{raw, wait};
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/orders/1";

/// The leeway of the corporate issuer, in seconds; the legacy one has none.
const LEEWAY: i64 = 60;

/// Claims have their types, their time and their place.
#[test]
fn c_claims_and_time() {
    let (world, mint) = (World::start(), Mint::get());
    let mut table = Table::new(&world, "C", KNOWN_GAPS);
    expiry_form(&mut table, mint);
    instants(&mut table, mint);
    issuer(&mut table, mint);
    audience(&mut table, mint);
    token_type(&mut table, mint);
    confirmation(&mut table, mint);
    policy(&mut table, mint);
    table.finish();
}

/// A token with the text of `exp` put in as it is, since no JSON library writes most of these.
fn with_exp(mint: &Mint, text: &str) -> String {
    let token = mint.ec.token().claim("exp", "@");
    token.sign_payload(|payload| payload.replace("\"@\"", text).into_bytes())
}

fn expiry_form(table: &mut Table, mint: &Mint) {
    table.refuse("C1 exp missing", get(PATH, &mint.ec.token().without("exp").sign()), &["claim_missing"]);
    let malformed = ["claims_malformed"];
    for text in ["\"1\"", "true", "-1", "1e18", "[]", "{}", "9007199254740993", "-0.5", "253402300800"] {
        table.refuse(&format!("C1 exp {text}"), get(PATH, &with_exp(mint, text)), &malformed);
    }
    table.refuse("C1 exp null", get(PATH, &with_exp(mint, "null")), &["claim_missing", "claims_malformed"]);
    table.refuse("C1 exp 1e400", get(PATH, &with_exp(mint, "1e400")), &["claims_malformed", "token_malformed"]);
    for text in ["NaN", "Infinity", "+1", "01", "0x10", "1_000", ".5", "1."] {
        table.refuse(&format!("C1 exp {text}"), get(PATH, &with_exp(mint, text)), &["token_malformed"]);
    }
    for claim in ["nbf", "iat"] {
        for value in [json!("1"), json!(true), json!(-1), json!([]), json!(1e18)] {
            let token = mint.ec.token().claim(claim, value.clone()).sign();
            table.refuse(&format!("C1 {claim} {value}"), get(PATH, &token), &malformed);
        }
    }
    for (claim, value) in [("sub", json!(7)), ("jti", json!(["x"])), ("client_id", json!({})), ("scope", json!(7))] {
        let token = mint.ec.token().claim(claim, value.clone()).sign();
        table.refuse(&format!("C1 {claim} {value}"), get(PATH, &token), &malformed);
    }
    for claim in ["sub", "client_id", "iat", "jti"] {
        let token = mint.ec.token().without(claim).sign();
        table.refuse(&format!("C1 {claim} missing"), get(PATH, &token), &["claim_missing"]);
    }
    let exponent = format!("{}e1", now() / 10 + 60);
    table.admit("C1+ exp with an exponent", get(PATH, &with_exp(mint, &exponent)));
}

fn instants(table: &mut Table, mint: &Mint) {
    let t0 = now();
    let spanning = |iat: i64, exp: i64| mint.ec.token().claim("iat", iat).claim("exp", exp);
    table.refuse(
        "C2 exp beyond the leeway",
        get(PATH, &spanning(t0 - 900, t0 - LEEWAY - 1).sign()),
        &["token_expired"],
    );
    table.admit("C2+ exp within the leeway", get(PATH, &spanning(t0 - 900, t0 - LEEWAY + 20).sign()));
    table.refuse("C2 exp long ago", get(PATH, &spanning(1_000, 2_000).sign()), &["token_expired"]);
    table.admit("C3+ exp fractional", get(PATH, &mint.ec.token().claim("exp", t0 as f64 + 100.5).sign()));
    table.admit("C4+ nbf within the leeway", get(PATH, &mint.ec.token().claim("nbf", t0 + LEEWAY - 20).sign()));
    table.refuse(
        "C4 nbf beyond the leeway",
        get(PATH, &mint.ec.token().claim("nbf", t0 + LEEWAY + 20).sign()),
        &["token_not_yet_valid"],
    );
    table.admit("C5+ iat within the leeway", get(PATH, &spanning(t0 + LEEWAY - 20, t0 + 600).sign()));
    table.refuse(
        "C5 iat in the future",
        get(PATH, &spanning(t0 + LEEWAY + 20, t0 + 600).sign()),
        &["token_issued_in_future"],
    );
    table.refuse(
        "C5 iat far in the future",
        get(PATH, &spanning(t0 + 40_000, t0 + 50_000).sign()),
        &["token_issued_in_future"],
    );
    table.refuse("C5 iat after exp", get(PATH, &spanning(t0 + 30, t0 + 10).sign()), &["claims_malformed"]);
    let inverted = mint.ec.token().claim("nbf", t0 + 50).claim("exp", t0 + 40);
    table.refuse("C5 nbf after exp", get(PATH, &inverted.sign()), &["claims_malformed"]);
    table.refuse(
        "C6 until the year 2100",
        get(PATH, &mint.ec.token().claim("exp", 4_102_444_800i64).sign()),
        &["token_lifetime_excessive"],
    );
    table.refuse("C6 25 hours", get(PATH, &spanning(t0 - 60, t0 + 25 * 3600).sign()), &["token_lifetime_excessive"]);
    table.admit("C6+ 23 hours", get(PATH, &spanning(t0 - 60, t0 + 23 * 3600).sign()));
    let old = spanning(t0 - 300 - LEEWAY - 5, t0 + 600).sign();
    table.refuse("C6 too old for its route", get("/young/1", &old), &["token_too_old"]);
    table.admit("C6+ the same elsewhere", get(PATH, &old));
    table.admit("C6+ young enough", get("/young/1", &spanning(t0 - 300 + 20, t0 + 600).sign()));
}

fn issuer(table: &mut Table, mint: &Mint) {
    let near = [
        format!("{CORP}/"),
        CORP.to_uppercase(),
        CORP.replace("https", "http"),
        CORP.replace("example", "ex\u{430}mple"),
        CORP.replace("corp", "corp%20"),
        format!(" {CORP}"),
        format!("{CORP}\0"),
        CORP[..CORP.len() - 1].to_owned(),
        "https://evil.example".to_owned(),
        String::new(),
    ];
    for iss in near {
        let token = mint.ec.token().claim("iss", iss.clone()).sign();
        table.refuse(&format!("C7 iss {iss:?}"), get(PATH, &token), &["issuer_untrusted"]);
    }
    let shapes = ["issuer_untrusted", "claims_malformed", "claim_missing"];
    for iss in [json!([CORP]), json!(7), Value::Null, json!({"iss": CORP})] {
        let token = mint.ec.token().claim("iss", iss.clone()).sign();
        table.refuse(&format!("C7 iss {iss}"), get(PATH, &token), &shapes);
    }
    table.refuse("C7 iss missing", get(PATH, &mint.ec.token().without("iss").sign()), &shapes);
    let partner = mint.partner.token().claim("iss", crate::support::mint::PARTNER).sign();
    table.refuse("C7 an issuer that this route does not list", get("/corp/1", &partner), &["issuer_untrusted"]);
    table.admit("C7+ the same elsewhere", get(PATH, &partner));
    table.admit("C7+ the issuer that it lists", get("/corp/1", &mint.ec.token().sign()));
}

fn audience(table: &mut Table, mint: &Mint) {
    let of = |aud: Value| mint.ec.token().claim("aud", aud);
    let others = [
        json!([]),
        json!(""),
        json!(&AUDIENCE[..AUDIENCE.len() - 1]),
        json!(format!("{AUDIENCE}/")),
        json!(format!("{AUDIENCE}.evil.example")),
        json!(AUDIENCE.to_uppercase()),
        json!("https://other.example.com"),
        json!(["https://other.example.com", "x"]),
    ];
    for aud in others {
        table.refuse(
            &format!("C8 aud {aud}"),
            get(PATH, &of(aud.clone()).sign()),
            &["audience_mismatch", "claims_malformed"],
        );
    }
    let shapes = ["claims_malformed"];
    for aud in [json!([AUDIENCE, 7]), json!(7), json!({"aud": AUDIENCE}), json!([[AUDIENCE]]), json!([AUDIENCE, null])]
    {
        table.refuse(&format!("C8 aud {aud}"), get(PATH, &of(aud.clone()).sign()), &shapes);
    }
    table.refuse(
        "C8 aud missing",
        get(PATH, &mint.ec.token().without("aud").sign()),
        &["audience_mismatch", "claim_missing"],
    );
    table.admit("C8+ aud in an array", get(PATH, &of(json!([AUDIENCE])).sign()));
    table.admit("C8+ aud among others", get(PATH, &of(json!(["https://other.example.com", AUDIENCE])).sign()));
}

fn token_type(table: &mut Table, mint: &Mint) {
    let t0 = now();
    let disguised: [(&str, Token); 7] = [
        ("ID token", mint.ec.token().head("typ", "JWT").claim("nonce", "n").claim("at_hash", "h")),
        (
            "logout token",
            mint.ec
                .token()
                .head("typ", "logout+jwt")
                .claim("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
        ),
        ("SET", mint.ec.token().head("typ", "secevent+jwt").claim("events", json!({}))),
        (
            "status list",
            mint.ec.token().head("typ", "statuslist+jwt").claim("status_list", json!({"bits": 1, "lst": "x"})),
        ),
        (
            "DPoP proof",
            mint.ec
                .token()
                .head("typ", "dpop+jwt")
                .head("jwk", mint.ec.jwk())
                .claim("htm", "GET")
                .claim("htu", "https://api.example.com/orders/1"),
        ),
        (
            "introspection answer",
            mint.ec
                .token()
                .head("typ", "token-introspection+jwt")
                .claim("token_introspection", json!({"active": true})),
        ),
        ("client assertion", mint.ec.token().head("typ", "client-authentication+jwt").claim("exp", t0 + 60)),
    ];
    for (name, token) in disguised {
        table.refuse(&format!("C9 {name}"), get(PATH, &token.sign()), &["token_type_invalid"]);
    }
    for typ in ["AT+JWT", "application/at+jwt", "at+jwt", "Application/AT+JWT"] {
        table.admit(&format!("C11+ typ {typ}"), get(PATH, &mint.ec.token().head("typ", typ).sign()));
    }
    for typ in ["at+jwt;x=1", "jwt", "JWT", "", "at+jwt ", "text/at+jwt", "application/application/at+jwt", "at-jwt"] {
        table.refuse(
            &format!("C11 typ {typ:?}"),
            get(PATH, &mint.ec.token().head("typ", typ).sign()),
            &["token_type_invalid"],
        );
    }
    for typ in [json!(7), json!(["at+jwt"]), Value::Null] {
        let token = mint.ec.token().head("typ", typ.clone()).sign();
        table.refuse(&format!("C11 typ {typ}"), get(PATH, &token), &["token_type_invalid", "token_malformed"]);
    }
    table.refuse("C11 typ missing", get(PATH, &mint.ec.token().headless("typ").sign()), &["token_type_invalid"]);
    legacy(table, mint);
}

fn legacy(table: &mut Table, mint: &Mint) {
    let token = || mint.legacy.token().claim("iss", LEGACY);
    table.admit("C11+ legacy, typ JWT", get(PATH, &token().head("typ", "JWT").sign()));
    table.admit("C11+ legacy, no typ", get(PATH, &token().headless("typ").sign()));
    table.admit("C11+ legacy, at+jwt", get(PATH, &token().sign()));
    for foreign in ["nonce", "at_hash", "c_hash"] {
        let dressed = token().head("typ", "JWT").claim(foreign, "x").sign();
        table.refuse(&format!("C9 legacy, {foreign}"), get(PATH, &dressed), &["token_type_invalid"]);
    }
    let event = token().headless("typ").claim("events", json!({})).sign();
    table.refuse("C9 legacy, events", get(PATH, &event), &["token_type_invalid"]);
    let bare = token().head("typ", "JWT").without("scope").without("client_id").sign();
    table.refuse("C9 legacy, neither scope nor client", get(PATH, &bare), &["token_type_invalid"]);
    table.refuse(
        "C9 legacy, logout token",
        get(PATH, &token().head("typ", "logout+jwt").sign()),
        &["token_type_invalid"],
    );
    let over = token().claim("iat", now() - 60).claim("exp", now() - 1).sign();
    table.refuse("C2 legacy, no leeway", get(PATH, &over), &["token_expired"]);
}

fn confirmation(table: &mut Table, mint: &Mint) {
    let bound = |cnf: Value| mint.ec.token().claim("cnf", cnf).sign();
    table.refuse("C12 cnf of an unknown kind", get(PATH, &bound(json!({"kid": "x"}))), &["cnf_unsupported"]);
    table.refuse("C12 cnf {}", get(PATH, &bound(json!({}))), &["cnf_unsupported", "claims_malformed"]);
    for cnf in [json!("x"), json!([]), json!(7), Value::Null] {
        table.refuse(&format!("C12 cnf {cnf}"), get(PATH, &bound(cnf)), &["claims_malformed", "cnf_unsupported"]);
    }
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    table.refuse("C12 cnf jkt", get(PATH, &bound(json!({"jkt": thumbprint}))), &["dpop_downgrade"]);
    table.refuse(
        "C12 cnf x5t#S256",
        get(PATH, &bound(json!({"x5t#S256": thumbprint}))),
        &["cnf_unsupported", "mtls_cert_missing"],
    );
    let both = json!({"jkt": thumbprint, "x5t#S256": thumbprint});
    table.refuse("C12 cnf jkt and x5t#S256", get(PATH, &bound(both)), &["dpop_downgrade", "cnf_unsupported"]);
}

fn policy(table: &mut Table, mint: &Mint) {
    table.refuse("C scope missing", get("/scoped/1", &mint.ec.token().sign()), &["insufficient_scope"]);
    table.refuse(
        "C scope in part",
        get("/scoped/1", &mint.ec.token().claim("scope", "orders.writer").sign()),
        &["insufficient_scope"],
    );
    table.refuse(
        "C scope of another case",
        get("/scoped/1", &mint.ec.token().claim("scope", "Orders.Write").sign()),
        &["insufficient_scope"],
    );
    table.admit("C+ scope", get("/scoped/1", &mint.ec.token().claim("scope", "a orders.write b").sign()));
    table.refuse("C claim missing", get("/vip/1", &mint.ec.token().sign()), &["policy_denied"]);
    table.refuse(
        "C claim of another value",
        get("/vip/1", &mint.ec.token().claim("roles", json!(["user"])).sign()),
        &["policy_denied"],
    );
    table.admit("C+ claim", get("/vip/1", &mint.ec.token().claim("roles", json!(["user", "vip"])).sign()));
    let challenge = table.refuse("C scope, told", get("/scoped/1", &mint.ec.token().sign()), &["insufficient_scope"]);
    let told =
        challenge.is_some_and(|answer| answer.all("www-authenticate").concat().contains("scope=\"orders.write\""));
    table.check("C scope, the challenge names it", if told { Ok(()) } else { Err("it does not".to_owned()) });
}

/// C3: a token that was verified a moment ago stops working when its time is over; what is remembered is the
/// signature, never the answer.
#[test]
fn c_a_remembered_token_still_ends() {
    let (world, mint) = (World::start(), Mint::get());
    let ends = now() + 3;
    let token = mint.legacy.token().claim("iss", LEGACY).claim("exp", ends).sign();
    let ask = || {
        let mut conn = world.h1().open().unwrap();
        (now(), raw::ask(&mut conn, &get(PATH, &token), Duration::ZERO), now())
    };
    assert_eq!(ask().1.unwrap().status, 200);
    wait::until("the token to end", Duration::from_secs(10), || {
        let (before, answer, after) = ask();
        match answer {
            Ok(answer) if answer.status == 200 => assert!(before < ends, "admitted at {before}, it ended at {ends}"),
            Ok(answer) => {
                refused(&answer, &["token_expired", "stream_expired"]).unwrap();
                assert!(after >= ends, "refused at {after}, it ends at {ends}");
                return Some(());
            }
            // Admitted a moment before its end, and cut before the head of the answer was out: it should be told.
            Err(error) => {
                assert!(after >= ends, "{error} at {after}, it ends at {ends}");
                println!("known gap  C3 admitted at its last moment: {error}");
            }
        }
        None
    });
}
