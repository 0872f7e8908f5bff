//! What would like to be more than text, in every place in which a client may write: the table of all of them.

use crate::support::config::HOST;
use crate::support::mint::Token;

/// A kind of text with a name, as bytes.
pub fn kinds() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("controls", b"a\x01\x07\x08\x0c\x7fz".to_vec()),
        ("ANSI escapes", "a\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31mz".into()),
        ("a line of a log", b"a\r\n{\"level\":\"ERROR\",\"seq\":9}\r\nz".to_vec()),
        ("HTML", b"a<script>alert(1)</script><img src=x onerror=alert(2)>\"'&lt;z".to_vec()),
        ("text that is turned around", "a\u{202e}\u{2066}\u{200b}\u{feff}z".into()),
        ("8 KiB of emoji", "\u{1f525}".repeat(2048).into()),
        ("no UTF-8", b"a\xff\xfe\x80\xc0\xafz".to_vec()),
    ]
}

/// Header fields, claims and members of a token's header in which it stands.
const FIELDS: &[&str] = &[
    "User-Agent",
    "X-Request-Id",
    "Authorization",
    "Cookie",
    "Traceparent",
    "Tracestate",
    "Origin",
    "X-Forwarded-For",
    "DPoP",
];
const CLAIMS: &[&str] = &["iss", "sub", "jti", "client_id", "azp", "sid", "scope", "org", "acr", "aud"];
const HEADS: &[&str] = &["kid", "typ", "alg"];

/// One request.
pub struct Loud {
    pub name: String,
    pub request: Vec<u8>,
    /// The token, if it is in there.
    pub token: Option<String>,
}

/// A JSON string of any bytes: what JSON must escape is escaped, and the rest is as it is.
fn json_string(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            0..0x20 => out.extend(format!("\\u{byte:04x}").bytes()),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
    out
}

/// Puts it in the place of the marker that a text has.
fn marked(text: &str, bytes: &[u8]) -> Vec<u8> {
    let (before, after) = text.split_once("\"MARK\"").unwrap();
    [before.as_bytes(), &json_string(bytes), after.as_bytes()].concat()
}

fn get(target: &[u8], field: &[u8]) -> Vec<u8> {
    [b"GET ", target, format!(" HTTP/1.1\r\nHost: {HOST}\r\n").as_bytes(), field, b"\r\n"].concat()
}

fn percent(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().take(1200).flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect()
}

/// Every kind in every place. `token` is one that is good.
pub fn all(token: impl Fn() -> Token<'static>) -> Vec<Loud> {
    let mut all = Vec::new();
    for (kind, bytes) in kinds() {
        let mut add = |place: &str, request: Vec<u8>, token: Option<String>| {
            all.push(Loud { name: format!("{kind} in {place}"), request, token });
        };
        let one_line: Vec<u8> = bytes.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        for field in FIELDS {
            let bearer = if *field == "Authorization" { &b"Bearer "[..] } else { b"" };
            let line = [field.as_bytes(), b": ", bearer, &one_line, b"\r\n"].concat();
            add(field, get(b"/orders/7", &line), None);
        }
        add("the path", get(&[b"/orders/", &percent(&bytes)[..]].concat(), b""), None);
        add("the query", get(&[b"/orders/7?q=", &percent(&bytes)[..]].concat(), b""), None);
        add("the raw query", get(&[b"/orders/7?q=", &one_line[..one_line.len().min(1024)]].concat(), b""), None);
        add("the host", [b"GET /orders/7 HTTP/1.1\r\nHost: ", &one_line[..], b"\r\n\r\n"].concat(), None);
        add(
            "the method",
            [&one_line[..one_line.len().min(64)], b" /orders/7 HTTP/1.1\r\nHost: a\r\n\r\n"].concat(),
            None,
        );
        let borne = |token: &str| get(b"/orders/7", format!("Authorization: Bearer {token}\r\n").as_bytes());
        for claim in CLAIMS {
            let token = token().claim(claim, "MARK").sign_payload(|text| marked(&text, &bytes));
            add(&format!("the claim {claim}"), borne(&token), Some(token));
        }
        for head in HEADS {
            let token = token().head(head, "MARK").sign_header(|text| marked(&text, &bytes));
            add(&format!("the token's {head}"), borne(&token), Some(token));
        }
    }
    all
}

/// Whether a character does something where it is shown.
pub fn does_something(char: char) -> bool {
    (char.is_control() && char != '\n')
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// What of a text is not as it should be: something that is told may be seen, and do nothing.
pub fn leak(text: &str) -> Option<String> {
    let at =
        text.find(does_something).or_else(|| text.find("\n{\"level\":\"ERROR\"").or_else(|| text.find('\u{fffd}')));
    at.map(|at| text[at..].chars().take(80).collect::<String>().escape_debug().to_string())
}
