//! The one host that a request names (RFC 9112 §3.2, RFC 9113 §8.3.1). Two names, or none, are refused.

use crate::decide::reason::Reason;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use std::borrow::Cow;

/// The host of a request, in lower case, without port and trailing dot.
///
/// # Errors
/// If the request does not name exactly one host.
pub fn host(parts: &Parts, secure: bool) -> Result<Cow<'_, str>, Reason> {
    let mut lines = parts.headers.get_all(HOST).iter();
    let (field, second) = (lines.next(), lines.next());
    if second.is_some() {
        return Err(Reason::HostMismatch);
    }
    let field = field.map(|value| value.to_str().map_err(|_| Reason::HostMismatch)).transpose()?;
    let target = parts.uri.authority().map(Authority::as_str);
    if let Some(scheme) = parts.uri.scheme_str()
        && !scheme.eq_ignore_ascii_case(if secure { "https" } else { "http" })
    {
        return Err(Reason::HostMismatch);
    }
    let authority = match (target, field) {
        (Some(target), Some(field)) if !same(target, field, secure) => return Err(Reason::HostMismatch),
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => return Err(Reason::HostMismatch),
    };
    let (name, _) = split(authority).ok_or(Reason::HostMismatch)?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    Ok(if lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) })
}

/// In place of what is not told.
pub(super) const UNREAD: &str = "not readable";

/// An authority as it may be told: one with a user in it, and perhaps a password, is none (RFC 9110 §4.2.4).
#[must_use]
pub fn told(authority: &str) -> &str {
    if authority.contains('@') { UNREAD } else { authority }
}

/// Host and port of an authority without user information. A host is a name, an IPv4 address, or an IPv6
/// address in brackets.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')? + 2;
            let rest = authority.get(end..)?;
            (authority.get(..end)?, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None => None,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
    };
    is_host(host).then_some((host, port))
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let name = host.strip_suffix('.').unwrap_or(host);
            let label = |label: &str| {
                !label.is_empty()
                    && label.len() <= 63
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            };
            host.len() <= 253 && name.split('.').all(label)
        }
    }
}

/// The same host and port, where the scheme's own port may be left out.
fn same(one: &str, other: &str, secure: bool) -> bool {
    let usual = if secure { 443 } else { 80 };
    match (split(one), split(other)) {
        (Some((host, port)), Some((other, other_port))) => {
            host.eq_ignore_ascii_case(other) && port.unwrap_or(usual) == other_port.unwrap_or(usual)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::host;
    use http::Request;

    fn named(uri: &str, hosts: &[&str]) -> Option<String> {
        let mut request = Request::builder().uri(uri);
        for value in hosts {
            request = request.header("host", *value);
        }
        let (parts, ()) = request.body(()).ok()?.into_parts();
        host(&parts, true).ok().map(|host| host.into_owned())
    }

    #[test]
    fn exactly_one_host() {
        for (uri, hosts, expected) in [
            ("/", &["a.Example"][..], "a.example"),
            ("/", &["a:8443"], "a"),
            ("/", &["a."], "a"),
            ("/", &["[::1]:8443"], "[::1]"),
            ("https://a/", &["a:443"], "a"),
            ("https://A/", &["a"], "a"),
            ("https://a/", &[], "a"),
            ("/", &["127.0.0.1"], "127.0.0.1"),
        ] {
            assert_eq!(named(uri, hosts).as_deref(), Some(expected), "{uri} {hosts:?}");
        }
        for (uri, hosts) in [
            ("/", &[][..]),
            ("/", &["a", "a"]),
            ("/", &[""]),
            ("/", &["a b"]),
            ("/", &["a,b"]),
            ("/", &["u@a"]),
            ("/", &["a/b"]),
            ("/", &["a:"]),
            ("/", &["a:x"]),
            ("/", &["a:99999"]),
            ("/", &["[::1"]),
            ("/", &["a..b"]),
            ("/", &["a?b"]),
            ("/", &["a#b"]),
            ("https://a/", &["b"]),
            ("http://a/", &["a"]),
            ("https://a:1/", &["a:2"]),
            ("https://u@a/", &[]),
        ] {
            assert_eq!(named(uri, hosts), None, "{uri} {hosts:?}");
        }
    }
}
