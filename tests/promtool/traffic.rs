//! Traffic of all kinds: admissions, refusals of many reasons, events, faults. A round of it is sent again and again.

use crate::support::config::{HOST, REVOKED};
use crate::support::mint::{CORP, Mint, PARTNER, Token, now, unique};
use crate::world::World;
use serde_json::{Value, json};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// One round. Each request gets the answer that it is sent for.
pub fn round(world: &World) {
    let mint = Mint::get();
    let (corp, partner) = (|| mint.rsa.token(), mint.partner.token().claim("iss", PARTNER));
    let acme = || corp().claim("org", json!({ "id": "acme" }));
    let fresh = acme().claim("iat", now());
    let asked = partner.clone().claim("jti", unique("jti")).sign();
    let status = |uri: &str| bearer(&corp().claim("status", json!({ "status_list": { "idx": 7, "uri": uri } })).sign());
    let rows: Vec<(&str, String, &str)> = vec![
        ("/orders/1", bearer(&fresh.sign()), "admitted"),
        ("/orders/2", bearer(&partner.sign()), "admitted"),
        ("/asked/2", bearer(&asked), "admitted"),
        ("/asked/2", bearer(&asked), "admitted"),
        ("/asked/22", bearer(&corp().sign()), "introspection_unavailable"),
        ("/young/3", bearer(&corp().sign()), "admitted"),
        ("/orders/4", bearer(&corp().claim("jti", REVOKED).sign()), "token_revoked"),
        ("/orders/5", bearer(&corp().claim("iat", now() - 900).claim("exp", now() - 120).sign()), "token_expired"),
        ("/young/6", bearer(&corp().claim("iat", now() - 400).sign()), "token_too_old"),
        ("/scoped/7", bearer(&corp().sign()), "insufficient_scope"),
        ("/orders/8", bearer(&acme().claim("aud", "https://other.example").sign()), "audience_mismatch"),
        ("/orders/9", bearer(&corp().claim("iat", now() + 90).sign()), "token_issued_in_future"),
        ("/orders/10", bearer(&mint.impostor.token().sign()), "signature_invalid"),
        ("/orders/11", bearer(&corp().claim("iss", "https://elsewhere.example").sign()), "issuer_untrusted"),
        ("/orders/12", bearer("abc"), "token_malformed"),
        ("/orders/13", String::new(), "token_missing"),
        ("/orders/14", "Authorization: Basic YTpi\r\n".into(), "unsupported_auth_scheme"),
        ("/nowhere", String::new(), "route_not_found"),
        ("/gone/15", bearer(&corp().sign()), "upstream_unreachable"),
        ("/orders/21", status("http://127.0.0.1:9/status/1"), "status_unavailable"),
        ("/orders/23", status(&world.list), "admitted"),
    ];
    let rows = rows.into_iter().chain(renewals(&unique("sid"), mint));
    for (path, fields, expected) in rows {
        assert_eq!(world.asks(path, &fields), expected, "{path}");
    }
    end_a_session(world, corp());
    for _ in 0..4 {
        post(world, "narrow", &logout(corp(), &unique("sid")));
    }
}

/// An answer that does not end is cut short when its token does.
pub fn cut_short(world: &World) {
    let corp = Mint::get().rsa.token().claim("iat", now() - 900);
    // Sixty seconds are the leeway.
    let nearly = bearer(&corp.claim("exp", now() - 58).sign());
    world.listen("/orders/quiet", &nearly);
}

/// A status list of sixteen tokens, all of them good, that counts for a minute.
pub fn list(uri: &str) -> String {
    let mut token = Mint::get().rsa.token().head("typ", "statuslist+jwt");
    token.claims.clear();
    let list = json!({ "bits": 1, "lst": "eNpjYAAAAAIAAQ" });
    let token = token.claim("sub", uri).claim("iat", now()).claim("exp", now() + 60).claim("ttl", 1);
    token.claim("status_list", list).sign()
}

/// A session that goes on with a newer token before the old one ends, and once more after it was refused.
pub fn renewals(sid: &str, mint: &Mint) -> Vec<(&'static str, String, &'static str)> {
    let token = |issued: i64, expires: i64| {
        let token = mint.rsa.token().claim("sid", sid).claim("iat", now() + issued);
        bearer(&token.claim("exp", now() + expires).sign())
    };
    vec![
        ("/orders/17", token(-900, 60), "admitted"),
        ("/orders/18", token(-800, 60), "admitted"),
        ("/orders/19", token(-700, -120), "token_expired"),
        ("/orders/20", token(-10, 60), "admitted"),
    ]
}

/// Its token is admitted, then its provider says that it has ended, and then it is refused.
fn end_a_session(world: &World, token: Token<'_>) {
    let sid = unique("sid");
    let held = bearer(&token.clone().claim("sid", sid.clone()).claim("auth_time", now() - 3600).sign());
    assert_eq!(world.asks("/orders/16", &held), "admitted");
    assert_eq!(post(world, "logout", &logout(token, &sid)), 200);
    assert_eq!(world.asks("/orders/16", &held), "session_revoked");
}

fn logout(token: Token<'_>, sid: &str) -> String {
    let mut token = token.head("typ", "logout+jwt");
    token.claims.clear();
    let claims = json!({"iss": CORP, "aud": "shop", "iat": now(), "exp": now() + 120, "jti": unique("logout"),
        "events": {EVENT: {}}, "sid": sid});
    let Value::Object(claims) = claims else { unreachable!("an object") };
    claims.into_iter().fold(token, |token, (name, value)| token.claim(&name, value)).sign()
}

fn post(world: &World, source: &str, token: &str) -> u16 {
    let body = format!("logout_token={token}");
    let head = format!("POST /.curfew/events/{source} HTTP/1.1\r\nHost: {HOST}\r\n");
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    world.send(&format!("{head}{kind}Content-Length: {}\r\n\r\n{body}", body.len())).status
}
