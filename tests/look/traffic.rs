//! Refusals of twelve causes, and values that would like to be more than text.

use crate::support::mint::{Mint, PARTNER, Token, now, unique};
use crate::world::World;

/// Each cause with how often it is met, in the order in which they come.
pub const CAUSES: &[(&str, usize)] = &[
    ("token_missing", 2),
    ("token_malformed", 1),
    ("token_expired", 9),
    ("token_not_yet_valid", 2),
    ("audience_mismatch", 1),
    ("issuer_untrusted", 1),
    ("key_unknown", 2),
    ("subject_revoked", 3),
    ("route_not_found", 2),
    ("upstream_unreachable", 1),
    ("session_idle_timeout", 4),
    ("auth_too_old", 2),
    ("token_too_old", 1),
    ("session_absolute_timeout", 1),
    ("token_lifetime_excessive", 1),
];

fn bearer(token: String) -> Vec<u8> {
    format!("Authorization: Bearer {token}\r\nUser-Agent: shop/2.4 (Linux)\r\n").into_bytes()
}

fn token(user: &str) -> Token<'static> {
    let at = now();
    let token = Mint::get().rsa.token().claim("sub", user).claim("sid", unique("sid")).claim("client_id", "web-shop");
    token.claim("iat", at - 240).claim("nbf", at - 240).claim("exp", at + 360).claim("auth_time", at - 600)
}

/// One request of a cause: its target and its fields.
fn request(cause: &str, nth: usize) -> (&'static str, Vec<u8>) {
    let (at, user) = (now(), format!("user-{nth}"));
    let aged = |iat: i64, signed_in: i64| {
        token(&user).claim("iat", at - iat).claim("nbf", at - iat).claim("auth_time", at - signed_in)
    };
    match cause {
        "token_missing" => ("/orders/7", Vec::new()),
        "token_malformed" => ("/orders/7", bearer("no.token".into())),
        "token_expired" => {
            ("/orders/7?page=2", bearer(aged(624, 1_900).claim("exp", at - 24).claim("sub", "bob").sign()))
        }
        "token_not_yet_valid" => ("/orders/12", bearer(token(&user).claim("nbf", at + 45).sign())),
        "audience_mismatch" => ("/orders/7", bearer(token(&user).claim("aud", "https://other.example").sign())),
        "issuer_untrusted" => ("/orders/7", bearer(token(&user).claim("iss", "https://evil.example").sign())),
        "key_unknown" => ("/orders/7", bearer(stranger(&user))),
        "subject_revoked" => ("/orders/9", bearer(token("mallory").sign())),
        "route_not_found" => ("/nothing", bearer(token(&user).sign())),
        "upstream_unreachable" => ("/gone", bearer(token(&user).sign())),
        "session_idle_timeout" => ("/orders/31", bearer(aged(2_012, 7_200).claim("exp", at + 600).sign())),
        "auth_too_old" => ("/payments/3", bearer(aged(120, 1_500).sign())),
        "token_too_old" => ("/payments/8", bearer(aged(330, 400).sign())),
        "session_absolute_timeout" => ("/orders/7", bearer(aged(60, 43_400).sign())),
        "token_lifetime_excessive" => ("/orders/7", bearer(aged(60, 100).claim("exp", at + 8_000).sign())),
        other => panic!("no such cause: {other}"),
    }
}

fn stranger(user: &str) -> String {
    Mint::get().stranger.token().claim("sub", user).sign()
}

/// Makes all of them; their trace ids, by cause.
pub fn refuse(world: &World) -> Vec<(&'static str, String)> {
    let mut traces = Vec::new();
    for (cause, times) in CAUSES {
        for nth in 0..*times {
            let (target, fields) = request(cause, nth);
            let answer = world.get(target, &fields);
            let reason = answer.reason();
            assert_eq!(reason.as_deref(), Some(*cause), "{}", answer.brief());
            traces.push((*cause, answer.json().unwrap()["trace_id"].as_str().unwrap().to_owned()));
        }
    }
    traces
}

/// A refusal of an issuer whose revocations have no `max_staleness`; its trace id.
pub fn refuse_ageless(world: &World) -> String {
    let (key, at) = (&Mint::get().partner, now());
    let aged = key.token().claim("iss", PARTNER).claim("sub", "eve").claim("sid", unique("sid"));
    let token = aged.claim("iat", at - 600).claim("nbf", at - 600).claim("exp", at - 60).sign();
    let answer = world.get("/orders/7", &bearer(token));
    assert_eq!(answer.reason().as_deref(), Some("token_expired"), "{}", answer.brief());
    answer.json().unwrap()["trace_id"].as_str().unwrap().to_owned()
}

/// A request that is admitted, and that a stricter policy would have refused.
pub fn try_out(world: &World) {
    let old = token("alice").claim("iat", now() - 400).claim("nbf", now() - 400).sign();
    assert_eq!(world.get("/trial/1", &bearer(old)).status, 200);
}

/// Each row of what clients write and should not, where the page shows it; what it is, and its trace id.
pub fn loud(world: &World) -> Vec<Vec<String>> {
    const SHOWN: &[&str] = &[
        "User-Agent",
        "X-Request-Id",
        "the path",
        "the query",
        "the host",
        "the claim iss",
        "the token's kid",
        "the token's alg",
    ];
    let rows = crate::loud::all(|| Mint::get().rsa.token());
    let shown = rows.into_iter().filter(|row| SHOWN.iter().any(|place| row.name.ends_with(place)));
    let sent = shown.filter_map(|row| {
        let trace = world.send(&row.request)?.json()?["trace_id"].as_str()?.to_owned();
        Some(vec![row.name, trace])
    });
    let all: Vec<_> = sent.collect();
    assert!(all.len() >= 25, "{all:?}");
    all
}

/// What would be markup, turn text around, be no text at all or flood a page; in each field that a client writes.
/// Controls stand in the token: HTTP takes none in a field.
pub fn nasty(world: &World) -> String {
    let claims = Mint::get().rsa.token().claim("iss", "\"><svg onload=alert(3)>\u{202e}\u{7}\u{1b}[31m");
    let token = claims.head("kid", "javascript:alert(4)\u{200b}").sign();
    let fields = [
        &b"X-Request-Id: <img src=x onerror=alert(1)>\xff\xfe\r\n"[..],
        "User-Agent: \u{202e}evil\u{202c}<script>alert(2)</script>".as_bytes(),
        "🦀".repeat(2000).as_bytes(),
        format!("\r\nAuthorization: Bearer {token}\r\n").as_bytes(),
    ]
    .concat();
    let answer = world.get("/orders/%3Cb%3E?q=%22onmouseover=alert(5)", &fields);
    assert_eq!(answer.reason().as_deref(), Some("issuer_untrusted"), "{}", answer.brief());
    answer.json().unwrap()["trace_id"].as_str().unwrap().to_owned()
}
