//! Header fields at a hop: which end here, and which say what hops there were (RFC 9110 §7.6, RFC 7239).

use http::header::{CONNECTION, COOKIE, HOST, HeaderName, TE, VIA};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Version};
use std::cell::RefCell;
use std::net::IpAddr;

/// Fields that a `Connection` field may not name: that would strip what guards the upstream.
const PROTECTED: &[&str] =
    &["host", "content-length", "authorization", "cookie", "dpop", "forwarded", "via", "traceparent", "tracestate"];
/// And all that begin so.
const PROTECTED_PREFIXES: &[&str] = &["x-forwarded-", "curfew-", "x-curfew-", "x-user", "x-auth", "x-remote"];

/// Is the field for one hop only? Asked of every field, so that the first letter decides most.
fn is_hop_by_hop(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'c') => name == "connection",
        Some(b'h') => name == "http2-settings",
        Some(b'k') => name == "keep-alive",
        Some(b'p') => matches!(name, "proxy-connection" | "proxy-authorization" | "proxy-authenticate"),
        Some(b't') => matches!(name, "te" | "trailer" | "transfer-encoding"),
        Some(b'u') => name == "upgrade",
        _ => false,
    }
}

/// A `Connection` field names a field that it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Connection field names a protected field")]
pub struct Protected;

/// Removes from a request what is for this hop only (RFC 9110 §7.6.1). `te: trailers` stays: it is how gRPC asks.
///
/// # Errors
/// If a protected field was to be removed.
pub fn strip_hop_by_hop_request(headers: &mut HeaderMap) -> Result<(), Protected> {
    if !headers.keys().any(|name| is_hop_by_hop(name.as_str())) {
        return Ok(());
    }
    let trailers = headers.get(TE).is_some_and(|te| te.as_bytes().eq_ignore_ascii_case(b"trailers"));
    // A pseudo-header is no name of a field, so it is looked for by its colon.
    let pseudo = options(headers).any(|option| option.starts_with(b":"));
    if pseudo || nominated(headers).iter().any(|name| is_protected(name.as_str())) {
        return Err(Protected);
    }
    strip(headers);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    Ok(())
}

/// Removes from a response what is for this hop only.
pub fn strip_hop_by_hop_response(headers: &mut HeaderMap) {
    if headers.keys().any(|name| is_hop_by_hop(name.as_str())) {
        strip(headers);
    }
}

fn strip(headers: &mut HeaderMap) {
    // Most say no more than that the connection is kept.
    if options(headers).all(is_usual) {
        headers.remove(CONNECTION);
        if !headers.keys().any(|name| is_hop_by_hop(name.as_str())) {
            return;
        }
    }
    let own = headers.keys().filter(|name| is_hop_by_hop(name.as_str())).cloned();
    let doomed: Vec<HeaderName> = own.chain(nominated(headers)).collect();
    for name in &doomed {
        headers.remove(name);
    }
}

fn options(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(CONNECTION).iter();
    values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    options(headers).filter(|name| !is_usual(name)).filter_map(|name| HeaderName::from_bytes(name).ok()).collect()
}

/// Names no field.
fn is_usual(option: &[u8]) -> bool {
    option.eq_ignore_ascii_case(b"close") || option.eq_ignore_ascii_case(b"keep-alive")
}

fn is_protected(name: &str) -> bool {
    PROTECTED.contains(&name) || PROTECTED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What is told of this hop: the same for every request of a connection, so that it is written once.
pub struct Hop {
    peer: HeaderValue,
    before: String,
    after: String,
    scheme: &'static str,
    /// What was written last: the requests of a connection are mostly for one host, under one name.
    element: Last<Box<str>>,
    via: Last<(Version, Box<str>)>,
}

/// A value, and what it was made of.
type Last<T> = RefCell<Option<(T, HeaderValue)>>;

const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl Hop {
    /// Of a connection from this peer, over TLS or not.
    #[must_use]
    pub fn new(peer: IpAddr, secure: bool) -> Self {
        let peer = peer.to_canonical();
        let scheme = if secure { "https" } else { "http" };
        let node = if peer.is_ipv6() { format!("\"[{peer}]\"") } else { peer.to_string() };
        let value = HeaderValue::try_from(peer.to_string());
        Self {
            // An address is digits, dots and colons.
            peer: value.unwrap_or(HeaderValue::from_static("unknown")),
            before: format!("for={node};host=\""),
            after: format!("\";proto={scheme}"),
            scheme,
            element: Last::default(),
            via: Last::default(),
        }
    }

    fn element(&self, authority: &str) -> Option<HeaderValue> {
        let make = || [&*self.before, authority, &self.after].concat();
        remembered(&self.element, |of| &**of == authority, || authority.into(), make)
    }

    fn via(&self, version: Version, name: &str) -> Option<HeaderValue> {
        let same = |(of, by): &(Version, Box<str>)| (*of, &**by) == (version, name);
        remembered(&self.via, same, || (version, name.into()), || [spoken(version), name].concat())
    }

    /// Writes `Forwarded`, `X-Forwarded-*` and `Via`, where the deployment's `name` stands. What the peer says of
    /// earlier hops is kept only if it is trusted.
    pub fn announce(&self, parts: &mut Parts, trusted: bool, name: &str) {
        let host = match parts.uri.authority() {
            Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
            None => parts.headers.get(HOST).cloned(),
        };
        let authority = host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
        let (element, via) = (self.element(authority), self.via(parts.version, name));
        let headers = &mut parts.headers;
        append(headers, FORWARDED, element, trusted);
        if trusted && headers.contains_key(FOR) {
            append(headers, FOR, Some(self.peer.clone()), true);
        } else {
            headers.insert(FOR, self.peer.clone());
        }
        // A trusted proxy in front knows better what the client asked for.
        if !(trusted && headers.contains_key(FORWARDED_HOST)) {
            host.map(|host| headers.insert(FORWARDED_HOST, host));
        }
        if !(trusted && headers.contains_key(PROTO)) {
            headers.insert(PROTO, HeaderValue::from_static(self.scheme));
        }
        append(headers, VIA, via, true);
    }
}

/// The last value if it was made of the same, else a new one.
fn remembered<T>(
    last: &Last<T>,
    same: impl Fn(&T) -> bool,
    of: impl Fn() -> T,
    make: impl Fn() -> String,
) -> Option<HeaderValue> {
    let mut last = last.borrow_mut();
    if let Some((of, value)) = &*last
        && same(of)
    {
        return Some(value.clone());
    }
    let value = HeaderValue::try_from(make()).ok()?;
    *last = Some((of(), value.clone()));
    Some(value)
}

fn spoken(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2 ",
        Version::HTTP_10 => "1.0 ",
        _ => "1.1 ",
    }
}

/// Adds an element to a list. Its lines become one, in their order: a proxy in front may have written several.
fn append(headers: &mut HeaderMap, name: HeaderName, element: Option<HeaderValue>, keep: bool) {
    let Some(element) = element else {
        if !keep {
            headers.remove(&name);
        }
        return;
    };
    if !keep || !headers.contains_key(&name) {
        headers.insert(name, element);
        return;
    }
    let before = headers.get_all(&name).iter().filter_map(|value| value.to_str().ok());
    let text = before.chain(element.to_str().ok()).collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(name, value);
    }
}

/// Did the request pass this deployment `most` times already (RFC 9110 §7.6.3)?
#[must_use]
pub fn loops(headers: &HeaderMap, name: &str, most: u8) -> bool {
    let hops = headers.get_all(VIA).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    hops.filter(|hop| hop.split_whitespace().nth(1) == Some(name)).count() >= usize::from(most)
}

/// HTTP/2 may split a cookie field; HTTP/1.1 has one line (RFC 9113 §8.2.3).
pub fn join_cookies(headers: &mut HeaderMap) {
    let mut values = headers.get_all(COOKIE).iter();
    if values.next().is_none() || values.next().is_none() {
        return;
    }
    let all: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, HeaderValue, Hop, join_cookies, loops, strip_hop_by_hop_request};
    use http::{HeaderName, Request};

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::try_from(*name).expect("a name"), HeaderValue::from_str(value).expect("a value"));
        }
        map
    }

    #[test]
    fn what_is_for_this_hop_ends_here() {
        let mut headers = map(&[
            ("connection", "close, X-Debug"),
            ("x-debug", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAM"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "Basic x"),
            ("accept", "*/*"),
        ]);
        assert_eq!(strip_hop_by_hop_request(&mut headers), Ok(()));
        assert_eq!(headers, map(&[("te", "trailers"), ("accept", "*/*")]));
        for protected in ["Authorization", "curfew-subject", "X-Forwarded-For", "Host", "cookie", ":authority"] {
            assert!(strip_hop_by_hop_request(&mut map(&[("connection", protected)])).is_err(), "{protected}");
        }
    }

    #[test]
    fn earlier_hops_are_believed_of_trusted_peers_only() {
        for (trusted, expected) in [(false, "192.0.2.1"), (true, "10.9.9.9, 192.0.2.1")] {
            let request = Request::get("/")
                .header("host", "a")
                .header("x-forwarded-for", "10.9.9.9")
                .header("forwarded", "for=x")
                .body(());
            let (mut parts, ()) = request.expect("a request").into_parts();
            let peer = "192.0.2.1".parse().expect("an address");
            Hop::new(peer, true).announce(&mut parts, trusted, "edge");
            assert_eq!(parts.headers["x-forwarded-for"], expected);
            assert!(
                parts.headers["forwarded"].to_str().expect("text").ends_with("for=192.0.2.1;host=\"a\";proto=https")
            );
            assert_eq!(parts.headers["via"], "1.1 edge");
        }
    }

    /// RFC 9110 §5.3: several lines are one list, and what stands on the later ones counts as much.
    #[test]
    fn earlier_hops_on_several_lines_are_all_kept() {
        let request = Request::get("/").header("x-forwarded-for", "10.1.1.1").header("x-forwarded-for", "10.2.2.2");
        let request = request.header("via", "1.1 a").header("via", "1.1 b").body(());
        let (mut parts, ()) = request.expect("a request").into_parts();
        Hop::new("192.0.2.1".parse().expect("an address"), true).announce(&mut parts, true, "edge");
        assert_eq!(parts.headers["x-forwarded-for"], "10.1.1.1, 10.2.2.2, 192.0.2.1");
        assert_eq!(parts.headers["via"], "1.1 a, 1.1 b, 1.1 edge");
    }

    #[test]
    fn loops_are_seen() {
        assert!(!loops(&map(&[("via", "1.1 edge")]), "edge", 2));
        assert!(loops(&map(&[("via", "1.1 edge, 2 other"), ("via", "2 edge")]), "edge", 2));
    }

    #[test]
    fn cookies_are_one_line() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut headers);
        assert_eq!(headers, map(&[("cookie", "a=1; b=2")]));
    }
}
