//! What can be read of a head that was refused, for whoever asks later what it was. Nothing is decided by it, and what
//! breaks the grammar is not repeated: it may be the body of another message, with secrets in it.

use http::{HeaderValue, Method};

use super::grammar::{is_target, is_token, trim};
use super::request_line::METHOD_MAX;
use crate::proxy::authority::{UNREAD, told};

/// In place of a method that cannot be read: a token, as methods are.
const UNREAD_METHOD: &[u8] = b"not-readable";

/// No more of a text is kept.
const LONGEST: usize = 1024;

/// The longest host.
const HOST_MAX: usize = 255;

/// No more hosts are told of a request that has several.
const HOSTS: usize = 2;

/// What a refused head said.
#[derive(Clone, Debug)]
pub struct Glimpse {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its query.
    pub query: Option<String>,
    /// Its host; both, where it names two.
    pub host: String,
    /// Its `User-Agent`.
    pub user_agent: Option<HeaderValue>,
    /// Its `X-Request-Id`.
    pub request_id: Option<HeaderValue>,
}

impl Glimpse {
    /// Of the bytes of a head, or as many as came.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').skip_while(|line| unended(line).is_empty());
        let first = lines.next().unwrap_or_default();
        let (method, target) = request_line(first).unzip();
        let method = method.and_then(|method| Method::from_bytes(method).ok());
        let connects = method == Some(Method::CONNECT);
        let parts = |target| if connects { (destination(target), "", None) } else { parts(target) };
        let (authority, path, query) = target.map(parts).unwrap_or((None, UNREAD, None));
        let mut seen = Self {
            method: method.or_else(|| Method::from_bytes(UNREAD_METHOD).ok()).unwrap_or_default(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            host: String::new(),
            user_agent: None,
            request_id: None,
        };
        let mut hosts: Vec<&str> = authority.into_iter().collect();
        // The last line may not have come whole.
        for (name, value) in lines.filter(|line| line.ends_with(b"\n")).filter_map(field) {
            let kept = || HeaderValue::from_bytes(value.get(..LONGEST).unwrap_or(value)).ok();
            if name.eq_ignore_ascii_case(b"host") {
                hosts.extend(host(value).or(Some(UNREAD)).filter(|host| !hosts.contains(host)));
            } else if name.eq_ignore_ascii_case(b"user-agent") {
                seen.user_agent = seen.user_agent.or_else(kept);
            } else if name.eq_ignore_ascii_case(b"x-request-id") {
                seen.request_id = seen.request_id.or_else(kept);
            }
        }
        hosts.truncate(HOSTS);
        seen.host = hosts.join(", ");
        seen
    }
}

fn unended(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The method and the target, where the line is one of a request, or the beginning of one that is too long.
fn request_line(line: &[u8]) -> Option<(&[u8], &str)> {
    let mut words = unended(line).split(|byte| *byte == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next());
    let is_known =
        version.map_or(!line.ends_with(b"\n"), |version| b"HTTP/".starts_with(version.get(..5).unwrap_or(version)));
    let is_good =
        is_known && words.next().is_none() && is_token(method) && method.len() <= METHOD_MAX && is_target(target);
    let target = str::from_utf8(target.get(..LONGEST).unwrap_or(target)).ok()?;
    let has_form = target.starts_with('/') || target.contains("://") || target == "*" || method == b"CONNECT";
    (is_good && has_form).then_some((method, target))
}

/// Where a CONNECT leads: an authority, and nothing else (RFC 9112 §3.2.3).
fn destination(target: &str) -> Option<&str> {
    if target.contains(['/', '?', '#']) { Some(UNREAD) } else { host(target.as_bytes()) }
}

/// The authority of an absolute form, the path, the query (RFC 9112 §3.2).
fn parts(target: &str) -> (Option<&str>, &str, Option<&str>) {
    let (authority, rest) = match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (host(authority.as_bytes()), rest)
        }
        _ => (None, target),
    };
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    (authority, if path.is_empty() { "/" } else { path }, query)
}

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = unended(line);
    let (name, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
    Some((trim(name), trim(value.get(1..)?)))
}

/// A host as it may be told.
fn host(value: &[u8]) -> Option<&str> {
    let good = value.len() <= HOST_MAX && value.iter().all(u8::is_ascii_graphic);
    str::from_utf8(value).ok().filter(|_| good && !value.is_empty()).map(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(head: &[u8]) -> (String, String, Option<String>, String) {
        let glimpse = Glimpse::of(head);
        (glimpse.method.to_string(), glimpse.path, glimpse.query, glimpse.host)
    }

    fn is(method: &str, path: &str, query: Option<&str>, host: &str) -> (String, String, Option<String>, String) {
        (method.into(), path.into(), query.map(str::to_owned), host.into())
    }

    #[test]
    fn what_can_be_read_is_told() {
        let unread = |host| is("not-readable", UNREAD, None, host);
        for (head, told) in [
            (
                &b"GET /a?b=c HTTP/1.1\r\nHost: a\r\nHost: b\r\nHost: c\r\n\r\n"[..],
                is("GET", "/a", Some("b=c"), "a, b"),
            ),
            (b"\r\nPUT http://u.example/a HTTP/1.1\r\nhost : a\r\n", is("PUT", "/a", None, "u.example, a")),
            (b"GET http://u:p@h?x HTTP/1.1\r\nHost: u:p@h\r\n", is("GET", "/", Some("x"), UNREAD)),
            (b"CONNECT u:p@h:443 HTTP/1.1\r\nHost: h\r\n", is("CONNECT", "", None, "not readable, h")),
            (b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n", is("CONNECT", "", None, "h:443")),
            (b"CONNECT h?p=q HTTP/1.1\r\n", is("CONNECT", "", None, UNREAD)),
            (b"GET /a HTTP/9.9\nHost: a", is("GET", "/a", None, "")),
            (b"GET /aaaa", is("GET", "/aaaa", None, "")),
            (b"GET /a\r\n", unread("")),
            (b"GET /a b HTTP/1.1\r\nHost: a\r\n", unread("a")),
            (b"password=hunter2&x=1 y z\r\n", unread("")),
            (b"the secret", unread("")),
            (b"G\xffT /a HTTP/1.1\r\nHost: \xff\r\n", unread(UNREAD)),
            (b"GET /\x1b[2J HTTP/1.1\r\n", unread("")),
            (b"\x16\x03\x01\x02", unread("")),
            (b"", unread("")),
        ] {
            assert_eq!(seen(head), told, "{}", head.escape_ascii());
        }
        let long = [b"GET /".as_slice(), &[b'a'; 9000]].concat();
        assert_eq!(Glimpse::of(&long).path.len(), LONGEST);
    }

    #[test]
    fn its_own_names_are_told() {
        let glimpse =
            Glimpse::of(b"GET / HTTP/1.1\r\nX-Request-ID:  r-1 \r\nuser-agent: curl\r\nX-Request-Id: r-2\r\n");
        assert_eq!(glimpse.request_id.unwrap(), "r-1");
        assert_eq!(glimpse.user_agent.unwrap(), "curl");
        let cut = Glimpse::of(b"GET / HTTP/1.1\r\nX-Request-Id: r");
        assert!(cut.request_id.is_none(), "{cut:?}");
    }
}
