//! What a client wrote, without the secrets in it (OT-07).

use std::borrow::Cow;

use super::secrets::Secrets;

/// Parameters whose values are never told, by their whole names; the settings may add others. A name is compared by its letters and digits alone,
/// without case and without the digits at its end, so `Login-Hint` and `login_hint[2]` are the same.
const NAMES: &[&str] = &[
    "auth",
    "authcode",
    "authorizationcode",
    "authkey",
    "code",
    "codeverifier",
    "connectsid",
    "devicecode",
    "idtokenhint",
    "jwt",
    "key",
    "loginhint",
    "nonce",
    "otp",
    "passcode",
    "passwd",
    "pwd",
    "samlrequest",
    "samlresponse",
    "session",
    "sid",
    "sig",
    "state",
    "subscriptionkey",
    "ticket",
    "tokenhint",
    "user",
    "usercode",
    "username",
];
/// The same, by how their names end: `accessToken`, `client_secret`, `x-api-key`, `JSESSIONID`.
const ENDINGS: &[&str] = &[
    "accesskey",
    "accesskeyid",
    "apikey",
    "assertion",
    "authorization",
    "credential",
    "credentials",
    "passphrase",
    "password",
    "privatekey",
    "secret",
    "secretkey",
    "sessid",
    "sessionid",
    "signature",
    "token",
];
/// How the base64url of a JSON object begins, and so every JOSE header.
const JOSE: &str = "eyJ";
const REDACTED: &str = "REDACTED";

/// The query, every secret value of it replaced. What looks like a JWT is replaced under any name.
#[must_use]
pub fn query<'a>(secrets: &Secrets, query: &'a str) -> Cow<'a, str> {
    let (pairs, is_secret) = (|| query.split(['&', ';']), |pair: &str| is_secret(secrets, pair));
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

/// A path: the values of its parameters too (`;jsessionid=`, RFC 3986 §3.3), and JWTs behind escapes.
#[must_use]
pub fn path<'a>(secrets: &Secrets, path: &'a str) -> Cow<'a, str> {
    let pieces = || path.split_inclusive([';', '/']);
    // What stands before the first is no parameter, and each ends where its segment does.
    let after = || std::iter::once("").chain(pieces());
    let hides = |(before, piece): (&str, &str)| {
        let piece = unended(piece);
        (before.ends_with(';') && is_secret(secrets, piece)) || (piece.contains('%') && decoded(piece).contains(JOSE))
    };
    if !after().zip(pieces()).any(hides) {
        return text(path);
    }
    let mut out = String::with_capacity(path.len());
    for (before, piece) in after().zip(pieces()) {
        match piece.split_once('=').filter(|_| before.ends_with(';')) {
            _ if !hides((before, piece)) => out.push_str(piece),
            Some((name, _)) if !name.contains('%') => out.extend([name, "=", REDACTED, end_of(piece)]),
            _ => out.extend([REDACTED, end_of(piece)]),
        }
    }
    Cow::Owned(text(&out).into_owned())
}

fn unended(piece: &str) -> &str {
    piece.strip_suffix([';', '/']).unwrap_or(piece)
}

fn end_of(piece: &str) -> &str {
    piece.strip_prefix(unended(piece)).unwrap_or_default()
}

fn is_secret(secrets: &Secrets, pair: &str) -> bool {
    hides_secret(secrets, pair, DEEPEST)
}

/// So deep it is looked into addresses within addresses, each encoded as often at most. What is deeper is not told.
const DEEPEST: usize = 3;

fn hides_secret(secrets: &Secrets, pair: &str, depth: usize) -> bool {
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    if is_secret_name(secrets, name) {
        return true;
    }
    let mut value = Cow::Borrowed(value);
    for _ in 0..DEEPEST {
        let plain = decoded(&value).into_owned();
        if plain.contains(JOSE) || leads_to_secret(secrets, &plain, depth) {
            return true;
        }
        if plain == *value {
            return false;
        }
        value = Cow::Owned(plain);
    }
    decoded(&value) != value
}

/// An address as a value, in whose own query there is a secret: `return_to=/callback?code=…`.
fn leads_to_secret(secrets: &Secrets, value: &str, depth: usize) -> bool {
    let mut pairs = value.split(['?', '&', '#', ';']).skip(1).filter(|pair| pair.contains('=')).peekable();
    if depth == 0 {
        return pairs.peek().is_some();
    }
    pairs.any(|pair| hides_secret(secrets, pair, depth - 1))
}

fn is_secret_name(secrets: &Secrets, name: &str) -> bool {
    let name = decoded(name);
    let mut whole = NAMES.iter().copied().chain(secrets.names());
    whole.any(|word| rest_before(&name, word).is_some_and(|mut rest| rest.next().is_none()))
        || ENDINGS.iter().any(|word| rest_before(&name, word).is_some())
}

/// The letters and digits of the name before this ending of it, from the last to the first; none if it ends otherwise.
fn rest_before<'a>(name: &'a str, ending: &str) -> Option<impl Iterator<Item = u8> + use<'a>> {
    let letters = name.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    let mut letters = letters.skip_while(u8::is_ascii_digit);
    ending.bytes().rev().all(|byte| letters.next() == Some(byte)).then_some(letters)
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
    use super::*;
    use crate::telemetry::secrets::ParameterName;

    fn query(text: &str) -> Cow<'_, str> {
        super::query(&Secrets::default(), text)
    }

    #[test]
    fn a_name_that_the_settings_add_is_as_secret() {
        let names = ["Voucher-Code", "pin"].map(|name| ParameterName::try_from(name.to_owned()).unwrap());
        let secrets = Secrets::of(&names);
        for (given, told) in [
            ("pin=1234&page=2", "pin=REDACTED&page=2"),
            (
                "PIN[]=1&p%69n=2&voucher_code=x&spin=1&pins=2",
                "PIN[]=REDACTED&p%69n=REDACTED&voucher_code=REDACTED&spin=1&pins=2",
            ),
            ("return_to=/cb?pin=1", "return_to=REDACTED"),
            ("code=1&q=2", "code=REDACTED&q=2"),
        ] {
            assert_eq!(super::query(&secrets, given), told);
        }
        assert_eq!(super::path(&secrets, "/a;pin=1;v=2/pin=3"), "/a;pin=REDACTED;v=2/pin=3");
        assert_eq!(query("pin=1234&voucher_code=x"), "pin=1234&voucher_code=x", "elsewhere they are not");
    }

    #[test]
    fn a_token_is_gone_wherever_it_stands() {
        assert_eq!(super::text("/a/b"), "/a/b");
        assert_eq!(super::text("/a/eyJhbGciOiJSUzI1NiJ9.e30.x/b"), "/a/REDACTED/b");
        assert_eq!(super::text("agent eyJhbGciOiJSUzI1NiJ9.e30.x"), "agent REDACTED");
    }

    #[test]
    fn a_secret_is_gone_by_any_spelling_of_its_name() {
        for name in [
            "accessToken",
            "auth_token",
            "session_id",
            "PHPSESSID",
            "connect.sid",
            "x-api-key",
            "X-Amz-Signature",
            "X-Goog-Credential",
            "X-Amz-Security-Token",
            "token[]",
            "token%5B0%5D",
            "user[password]",
            "ac%00cess%20to+ken",
            "login_hint",
            "userName",
            "password2",
            "AWSAccessKeyId",
        ] {
            assert_eq!(query(&format!("{name}=abc&page=2")), format!("{name}=REDACTED&page=2"));
        }
        for kept in ["page_size=1", "tokens_left=1", "barcode=1", "country=de", "monkey=1", "stateful=1", "=1", "2=1"] {
            assert_eq!(query(kept), kept);
        }
    }

    #[test]
    fn a_secret_is_gone_from_an_address_in_a_value() {
        for given in [
            "/cb?code=abc",
            "%2Fcb%3Fx%3D1%26code%3Dabc",
            "https://x.example/%23access_token=abc",
            "%2Flogin%3Fnext%3D%252Fcb%253Fcode%253Dabc",
            "%25252Fcb%25253Fcode%25253Dabc",
            "%2525252525252Fcb",
        ] {
            assert_eq!(query(&format!("return_to={given}&x")), "return_to=REDACTED&x");
        }
        for kept in ["return_to=/cb?page=2", "return_to=%2Fa%3Fb%3D%252Fc%253Fpage%253D2", "share=100%", "q=50%25+off"]
        {
            assert_eq!(query(kept), kept);
        }
    }

    #[test]
    fn a_secret_is_gone_from_the_parameters_of_a_path() {
        for (given, told) in [
            ("/a/b", "/a/b"),
            ("/a;v=1/b", "/a;v=1/b"),
            ("/a;jsessionid=abc", "/a;jsessionid=REDACTED"),
            ("/a;v=1;JSESSIONID=abc;x/token=b/", "/a;v=1;JSESSIONID=REDACTED;x/token=b/"),
            ("/a;sid=abc/b;token=1/eyJhbGciOiJSUzI1NiJ9.e30.x", "/a;sid=REDACTED/b;token=REDACTED/REDACTED"),
            (";token=a=b", ";token=REDACTED"),
            ("/a/%65yJhbGci.e30.x/b%20c", "/a/REDACTED/b%20c"),
            ("/a;x=%65yJhbGci.e30.x/b", "/a;x=REDACTED/b"),
            ("/a;%74oken=b/c", "/a;REDACTED/c"),
            ("", ""),
        ] {
            assert_eq!(super::path(&Secrets::default(), given), told, "{given}");
        }
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
