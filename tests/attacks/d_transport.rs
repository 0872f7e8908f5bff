//! D: how the credential is carried. What proves that a bound token comes from its owner (D6 to D8) is in `d_dpop`;
//! certificates of clients (D9) are not asked for yet, so that tokens bound to one are refused.

use crate::KNOWN_GAPS;
use crate::support::config::{HOST, World};
use crate::support::mint::Mint;
use crate::support::table::{Table, get, with};
use serde_json::json;

const PATH: &str = "/orders/1";

/// A request carries exactly one credential, in the one place for it.
#[test]
fn d_credential_transport() {
    let (world, mint) = (World::start(), Mint::get());
    let mut table = Table::new(&world, "D", KNOWN_GAPS);
    absent(&mut table);
    grammar(&mut table, mint);
    twice(&mut table, mint);
    query_and_form(&mut table, mint, &world);
    elsewhere(&mut table, mint);
    cookie(&mut table, mint);
    bound(&mut table, mint);
    taken_off(&mut table, mint, &world);
    table.finish();
}

fn authorization(value: &str) -> Vec<u8> {
    with(PATH, &[("Authorization", value)])
}

fn absent(table: &mut Table) {
    table.refuse("D1 none", with(PATH, &[]), &["token_missing"]);
    for value in ["Basic dXNlcjpwYXNz", "Foo", "Foo bar", "Digest username=\"x\"", "Negotiate abc", "Token x"] {
        table.refuse(&format!("D1 {value}"), authorization(value), &["unsupported_auth_scheme"]);
    }
    table.refuse(
        "D1 an empty Authorization",
        authorization(""),
        &["token_missing", "malformed_authorization", "unsupported_auth_scheme"],
    );
}

fn grammar(table: &mut Table, mint: &Mint) {
    let token = mint.ec.token().sign();
    for scheme in ["Bearer ", "bEaReR ", "bearer ", "BEARER ", "Bearer   "] {
        table.admit(&format!("D2+ {scheme:?}"), authorization(&format!("{scheme}{token}")));
    }
    table.admit("D2+ white space around the value", authorization(&format!(" \tBearer {token} \t")));
    for value in [format!("Bearer\t{token}"), "Bearer".into(), "Bearer ".into(), "Bearer a b".into()] {
        let shown: String = value.chars().take(12).collect();
        table.refuse(&format!("D2 {shown:?}"), authorization(&value), &["malformed_authorization"]);
    }
    for value in [
        format!("Bearer {token} x"),
        format!("Bearer \"{token}\""),
        format!("Bearer token={token}!"),
        format!("Bearer {token};x"),
    ] {
        let shown: String = value.chars().rev().take(3).collect();
        table.refuse(
            &format!("D2 bad grammar, ends in {shown:?}"),
            authorization(&value),
            &["malformed_authorization", "token_malformed"],
        );
    }
    table.refuse("D2 no space", authorization(&format!("Bearer{token}")), &["unsupported_auth_scheme"]);
    table.refuse(
        "D2 a colon",
        authorization(&format!("Bearer:{token}")),
        &["unsupported_auth_scheme", "malformed_authorization"],
    );
    table.refuse(
        "D2 bytes above 0x7f",
        [b"GET /orders/1 HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer \xff\xfe\r\n\r\n".as_slice()]
            .concat(),
        &["malformed_authorization", "malformed_request"],
    );
}

fn twice(table: &mut Table, mint: &Mint) {
    let (good, bad) = (format!("Bearer {}", mint.ec.token().sign()), "Bearer x.y.z".to_owned());
    let pairs = [("good, bad", &good, &bad), ("bad, good", &bad, &good), ("twice the same", &good, &good)];
    for (name, first, second) in pairs {
        let request = with(PATH, &[("Authorization", first), ("Authorization", second)]);
        table.refuse(&format!("D3 two lines: {name}"), request, &["multiple_credentials"]);
        let request = authorization(&format!("{first}, {second}"));
        table.refuse(&format!("D3 comma: {name}"), request, &["multiple_credentials", "malformed_authorization"]);
        let fields = h2(&[("authorization", first), ("authorization", second)]);
        table.refuse_h2(&format!("D3 HTTP/2: {name}"), &borrowed(&fields), &["multiple_credentials"]);
    }
    let mixed = with(PATH, &[("Authorization", &good), ("Authorization", "Basic dXNlcjpwYXNz")]);
    table.refuse("D3 Bearer and Basic", mixed, &["multiple_credentials"]);
    let cased = with(PATH, &[("Authorization", &good), ("aUTHORIZATION", &good)]);
    table.refuse("D3 the name in another case", cased, &["multiple_credentials"]);
    let fields = h2(&[("authorization", &good)]);
    table.admit_h2("D3+ HTTP/2", &borrowed(&fields));
}

fn h2(extra: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let start = [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", PATH)];
    start.iter().chain(extra).map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

fn borrowed(fields: &[(Vec<u8>, Vec<u8>)]) -> Vec<(&[u8], &[u8])> {
    fields.iter().map(|(name, value)| (&name[..], &value[..])).collect()
}

fn query_and_form(table: &mut Table, mint: &Mint, world: &World) {
    let token = mint.ec.token().sign();
    let both = get(&format!("{PATH}?access_token={token}"), &token);
    table.refuse("D4 header and query", both, &["multiple_credentials"]);
    for query in
        [format!("access_token={token}"), format!("a=b&access_token={token}"), format!("a=b&access_token={token}&c=d")]
    {
        let shown: String = query.chars().take(16).collect();
        table.refuse(&format!("D4 query {shown}"), with(&format!("{PATH}?{query}"), &[]), &["token_in_query"]);
    }
    let encoded = format!("{PATH}?%61ccess_token={token}");
    table.refuse("D4 query, the name encoded", with(&encoded, &[]), &["token_in_query"]);
    table.refuse("D4 header and query, the name encoded", get(&encoded, &token), &["multiple_credentials"]);
    let body = format!("access_token={token}");
    let form = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    table.refuse("D4 form only", form, &["token_missing"]);
    let clean = table.admit("D4+ a query of another name", get(&format!("{PATH}?my_access_token=x&q=1"), &token));
    let kept = clean.is_some_and(|answer| answer.echo()["target"] == json!(format!("{PATH}?my_access_token=x&q=1")));
    table.check("D4+ the query goes on as it was", if kept { Ok(()) } else { Err(world.upstream.last().target) });
}

fn elsewhere(table: &mut Table, mint: &Mint) {
    let token = mint.ec.token().sign();
    for name in ["Proxy-Authorization", "X-Authorization", "X-Access-Token", "X-Forwarded-Authorization"] {
        table.refuse(&format!("D5 in {name}"), with(PATH, &[(name, &format!("Bearer {token}"))]), &["token_missing"]);
    }
    table.refuse(
        "D5 in a cookie",
        with(PATH, &[("Cookie", &format!("session={token}; access_token={token}"))]),
        &["token_missing"],
    );
    let trailer = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n2\r\nhi\r\n0\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    table.refuse("D5 in a trailer", trailer, &["token_missing"]);
    table.refuse(
        "D5 Authorization with an underscore",
        with(PATH, &[("Authorization_", &format!("Bearer {token}"))]),
        &["token_missing", "forbidden_header"],
    );
}

fn cookie(table: &mut Table, mint: &Mint) {
    let token = mint.ec.token().sign();
    let at = |headers: &[(&str, &str)]| with("/cookie/1", headers);
    let jar = format!("a=b; session={token}; c=d");
    let answer = table.admit("D5+ in the cookie that the route names", at(&[("Cookie", &jar)]));
    let gone = answer.is_some_and(|answer| !answer.echo().to_string().contains(&token));
    table.check("D5+ the cookie is taken off", if gone { Ok(()) } else { Err("the upstream saw the token".into()) });
    table.admit("D5+ the header on that route", get("/cookie/1", &token));
    let both = at(&[("Cookie", &jar), ("Authorization", &format!("Bearer {token}"))]);
    table.refuse("D5 cookie and header", both, &["multiple_credentials"]);
    // A byte above ASCII in the line must not hide the cookie: it would pass beside the header, and go upstream raw.
    let hidden = format!("{jar}; z=\u{e9}");
    let both = at(&[("Cookie", &hidden), ("Authorization", &format!("Bearer {token}"))]);
    table.refuse("D5 cookie beside obs-text, and header", both, &["multiple_credentials"]);
    table.refuse(
        "D5 the cookie twice",
        at(&[("Cookie", &format!("session={token}; session=x"))]),
        &["multiple_credentials"],
    );
    table.refuse(
        "D5 the cookie in two lines",
        at(&[("Cookie", &format!("session={token}")), ("Cookie", "session=x")]),
        &["multiple_credentials"],
    );
    table.refuse("D5 a cookie of another name", at(&[("Cookie", &format!("xsession={token}"))]), &["token_missing"]);
    table.refuse("D5 a cookie that is no token", at(&[("Cookie", "session=abc")]), &["token_malformed"]);
}

fn bound(table: &mut Table, mint: &Mint) {
    let bound = mint.ec.token().claim("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})).sign();
    let plain = mint.ec.token().sign();
    table.refuse("D6 a DPoP token as Bearer", get(PATH, &bound), &["dpop_downgrade"]);
    table.refuse(
        "D6 a DPoP token as Bearer, a proof beside it",
        with(PATH, &[("Authorization", &format!("Bearer {bound}")), ("DPoP", "x.y.z")]),
        &["dpop_downgrade"],
    );
    table.refuse("D6 a plain token as DPoP", authorization(&format!("DPoP {plain}")), &["dpop_binding_missing"]);
    let both =
        with(PATH, &[("Authorization", &format!("DPoP {bound}")), ("Authorization", &format!("Bearer {bound}"))]);
    table.refuse("D6 both schemes", both, &["multiple_credentials"]);
    let bound = mint.ec.token().claim("cnf", json!({"x5t#S256": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})).sign();
    table.refuse("D9 a token bound to a certificate", get(PATH, &bound), &["mtls_cert_missing"]);
}

fn taken_off(table: &mut Table, mint: &Mint, world: &World) {
    let token = mint.ec.token().sign();
    table.admit("D+ judged", get(PATH, &token));
    let seen = world.upstream.last();
    let gone = seen.all("authorization").is_empty();
    table.check("D+ the token is taken off", if gone { Ok(()) } else { Err(format!("{seen:?}")) });
    table.admit("D+ judged, token kept", get("/passing/1", &token));
    let kept = world.upstream.last().all("authorization") == [format!("Bearer {token}")];
    table.check("D+ forward_token keeps it", if kept { Ok(()) } else { Err(format!("{:?}", world.upstream.last())) });
}
