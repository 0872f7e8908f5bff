//! What a client wrote, without the secrets in it (OT-07).

use std::borrow::Cow;

/// Names of parameters whose values are never told; compared without case.
const SECRET: &[&str] = &[
    "access_token",
    "token",
    "code",
    "id_token",
    "logout_token",
    "refresh_token",
    "id_token_hint",
    "token_hint",
    "client_secret",
    "client_assertion",
    "assertion",
    "password",
    "passwd",
    "pwd",
    "secret",
    "api_key",
    "apikey",
    "key",
    "auth",
    "authorization",
    "jwt",
    "session",
    "sid",
    "state",
    "nonce",
    "samlresponse",
    "samlrequest",
    "code_verifier",
    "otp",
    "ticket",
    "sig",
    "signature",
    "awsaccesskeyid",
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "x-goog-signature",
    "x-goog-credential",
];
/// How the base64url of a JSON object begins, and so every JOSE header.
const JOSE: &str = "eyJ";
const REDACTED: &str = "REDACTED";

/// The query, every secret value of it replaced. What looks like a JWT is replaced under any name.
#[must_use]
pub fn query(query: &str) -> Cow<'_, str> {
    let pairs = || query.split(['&', ';']);
    if !pairs().any(is_secret) {
        return Cow::Borrowed(query);
    }
    let mut out = String::with_capacity(query.len());
    for pair in pairs() {
        if !out.is_empty() {
            out.push('&');
        }
        match pair.split_once('=') {
            Some((name, _)) if is_secret(pair) => out.extend([name, "=", REDACTED]),
            None if is_secret(pair) => out.push_str(REDACTED),
            _ => out.push_str(pair),
        }
    }
    Cow::Owned(out)
}

/// Any other text of a client's: each part of it that looks like a JWT is replaced.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    if !text.contains(JOSE) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(['/', ' ', ',', ';', '=']) {
        if part.contains(JOSE) {
            out.push_str(REDACTED);
            out.extend(part.chars().last().filter(|last| !last.is_ascii_alphanumeric() && *last != '.'));
        } else {
            out.push_str(part);
        }
    }
    Cow::Owned(out)
}

fn is_secret(pair: &str) -> bool {
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let name = decoded(name);
    decoded(value).contains(JOSE) || SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(&name))
}

/// `%5ftoken` is as secret as `_token`.
fn decoded(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return Cow::Borrowed(name);
    }
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        match (first, escape(others)) {
            (b'%', Some((byte, after))) => {
                out.push(byte);
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = others;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

fn escape(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, after) = rest.split_at_checked(2)?;
    let digits = std::str::from_utf8(digits).ok()?;
    Some((u8::from_str_radix(digits, 16).ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn a_token_is_gone_wherever_it_stands() {
        assert_eq!(super::text("/a/b"), "/a/b");
        assert_eq!(super::text("/a/eyJhbGciOiJSUzI1NiJ9.e30.x/b"), "/a/REDACTED/b");
        assert_eq!(super::text("agent eyJhbGciOiJSUzI1NiJ9.e30.x"), "agent REDACTED");
    }

    #[test]
    fn secrets_are_gone_and_the_rest_stays() {
        for (given, told) in [
            ("page=2&size=10", "page=2&size=10"),
            ("", ""),
            ("access_token=abc&page=2", "access_token=REDACTED&page=2"),
            ("page=2;Access_Token=abc", "page=2&Access_Token=REDACTED"),
            ("access%5Ftoken=abc", "access%5Ftoken=REDACTED"),
            ("%61ccess_token=abc&x", "%61ccess_token=REDACTED&x"),
            ("code=1&sig=2&signature=3", "code=REDACTED&sig=REDACTED&signature=REDACTED"),
            ("q=eyJhbGciOiJSUzI1NiJ9.e30.x", "q=REDACTED"),
            ("q=%65yJhbGciOiJSUzI1NiJ9.e30.x", "q=REDACTED"),
            ("eyJhbGciOiJSUzI1NiJ9.e30.x", "REDACTED"),
            ("token=a=b&%zz=1&%", "token=REDACTED&%zz=1&%"),
        ] {
            assert_eq!(query(given), told, "{given}");
        }
    }
}
