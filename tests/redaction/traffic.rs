//! Requests, good and bad, with marked credentials in every place where a client may put one.

use crate::marks::Marks;
use crate::support::config::HOST;
use crate::support::h2::Session;
use crate::support::mint::{Mint, Token, now};
use crate::support::raw::ask;
use crate::world::World;
use std::collections::BTreeMap;
use std::time::Duration;

/// How requests ended, by status and reason.
pub type Ends = BTreeMap<String, usize>;

/// A token of CORP that is full of marks.
pub fn access<'a>(marks: &Marks) -> Token<'a> {
    let token = Mint::get().ec.token();
    let names = [
        ("sub", "subject"),
        ("sid", "session"),
        ("client_id", "client"),
        ("email", "email"),
        ("jti", "jti"),
        ("name", "claim"),
        ("scope", "scope"),
        ("acr", "acr"),
        ("azp", "azp"),
    ];
    names
        .into_iter()
        .fold(token, |token, (claim, kind)| token.claim(claim, marks.of(kind)))
        .claim("auth_time", now() - 60)
}

/// Tokens that are refused, each for its reason, and some that are not.
fn tokens(marks: &Marks) -> Vec<String> {
    let mint = Mint::get();
    let of = || access(marks);
    let good = of().sign();
    let (head, rest) = good.split_once('.').unwrap();
    let mark = marks.of("odd-claim");
    let long = format!("{good}{}", "A".repeat(20_000));
    let all = vec![
        good.clone(),
        mint.rsa.raw("RS256", of().head("alg", "RS256").head("kid", "rsa-1").header_text(), of().payload_text()),
        of().claim("exp", now() - 900).claim("iat", now() - 1800).sign(),
        of().claim("nbf", now() + 900).sign(),
        of().claim("iat", now() + 900).sign(),
        of().claim("aud", mark.clone()).sign(),
        of().claim("iss", "https://nobody.example").sign(),
        of().claim("iss", "https://evil.example").sign(),
        of().claim("sub", serde_json::json!({ "x": mark })).sign(),
        of().claim("exp", mark.clone()).sign(),
        of().claim("sub", marks.of("subject-of-feed")).sign(),
        of().claim("sub", marks.of("subject-of-file")).sign(),
        of().claim("cnf", serde_json::json!({ "jkt": mark })).sign(),
        of().head("typ", mark.clone()).sign(),
        of().head("alg", mark.clone()).sign(),
        of().head("kid", "nobody-published-it").sign(),
        of().head("crit", serde_json::json!([mark])).sign(),
        of().head("jwk", serde_json::json!({ "kty": "oct", "k": mark })).sign(),
        of().sign_payload(|text| text.replace('}', &format!(",\"{mark}\" {mark}")).into_bytes()),
        of().sign_payload(|text| [text.as_bytes(), &[0xff, 0xfe], mark.as_bytes()].concat()),
        of().sign_header(|text| text.replace('}', &format!(" {mark}")).into_bytes()),
        of().with_signature(mark.as_bytes()),
        format!("{head}.{rest}.{rest}"),
        format!("{head}.{rest}."),
        good.replace('.', ". "),
        long,
        format!("opaque-{}", marks.of("opaque-token")),
        format!("{mark}.{mark}.{mark}"),
    ];
    all.into_iter().map(|token| marks.token(token)).collect()
}

/// Fields in which a token, or another credential, stands.
fn fields(marks: &Marks, token: &str) -> Vec<String> {
    let (basic, cookie) =
        (crate::support::mint::b64(format!("user:{}", marks.of("basic-password"))), marks.of("cookie"));
    vec![
        format!("Authorization: Bearer {token}\r\n"),
        format!("Authorization: bearer   {token}\r\nCookie: other={cookie}; session={token}\r\n"),
        format!("Authorization: {token}\r\n"),
        format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n"),
        format!("Authorization: Basic {basic}\r\n"),
        format!("Authorization: Negotiate {}\r\n", marks.of("negotiate")),
        format!("Authorization: DPoP {token}\r\nDPoP: {token}\r\n"),
        format!("Cookie: session={token}\r\n"),
        format!("Cookie: session={}; x={cookie}\r\n", marks.of("opaque-cookie")),
        format!("User-Agent: {token}\r\nReferer: https://x.example/?access_token={token}\r\n"),
        format!(
            "X-Request-Id: {token}\r\nTraceparent: 00-{token}-1-01\r\nTracestate: a={token}\r\nBaggage: a={token}\r\n"
        ),
        format!("X-Forwarded-For: {token}\r\nForwarded: for={token}\r\nVia: 1.1 {token}\r\n"),
        format!("X-Api-Key: {}\r\nProxy-Authorization: Bearer {token}\r\n", marks.of("api-key")),
        format!("Origin: {token}\r\nContent-Type: {token}\r\nAccept: {token}\r\n"),
    ]
}

/// Requests over HTTP/1.1 and HTTP/2. Trace ids of refusals are handed back, to ask for their records.
pub fn send_all(world: &World) -> (Ends, Vec<String>) {
    let (mut ends, mut traces) = (Ends::new(), Vec::new());
    let marks = &world.marks;
    let good = marks.token(access(marks).sign());
    let mut heads: Vec<String> = Vec::new();
    for token in tokens(marks) {
        heads.push(format!("GET /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"));
        heads.push(format!("GET /asked HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"));
        heads.push(format!("GET /strict HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"));
    }
    heads.extend(
        fields(marks, &good).iter().map(|fields| format!("GET /orders/1 HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n")),
    );
    heads.extend(
        targets(marks, &good)
            .iter()
            .map(|target| format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {good}\r\n\r\n")),
    );
    // Each of these its issuer is asked about.
    for nth in 0..8 {
        let token = marks.token(access(marks).claim("jti", format!("{}-{nth}", marks.of("jti"))).sign());
        heads.push(format!("GET /asked HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"));
    }
    heads.extend(odd(marks, &good));
    heads.extend(streams(marks, &good));
    for head in &heads {
        one(world, head.as_bytes(), &mut ends, &mut traces);
    }
    proofs(world, &mut ends, &mut traces);
    http2(world, &good, &mut ends);
    (ends, traces)
}

/// A token in the target, where none belongs.
fn targets(marks: &Marks, token: &str) -> Vec<String> {
    let percent: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mut all: Vec<String> = ["access_token", "token", "code", "id_token_hint", "q", "a%5fb", "client_secret"]
        .iter()
        .flat_map(|name| [format!("/orders/1?{name}={token}"), format!("/orders/1?x=1&{name}={percent}&y=2")])
        .collect();
    all.push(format!("/orders/1?password={}&session={}", marks.of("query-password"), marks.of("query-session")));
    let named =
        ["accessToken", "session_id", "auth_token", "x-api-key", "token[]", "login_hint", "userName", "PHPSESSID"];
    all.extend(named.map(|name| format!("/orders/1?x=1&{name}={}", marks.of("named-in-query"))));
    // What the settings add to these.
    let added = ["voucher", "Voucher", "x_voucher", "pin", "PIN[0]", "p%69n2"];
    all.extend(added.map(|name| format!("/orders/1?x=1&{name}={}", marks.of("added-in-query"))));
    all.extend([
        format!("/nothing?pin={}", marks.of("added-in-query")),
        format!("/orders/1;pin={};v=1/x", marks.of("added-in-path")),
        format!("/orders/1?return_to=%2Fcallback%3Fpin%3D{}", marks.of("added-in-address")),
        format!("/orders/1;jsessionid={}", marks.of("path-parameter")),
        format!("/orders/1;v=1;SessionId={}/x", marks.of("path-parameter")),
        format!("/orders/1?return_to=%2Fcallback%3Fcode%3D{}", marks.of("code-in-address")),
        format!("/orders/1?{token}"),
        format!("/orders/{token}"),
        format!("/orders/a{token}"),
        format!("/orders/{percent}"),
        format!("/orders/1/{token}/../x"),
        format!("/orders/{token};v=1"),
        format!("/nothing/{token}"),
        format!("https://{HOST}/orders/1?access_token={token}"),
        format!("/orders/1?access_token={token}#{token}"),
        format!("/orders/1?a=b;jwt={token}"),
    ]);
    all
}

/// What is no request, or hardly one.
fn odd(marks: &Marks, token: &str) -> Vec<String> {
    let (body, password) = (marks.of("body"), marks.of("password-in-an-authority"));
    let percent: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    vec![
        format!("GET /orders/1 HTTP/1.1\r\nHost: {token}\r\n\r\n"),
        format!("GET /orders/1 HTTP/1.1\r\nHost: {HOST}:{token}\r\n\r\n"),
        format!("GET /orders/{percent}?code={body} HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}\r\n\r\n"),
        format!("{token} /orders/1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        format!("GET /orders/1 HTTP/{token}\r\nHost: {HOST}\r\n\r\n"),
        format!("GET /orders/1 {token} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        format!("GET /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization Bearer {token}\r\n\r\n"),
        format!("GET /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization : Bearer {token}\r\n\r\n"),
        format!("GET /orders/1 HTTP/1.1\r\nHost: {HOST}\r\n{token}: x\r\n\r\n"),
        format!("GET /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\0\r\n\r\n"),
        format!("GET /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n more\r\n\r\n"),
        format!("GET /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {token}\r\n\r\n"),
        format!("GET /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: {token}\r\n\r\n"),
        format!(
            "GET /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nX: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
            "x".repeat(40_000)
        ),
        format!(
            "POST /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n5;{token}\r\nhello\r\n{token}\r\n\r\n"
        ),
        format!(
            "POST /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
        format!(
            "POST /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\naccess_token={token}",
            token.len() + 13
        ),
        format!(
            "POST /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nContent-Length: 40000\r\n\r\n{}",
            body.repeat(1000)
        ),
        format!("OPTIONS * HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"),
        format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\nProxy-Authorization: Bearer {token}\r\n\r\n"),
        format!("CONNECT alice:{password}@{HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        format!("GET http://alice:{password}@{HOST}/orders/1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        format!("GET /orders/1 HTTP/1.1\r\nHost: alice:{password}@{HOST}\r\n\r\n"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{token}"),
        format!("{token}\r\n\r\n"),
    ]
}

/// Upgrades, the session door, and upstreams that misbehave or are gone.
fn streams(marks: &Marks, token: &str) -> Vec<String> {
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let mut all = vec![
        format!("GET /socket HTTP/1.1\r\nHost: {HOST}\r\n{upgrade}{bearer}\r\n"),
        format!("GET /socket?access_token={token} HTTP/1.1\r\nHost: {HOST}\r\n{upgrade}\r\n"),
        format!(
            "GET /socket HTTP/1.1\r\nHost: {HOST}\r\n{upgrade}Sec-WebSocket-Protocol: {token}, {}\r\n\r\n",
            marks.of("subprotocol")
        ),
        format!("GET /.curfew/session HTTP/1.1\r\nHost: {HOST}\r\n{bearer}\r\n"),
        format!(
            "POST /.curfew/session/extend HTTP/1.1\r\nHost: {HOST}\r\n{bearer}Origin: https://{}.example\r\nContent-Length: 0\r\n\r\n",
            marks.of("origin")
        ),
        format!("GET /gone HTTP/1.1\r\nHost: {HOST}\r\n{bearer}\r\n"),
    ];
    all.extend((0..10).map(|_| format!("GET /mad HTTP/1.1\r\nHost: {HOST}\r\n{bearer}\r\n")));
    all
}

/// Tokens that are bound to a key, and proofs that are good, used up, of another key, and nonsense.
fn proofs(world: &World, ends: &mut Ends, traces: &mut Vec<String>) {
    let (marks, key) = (&world.marks, &Mint::get().p384);
    let token = marks.token(access(marks).claim("cnf", serde_json::json!({ "jkt": key.thumbprint() })).sign());
    let uri = format!("https://{HOST}/orders/1");
    let good = marks.token(key.proof(&uri, &token).claim("jti", marks.of("proof-jti")).sign());
    let other = marks.token(key.proof(&uri, "other").claim("htu", format!("https://{}", marks.of("proof-htu"))).sign());
    for (path, proof) in [("/orders/1", &good), ("/orders/1", &good), ("/orders/1", &other), ("/strict", &good)] {
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: DPoP {token}\r\nDPoP: {proof}\r\n\r\n");
        one(world, head.as_bytes(), ends, traces);
    }
}

fn one(world: &World, head: &[u8], ends: &mut Ends, traces: &mut Vec<String>) {
    let Ok(mut conn) = world.door().open() else { return };
    let name = match ask(&mut conn, head, Duration::ZERO) {
        Ok(answer) => {
            let trace = answer.json().and_then(|body| Some(body.get("trace_id")?.as_str()?.to_owned()));
            traces.extend(trace);
            format!("{} {}", answer.status, answer.reason().unwrap_or_default())
        }
        Err(_) => "cut".to_owned(),
    };
    *ends.entry(name).or_default() += 1;
}

fn http2(world: &World, good: &str, ends: &mut Ends) {
    let marks = &world.marks;
    let bearer = format!("Bearer {good}");
    let cookie = format!("session={good}");
    let path = format!("/orders/1?access_token={good}");
    let user = format!("alice:{}@{HOST}", marks.of("password-in-an-authority"));
    let (unread, bent) = (format!("alice:{good} @{HOST}"), format!("/orders/1?access_token={good} "));
    let rows: Vec<Vec<(&[u8], &[u8])>> = vec![
        vec![
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", HOST.as_bytes()),
            (b":path", b"/orders/1"),
            (b"authorization", bearer.as_bytes()),
        ],
        vec![
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", HOST.as_bytes()),
            (b":path", path.as_bytes()),
            (b"cookie", cookie.as_bytes()),
        ],
        vec![
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", good.as_bytes()),
            (b":path", b"/orders/1"),
            (b"cookie", b"a=b"),
            (b"cookie", cookie.as_bytes()),
        ],
        vec![(b":method", b"GET"), (b":scheme", b"https"), (b":authority", user.as_bytes()), (b":path", b"/orders/1")],
        vec![(b":method", b"CONNECT"), (b":authority", user.as_bytes())],
        // What cannot be read is not repeated either.
        vec![
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", unread.as_bytes()),
            (b":path", b"/orders/1"),
        ],
        vec![
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", HOST.as_bytes()),
            (b":path", bent.as_bytes()),
        ],
        vec![
            (b":method", good.as_bytes()),
            (b":scheme", b"https"),
            (b":authority", HOST.as_bytes()),
            (b":path", b"/orders/1"),
        ],
        vec![
            (b":method", b"GET"),
            (b":scheme", good.as_bytes()),
            (b":authority", HOST.as_bytes()),
            (b":path", b"/orders/1"),
            (b"Authorization", bearer.as_bytes()),
        ],
        vec![
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", HOST.as_bytes()),
            (b":path", b"/orders/1"),
            (b"connection", bearer.as_bytes()),
        ],
    ];
    for fields in rows {
        let Ok(mut session) = Session::open(&world.h2()) else { continue };
        let name = session.request(&fields).map_or_else(
            |_| "h2 cut".to_owned(),
            |ended| format!("h2 {}", ended.brief().split(' ').next().unwrap_or_default()),
        );
        *ends.entry(name).or_default() += 1;
    }
    // Bytes that are no frames.
    if let Ok(mut conn) = world.h2().open() {
        use std::io::Write as _;
        _ = conn.write_all(format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{}{good}", marks.of("no-frame")).as_bytes());
    }
}
