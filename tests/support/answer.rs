//! A response, taken apart far enough to be judged.

use super::reasons::Challenge;
use serde_json::Value;

/// One response.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Did the peer end the connection after it? Only known where the reader waited for it.
    pub closed: bool,
}

impl Answer {
    /// The only field of that name; several are a fault of their own.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(have, _)| have == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "field {name} came twice: {:?}", self.headers);
        first
    }

    /// Every field of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(have, _)| have == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// `reason` of the problem body.
    pub fn reason(&self) -> Option<String> {
        Some(self.json()?.get("reason")?.as_str()?.to_owned())
    }

    /// What `WWW-Authenticate` says, as far as the tests compare it.
    pub fn challenge(&self) -> Result<Challenge, String> {
        match self.all("www-authenticate")[..] {
            [] => Ok(Challenge::None),
            [line] if line.starts_with("DPoP ") => of_scheme("DPoP", line),
            [line] => of_scheme("Bearer", line),
            // One line a scheme, in this order, and they say the same.
            [bearer, dpop] => match (of_scheme("Bearer", bearer)?, of_scheme("DPoP", dpop)?) {
                (one, other) if one == other => Ok(one),
                (one, other) => Err(format!("two challenges that differ: {one:?} and {other:?}")),
            },
            ref lines => Err(format!("{} WWW-Authenticate lines: {lines:?}", lines.len())),
        }
    }

    /// What the upstream received, as its echo tells it.
    pub fn echo(&self) -> Value {
        self.json().unwrap_or_else(|| panic!("no echo in {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// For a message about a failure.
    pub fn brief(&self) -> String {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(160).collect();
        let challenge = self.all("www-authenticate").join(" | ");
        format!(
            "{} reason={} challenge=[{challenge}] closed={} body={body:?}",
            self.status,
            self.reason().unwrap_or_else(|| "-".into()),
            self.closed
        )
    }
}

fn of_scheme(scheme: &str, line: &str) -> Result<Challenge, String> {
    let rest = line.strip_prefix(scheme).ok_or_else(|| format!("not a {scheme} challenge: {line}"))?;
    if (scheme == "DPoP") != parameter(rest, "algs").is_some_and(|algs| algs.split(' ').any(|alg| alg == "ES256")) {
        return Err(format!("'algs' belongs to DPoP, and to nothing else (RFC 9449 §7.1): {line}"));
    }
    Ok(match parameter(rest, "error") {
        None => Challenge::Bare,
        Some(error) => Challenge::Error(error.leak()),
    })
}

/// A quoted parameter of a challenge. Enough here: our own realm holds no quotes.
fn parameter(text: &str, name: &str) -> Option<String> {
    text.split(',').find_map(|part| {
        let (key, value) = part.trim().split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Where a read of responses stands.
#[derive(Debug)]
pub enum Parsed {
    /// A whole response, and how many bytes it took.
    Whole(Answer, usize),
    /// More bytes are needed.
    Partial,
}

/// Takes one HTTP/1.1 response from the front of `bytes`; interim (1xx) ones are passed over, except 101.
pub fn parse(bytes: &[u8], ended: bool, head_request: bool) -> Parsed {
    let Some(head) = find(bytes, b"\r\n\r\n") else { return Parsed::Partial };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.split("\r\n");
    let status: u16 = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|s| s.parse().ok()).unwrap_or(0);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let start = head + 4;
    if (100..200).contains(&status) && status != 101 {
        return match parse(&bytes[start..], ended, head_request) {
            Parsed::Whole(answer, used) => Parsed::Whole(answer, used + start),
            Parsed::Partial => Parsed::Partial,
        };
    }
    let mut answer = Answer { status, headers, ..Answer::default() };
    let rest = &bytes[start..];
    if head_request || matches!(status, 101 | 204 | 304) {
        return Parsed::Whole(answer, start);
    }
    let field = |name: &str| answer.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.clone());
    if field("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return match dechunk(rest) {
            Some((body, used)) => {
                answer.body = body;
                Parsed::Whole(answer, start + used)
            }
            None => Parsed::Partial,
        };
    }
    let length = field("content-length").and_then(|value| value.parse::<usize>().ok());
    match length {
        Some(length) if rest.len() >= length => {
            answer.body = rest[..length].to_vec();
            Parsed::Whole(answer, start + length)
        }
        None if ended => {
            answer.body = rest.to_vec();
            Parsed::Whole(answer, bytes.len())
        }
        _ => Parsed::Partial,
    }
}

/// A chunked body and the bytes it took, trailers included.
pub fn dechunk(mut bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (total, mut body) = (bytes.len(), Vec::new());
    loop {
        let line = find(bytes, b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..line]).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        bytes = &bytes[line + 2..];
        if size == 0 {
            // Trailers end with an empty line; without any, that line comes at once.
            let end = if bytes.starts_with(b"\r\n") { 2 } else { find(bytes, b"\r\n\r\n")? + 4 };
            return Some((body, total - bytes.len() + end));
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size + 2..)?;
    }
}

/// Where `needle` begins.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
