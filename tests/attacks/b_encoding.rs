//! B: encoding and parsing.

use crate::KNOWN_GAPS;
use crate::support::config::World;
use crate::support::mint::{Mint, b64};
use crate::support::table::{Table, get, with};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Value, json};

const PATH: &str = "/orders/1";
const MALFORMED: &[&str] = &["token_malformed"];

/// A token is three strict base64url parts of strict JSON, or it is nothing.
#[test]
fn b_encoding_and_parsing() {
    let (world, mint) = (World::start(), Mint::get());
    let mut table = Table::new(&world, "B", KNOWN_GAPS);
    table.admit("B+ a good token", get(PATH, &mint.ec.token().sign()));
    alphabet(&mut table, mint);
    trailing_bits(&mut table, mint);
    duplicates(&mut table, mint);
    json_text(&mut table, mint);
    not_objects(&mut table, mint);
    size(&mut table, mint);
    other_forms(&mut table, mint);
    table.finish();
}

fn alphabet(table: &mut Table, mint: &Mint) {
    let token = mint.ec.token().sign();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { unreachable!() };
    let padded = URL_SAFE.encode(crate::support::mint::unb64(signature));
    // `+` and `/` are legal in a header, and not in base64url.
    let standard = |text: &str| STANDARD_NO_PAD.encode(crate::support::mint::unb64(text));
    table.refuse(
        "B1 padding",
        get(PATH, &format!("{header}.{payload}.{padded}")),
        &["token_malformed", "malformed_authorization"],
    );
    // A signature whose text differs between the alphabets; random, so look for one.
    let odd = std::iter::repeat_with(|| mint.ec.token().sign())
        .find(|t| t.rsplit('.').next().is_some_and(|s| s.contains(['-', '_'])));
    let odd = odd.unwrap();
    let (front, last) = odd.rsplit_once('.').unwrap();
    table.refuse("B1 the other alphabet", get(PATH, &format!("{front}.{}", standard(last))), MALFORMED);
    table.refuse(
        "B1 a space within",
        get(PATH, &format!("{header}.{payload} .{signature}")),
        &["malformed_authorization", "token_malformed"],
    );
    table.cut(
        "B1 a line break within",
        get(PATH, &format!("{header}.\r\n{payload}.{signature}")),
        &["malformed_request"],
    );
    table.cut("B1 a NUL within", get(PATH, &format!("{header}.\0{payload}.{signature}")), &["malformed_request"]);
    table.refuse("B1 a last dot", get(PATH, &format!("{token}.")), &["token_malformed"]);
    table.refuse("B1 a first dot", get(PATH, &format!(".{token}")), &["token_malformed"]);
    table.refuse("B1 more after the third part", get(PATH, &format!("{token}.e30")), &["token_malformed"]);
    table.refuse("B1 a tilde", get(PATH, &format!("{token}~")), MALFORMED);
    table.refuse(
        "B1 a percent sign",
        get(PATH, &format!("{token}%00")),
        &["malformed_authorization", "token_malformed"],
    );
    table.refuse("B1 only dots", get(PATH, ".."), MALFORMED);
    table.refuse("B1 an opaque token", get(PATH, "2YotnFZFEjr1zCsicMWpAA"), MALFORMED);
    table.refuse("B1 empty header", get(PATH, &format!(".{payload}.{signature}")), MALFORMED);
}

fn trailing_bits(table: &mut Table, mint: &Mint) {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for part in 0..3 {
        // Each part as long as it takes for its last character to have unused bits.
        let token = (0..3).find_map(|pad| {
            let token = mint.ec.token().head("p", "x".repeat(pad)).claim("p", "x".repeat(pad)).sign();
            (token.split('.').nth(part).unwrap().len() % 4 != 0).then_some(token)
        });
        let token = token.unwrap();
        let mut parts: Vec<Vec<u8>> = token.split('.').map(|part| part.as_bytes().to_vec()).collect();
        let last = parts[part].last_mut().unwrap();
        *last = ALPHABET[ALPHABET.iter().position(|byte| byte == last).unwrap() ^ 1];
        let bent: Vec<String> = parts.into_iter().map(|part| String::from_utf8(part).unwrap()).collect();
        table.admit(&format!("B2+ part {part} straight"), get(PATH, &token));
        table.refuse(&format!("B2 part {part} bent"), get(PATH, &bent.join(".")), MALFORMED);
    }
}

fn duplicates(table: &mut Table, mint: &Mint) {
    for extra in
        [r#""alg":"ES256","#, r#""kid":"ec-1","#, r#""alg":"none","#, r#""typ":"at+jwt","#, r#""\u0061lg":"ES256","#]
    {
        let token = mint.ec.token().sign_header(|text| text.replacen('{', &format!("{{{extra}"), 1).into_bytes());
        table.refuse(&format!("B3 header twice {extra}"), get(PATH, &token), MALFORMED);
    }
    let twice = [
        r#""exp":9999999999,"#,
        r#""sub":"root","#,
        r#""aud":"x","#,
        r#""iss":"x","#,
        r#""\u0065xp":9999999999,"#,
        r#""x":1,"x":2,"#,
        r#""cnf":{"jkt":"a","jkt":"b"},"#,
        r#""deep":[{"a":1,"\u0061":2}],"#,
    ];
    for extra in twice {
        let token = mint.ec.token().sign_payload(|text| text.replacen('{', &format!("{{{extra}"), 1).into_bytes());
        table.refuse(&format!("B3 payload twice {extra}"), get(PATH, &token), MALFORMED);
    }
    let token = mint.ec.token().sign_payload(|text| text.replacen('{', r#"{"x":{"a":1},"y":{"a":2},"#, 1).into_bytes());
    table.admit("B3+ the same name in two objects", get(PATH, &token));
}

fn json_text(table: &mut Table, mint: &Mint) {
    type Change = fn(String) -> Vec<u8>;
    let changes: [(&str, Change); 12] = [
        ("a byte order mark", |text| [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("UTF-16", |text| text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("invalid UTF-8", |text| {
            text.replacen('{', "{\"x\":\"@\",", 1)
                .replace('@', "\u{1}")
                .into_bytes()
                .into_iter()
                .map(|b| if b == 1 { 0xff } else { b })
                .collect()
        }),
        ("overlong UTF-8", |text| {
            text.replacen('{', "{\"x\":\"\u{1}\u{2}\",", 1)
                .into_bytes()
                .into_iter()
                .map(|b| match b {
                    1 => 0xc0,
                    2 => 0xaf,
                    b => b,
                })
                .collect()
        }),
        ("a lone surrogate", |text| text.replacen('{', r#"{"x":"\ud800","#, 1).into_bytes()),
        ("bytes after the end", |text| format!("{text}x").into_bytes()),
        ("a second object", |text| format!("{text}{{}}").into_bytes()),
        ("a NUL after the end", |text| format!("{text}\0").into_bytes()),
        ("a trailing comma", |text| text.replace('}', ",}").into_bytes()),
        ("single quotes", |text| text.replace('"', "'").into_bytes()),
        ("a comment", |text| format!("/* */{text}").into_bytes()),
        ("a raw control character", |text| text.replacen('{', "{\"x\":\"\n\",", 1).into_bytes()),
    ];
    for (name, change) in changes {
        table.refuse(&format!("B4 payload: {name}"), get(PATH, &mint.ec.token().sign_payload(change)), MALFORMED);
        table.refuse(&format!("B4 header: {name}"), get(PATH, &mint.ec.token().sign_header(change)), MALFORMED);
    }
    table.admit("B4+ white space", get(PATH, &mint.ec.token().sign_payload(|text| format!(" {text}\n").into_bytes())));
    table.admit(
        "B4+ a surrogate pair",
        get(PATH, &mint.ec.token().sign_payload(|t| t.replacen('{', r#"{"x":"\ud83d\ude00","#, 1).into_bytes())),
    );
}

fn not_objects(table: &mut Table, mint: &Mint) {
    for text in ["[]", "\"x\"", "1", "null", "true", "", "[{}]"] {
        let token = mint.ec.raw("ES256", mint.ec.token().header_text(), text);
        table.refuse(&format!("B5 payload {text:?}"), get(PATH, &token), MALFORMED);
        let token = mint.ec.raw("ES256", text, mint.ec.token().payload_text());
        table.refuse(&format!("B5 header {text:?}"), get(PATH, &token), MALFORMED);
    }
    let token = mint.ec.raw("ES256", "{}", mint.ec.token().payload_text());
    table.refuse("B5 header {}", get(PATH, &token), &["alg_not_allowed", "token_malformed"]);
}

fn size(table: &mut Table, mint: &Mint) {
    let bounded = ["token_too_large", "token_malformed", "headers_too_large"];
    let deep = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    for depth in [200, 2500, 10_000] {
        let token = mint.ec.raw("ES256", mint.ec.token().header_text(), deep(depth));
        table.refuse(&format!("B6 {depth} levels"), get(PATH, &token), &bounded);
        let token = mint.ec.raw("ES256", deep(depth), mint.ec.token().payload_text());
        table.refuse(&format!("B6 {depth} levels in the header"), get(PATH, &token), &bounded);
    }
    let members = |count: usize| (0..count).fold(mint.ec.token(), |token, at| token.claim(&format!("m{at}"), 1)).sign();
    table.admit("B6+ 100 members", get(PATH, &members(100)));
    table.refuse_huge("B6 100 000 members", get(PATH, &members(100_000)), &bounded);
    table.refuse_huge(
        "B6 a claim of 1 MiB",
        get(PATH, &mint.ec.token().claim("x", "x".repeat(1 << 20)).sign()),
        &bounded,
    );
    // Padded in two claims, since one string is bounded too; six bits a character, so some lengths are left out.
    let padded = |length: usize| mint.ec.token().claim("x", "x".repeat(3000)).claim("y", "y".repeat(length)).sign();
    let largest = (0..4000).rev().map(padded).find(|token| token.len() <= 8192).unwrap();
    table.admit("B9+ the largest token that is allowed", get(PATH, &largest));
    assert!(largest.len() > 8185, "{}", largest.len());
    let over = (0..4000).map(padded).find(|token| token.len() > 8192).unwrap();
    table.refuse("B9 a token just over 8 KiB", get(PATH, &over), &["token_too_large"]);
    table.refuse(
        "B9 a token of 15 KiB",
        get(PATH, &mint.ec.token().claim("x", "x".repeat(11_000)).sign()),
        &["token_too_large"],
    );
    table.refuse("B9 an Authorization of 64 KiB", get(PATH, &"x".repeat(65_536)), &["headers_too_large"]);
}

fn other_forms(table: &mut Table, mint: &Mint) {
    let token = mint.ec.token().sign();
    let parts: Vec<&str> = token.split('.').collect();
    let flat = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]});
    let general = json!({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]});
    for (name, form) in [("flattened", flat), ("general", general)] {
        let request = get(PATH, &form.to_string());
        table.refuse(
            &format!("B7 JSON serialisation, {name}"),
            request,
            &["malformed_authorization", "token_malformed"],
        );
    }
    let five = |header: Value| {
        format!("{}.{}.{}.{}.{}", b64(header.to_string()), b64("key"), b64("iv"), b64("text"), b64("tag"))
    };
    let encrypted = [
        ("plain", json!({"alg": "RSA-OAEP-256", "enc": "A256GCM"})),
        ("zip", json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "zip": "DEF"})),
        (
            "PBES2 with 2^31 rounds",
            json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_648u64, "p2s": "AAAA"}),
        ),
        ("dir", json!({"alg": "dir", "enc": "A128CBC-HS256"})),
    ];
    for (name, header) in encrypted {
        let start = std::time::Instant::now();
        table.refuse(&format!("B8 JWE {name}"), get(PATH, &five(header)), &["token_encrypted"]);
        let quick = start.elapsed() < std::time::Duration::from_secs(1);
        table.check(
            &format!("B8 JWE {name}, no work done"),
            if quick { Ok(()) } else { Err(format!("{:?}", start.elapsed())) },
        );
    }
    let nested = mint.ec.token().head("cty", "JWT");
    let inner = mint.ec.raw("ES256", nested.header_text(), mint.ec.token().sign());
    table.refuse("B10 a token in a token", get(PATH, &inner), MALFORMED);
    table.refuse("B10 cty JWT", get(PATH, &nested.sign()), MALFORMED);
    table.refuse(
        "B7 a JSON header line",
        with(PATH, &[("Authorization", "{\"token\":1}")]),
        &["unsupported_auth_scheme", "malformed_authorization"],
    );
}
