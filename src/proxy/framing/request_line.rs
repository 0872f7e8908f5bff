//! The first line: method, target, version (RFC 9112 §3). Nothing is corrected; what is not exact is refused.

use super::fault::{Fault, FramingReason};
use super::grammar::{is_target, is_token};

/// The longest method taken for one.
pub(super) const METHOD_MAX: usize = 32;
/// What a request line holds beside its method and target: two spaces and the version.
const REST: usize = 2 + b"HTTP/1.1".len();

/// What the first line says that the rest of the head is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    /// HTTP/1.0: no `Host` needed, no transfer coding allowed.
    pub(super) is_1_0: bool,
    /// The method is `CONNECT`.
    pub(super) is_connect: bool,
    /// Where the authority of an absolute-form target lies in the line.
    pub(super) authority: Option<(usize, usize)>,
    /// An absolute-form target with the scheme `https`.
    pub(super) is_https: bool,
}

/// How long a request line may grow when its target may have `uri_bytes`.
pub(super) const fn longest(uri_bytes: usize) -> usize {
    uri_bytes.saturating_add(METHOD_MAX + REST)
}

/// Reads the line, which comes without its CRLF.
pub(super) fn parse(line: &[u8], uri_bytes: usize) -> Result<RequestLine, Fault> {
    let first = memchr::memchr(b' ', line).ok_or(Fault::malformed("the request line has no target"))?;
    let last = memchr::memrchr(b' ', line).unwrap_or(first);
    let method = line.get(..first).unwrap_or_default();
    let target = line.get(first + 1..last).ok_or(Fault::malformed("the request line has no version"))?;
    let version = line.get(last + 1..).unwrap_or_default();
    if !is_token(method) || method.len() > METHOD_MAX {
        return Err(Fault::malformed("the method is not a token of at most 32 characters"));
    }
    if target.len() > uri_bytes {
        return Err(Fault::uri_too_long());
    }
    if !is_target(target) {
        return Err(Fault::malformed("the request target holds a space, a control, a fragment or non-ASCII"));
    }
    let is_1_0 = version_is_1_0(version)?;
    let is_connect = method == b"CONNECT";
    let (authority, is_https) = form(method, target, is_connect)?;
    let shift = first + 1;
    let authority = authority.map(|(start, end)| (start + shift, end + shift));
    Ok(RequestLine { is_1_0, is_connect, authority, is_https })
}

fn version_is_1_0(version: &[u8]) -> Result<bool, Fault> {
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Err(Fault { reason: FramingReason::VersionNotSupported, detail: "the version is not HTTP/1.1 or HTTP/1.0" })
        }
        _ => Err(Fault::malformed("the version is not HTTP/1.1 or HTTP/1.0")),
    }
}

/// Which of the four forms of RFC 9112 §3.2 the target has, and the place of its authority.
fn form(method: &[u8], target: &[u8], is_connect: bool) -> Result<(Option<(usize, usize)>, bool), Fault> {
    if is_connect {
        return Ok((Some((0, target.len())), false));
    }
    if target.first() == Some(&b'/') || (target == b"*" && method == b"OPTIONS") {
        return Ok((None, false));
    }
    let start = if starts_with(target, b"https://") {
        8
    } else if starts_with(target, b"http://") {
        7
    } else {
        return Err(Fault::malformed("the request target has no form that is allowed for its method"));
    };
    let rest = target.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    Ok((Some((start, start + length)), start == 8))
}

fn starts_with(bytes: &[u8], scheme: &[u8]) -> bool {
    bytes.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
}
