//! What a request was sent to, as its client saw it, in the form in which two addresses are compared (RFC 9449 §4.3,
//! number 9; RFC 3986 §6.2.2 and §6.2.3). Which route that is, is not known here.

use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, Method, Uri};

/// What a request was sent to. Nothing of it is looked at before a proof asks.
pub struct Target<'a> {
    /// The method.
    pub method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    secure: bool,
}

impl<'a> Target<'a> {
    /// The target of a request that came over TLS, or did not. What a proxy before us says of that (`X-Forwarded-Proto`)
    /// counts if it is one that is `trusted`.
    #[must_use]
    pub fn of(parts: &'a Parts, secure: bool, trusted: bool) -> Self {
        let told = parts.headers.get("x-forwarded-proto").filter(|_| trusted).map(|told| told.as_bytes());
        let secure = told.map_or(secure, |told| told.eq_ignore_ascii_case(b"https"));
        Self { method: &parts.method, uri: &parts.uri, headers: &parts.headers, secure }
    }

    /// The target URI without query, normalised; none if it cannot be.
    #[must_use]
    pub fn uri(&self) -> Option<String> {
        let authority = match self.uri.authority() {
            Some(authority) => authority.as_str(),
            None => self.headers.get(HOST)?.to_str().ok()?,
        };
        let scheme = if self.secure { "https" } else { "http" };
        normal(&format!("{scheme}://{authority}{}", self.uri.path()))
    }
}

/// The normal form of an absolute `http` or `https` URI, without query and fragment; none of anything else.
#[must_use]
pub fn normal(uri: &str) -> Option<String> {
    let uri = uri.split(['?', '#']).next()?;
    if !uri.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && !b"\"<>\\^`{|}".contains(&byte)) {
        return None;
    }
    let (scheme, rest) = uri.split_once("://")?;
    let secure = scheme.eq_ignore_ascii_case("https");
    if !secure && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = normal_authority(authority, if secure { 443 } else { 80 })?;
    let path = without_dots(&unescaped(path)?);
    Some(format!("{}://{authority}{path}", if secure { "https" } else { "http" }))
}

/// Host in lower case; the port only where it is not the scheme's own.
fn normal_authority(authority: &str, usual: u16) -> Option<String> {
    let (host, port) = match authority.rfind(':') {
        Some(at) if !authority.ends_with(']') => (authority.get(..at)?, authority.get(at + 1..)?),
        _ => (authority, ""),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || host.contains(['@', '%']) || (!bracketed && host.contains([':', '[', ']'])) {
        return None;
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let port = if port.is_empty() { usual } else { port.parse().ok()? };
    let host = host.to_ascii_lowercase();
    Some(if port == usual { host } else { format!("{host}:{port}") })
}

/// Escapes of unreserved characters decoded, all others in upper case (RFC 3986 §6.2.2.1 and §6.2.2.2).
fn unescaped(path: &str) -> Option<String> {
    let mut text = String::with_capacity(path.len());
    let mut rest = path.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let (high, low) = (rest.next()?, rest.next()?);
        let byte = u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.extend(['%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
        }
    }
    Some(text)
}

/// Dot segments removed (RFC 3986 §5.2.4); an empty path is `/`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments = path.strip_prefix('/').unwrap_or(path);
    for segment in segments.split('/') {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    // What ends in a dot segment names what is inside the one before it.
    if matches!(segments.rsplit('/').next(), Some("." | "..")) {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{Target, normal};

    /// What was terminated before us is told by a proxy, and believed of one that is trusted.
    #[test]
    fn the_scheme_is_the_one_that_the_client_used() {
        let scheme = |told: &str, secure, trusted| {
            let request = http::Request::get("/a?b").header("host", "A:80").header("x-forwarded-proto", told).body(());
            let (parts, ()) = request.expect("a request").into_parts();
            Target::of(&parts, secure, trusted).uri()
        };
        for (told, secure, trusted, expected) in [
            ("https", false, true, "https://a:80/a"),
            ("https", false, false, "http://a/a"),
            ("http", true, true, "http://a/a"),
            ("http", true, false, "https://a:80/a"),
            ("https, http", false, true, "http://a/a"),
        ] {
            assert_eq!(scheme(told, secure, trusted).as_deref(), Some(expected), "{told} {secure} {trusted}");
        }
    }

    /// D8: what is one address, and what is not.
    #[test]
    fn equivalent_addresses_are_one() {
        let one = [
            "https://api.example.com/a/b",
            "HTTPS://Api.Example.COM/a/b",
            "https://api.example.com:443/a/b",
            "https://api.example.com:/a/b",
            "https://api.example.com/a/b?c=d",
            "https://api.example.com/a/b#c",
            "https://api.example.com/a/./b",
            "https://api.example.com/a/c/../b",
            "https://api.example.com/../a/b",
            "https://api.example.com/%61/%62",
            "https://api.example.com/a/%2e%2E/a/b",
        ];
        for uri in one {
            assert_eq!(normal(uri).as_deref(), Some("https://api.example.com/a/b"), "{uri}");
        }
        let others = [
            ("https://api.example.com", "https://api.example.com/"),
            ("https://api.example.com?a", "https://api.example.com/"),
            ("https://api.example.com/a/b/", "https://api.example.com/a/b/"),
            ("https://api.example.com/a/b/.", "https://api.example.com/a/b/"),
            ("https://api.example.com/a/b/..", "https://api.example.com/a/"),
            ("https://api.example.com/A/b", "https://api.example.com/A/b"),
            ("https://api.example.com/a%2fb", "https://api.example.com/a%2Fb"),
            ("https://api.example.com/a//b", "https://api.example.com/a//b"),
            ("https://api.example.com:8443/a", "https://api.example.com:8443/a"),
            ("https://api.example.com:80/a", "https://api.example.com:80/a"),
            ("http://api.example.com:80/a/b", "http://api.example.com/a/b"),
            ("http://api.example.com:443/", "http://api.example.com:443/"),
            ("https://[::1]:443/%7euser", "https://[::1]/~user"),
            ("https://[::1]:8443/", "https://[::1]:8443/"),
        ];
        for (uri, expected) in others {
            assert_eq!(normal(uri).as_deref(), Some(expected), "{uri}");
        }
    }

    #[test]
    fn what_is_no_address_has_no_normal_form() {
        for uri in [
            "",
            "/a/b",
            "api.example.com/a",
            "https:/api.example.com/a",
            "ftp://api.example.com/a",
            "https:///a",
            "https://user@api.example.com/a",
            "https://api.example.com:x/a",
            "https://api.example.com:99999/a",
            "https://a:1:2/",
            "https://::1/",
            "https://api%2eexample.com/a",
            "https://api.example.com/%6",
            "https://api.example.com/%zz",
            "https://api.example.com/a b",
            "https://api.example.com\\a",
            " https://api.example.com/a",
            "https://api.example.com/\u{e9}",
        ] {
            assert_eq!(normal(uri), None, "{uri}");
        }
    }
}
