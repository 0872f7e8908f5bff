//! What the fields of a head say about framing and host, gathered line by line and judged at its end.
//! Fields that only the gate cares about are checked for grammar and passed over.

use super::fault::{Fault, FramingReason};
use super::grammar::{is_authority, is_field_value, is_token, split_port, trim};
use super::request_line::RequestLine;

/// How the body of a message is framed (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// No body.
    None,
    /// Exactly that many bytes; never zero.
    Length(u64),
    /// Chunked.
    Chunked,
}

/// What has been seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields {
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
    /// Where the value of `Host` lies, counted from the start of the head.
    host: Option<(usize, usize)>,
}

impl Fields {
    /// Takes one field line that starts `offset` bytes into the head; without its CRLF.
    #[inline]
    pub(super) fn take(&mut self, line: &[u8], offset: usize) -> Result<(), Fault> {
        let (name, value) = split(line)?;
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value, offset + name.len() + 1),
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.upgrade = true;
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(trim(value)),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.transfer_encoding(value),
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &[u8], offset: usize) -> Result<(), Fault> {
        let trimmed = trim(value);
        if self.host.is_some() {
            return Err(Fault::host("Host is given more than once"));
        }
        if !is_authority(trimmed) {
            return Err(Fault::host("the value of Host is not host[:port]"));
        }
        let start = offset + value.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.host = Some((start, start + trimmed.len()));
        Ok(())
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.length.is_some() {
            return Err(Fault::ambiguous("Content-Length is given more than once"));
        }
        self.length = Some(decimal(value).ok_or(Fault::ambiguous("Content-Length is not a number of bytes"))?);
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.chunked {
            return Err(Fault::ambiguous("Transfer-Encoding is given more than once"));
        }
        self.chunked = true;
        if trim(value).eq_ignore_ascii_case(b"chunked") && !value.contains(&b'\t') {
            return Ok(());
        }
        Err(coding_fault(value))
    }

    /// What all fields together say (RFC 9112 §3.2, §6.3). `head` is the whole head, for comparing two authorities.
    pub(super) fn judge(&self, line: RequestLine, head: &[u8]) -> Result<Body, Fault> {
        self.judge_host(line, head)?;
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Fault::ambiguous("both Transfer-Encoding and Content-Length are given")),
            (true, None) if line.is_1_0 => Err(Fault::ambiguous("Transfer-Encoding is given on HTTP/1.0")),
            (true, None) if line.is_connect => Err(Fault::ambiguous("CONNECT has a body")),
            (true, None) => Ok(Body::Chunked),
            (false, Some(0) | None) => Ok(Body::None),
            (false, Some(_)) if line.is_connect => Err(Fault::ambiguous("CONNECT has a body")),
            (false, Some(length)) => Ok(Body::Length(length)),
        }
    }

    /// Whether the answer may turn the connection into a tunnel (RFC 9110 §7.8, §9.3.6).
    pub(super) fn may_tunnel(&self, line: RequestLine, body: Body) -> bool {
        body == Body::None && (line.is_connect || (self.upgrade && !line.is_1_0))
    }

    fn judge_host(&self, line: RequestLine, head: &[u8]) -> Result<(), Fault> {
        if self.host.is_none() && !line.is_1_0 {
            return Err(Fault::host("Host is missing"));
        }
        let Some((start, end)) = line.authority else { return Ok(()) };
        let target = head.get(start..end).unwrap_or_default();
        if !is_authority(target) {
            return Err(Fault::host("the authority in the request target is not host[:port]"));
        }
        let Some((start, end)) = self.host else { return Ok(()) };
        let host = head.get(start..end).unwrap_or_default();
        let default: &[u8] = if line.is_https || line.is_connect { b"443" } else { b"80" };
        if same_authority(target, host, default) {
            return Ok(());
        }
        Err(Fault::host("the authority in the request target is not the one in Host"))
    }
}

/// Name and value of a field line; of a trailer too.
#[inline]
pub(super) fn split(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Fault::malformed("a field line starts with a space"));
    }
    let colon = memchr::memchr(b':', line).ok_or(Fault::malformed("a field line has no colon"))?;
    let (name, value) = line.split_at_checked(colon).unwrap_or_default();
    let value = value.get(1..).unwrap_or_default();
    if !is_token(name) {
        return Err(Fault::malformed("a field name is not a token"));
    }
    if !is_field_value(value) {
        return Err(Fault::malformed("a field value holds a control character"));
    }
    Ok((name, value))
}

fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |total, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        total.checked_mul(10)?.checked_add(digit)
    })
}

/// A coding that somebody may know, before a final `chunked`, is 501; everything else leaves the end in doubt.
fn coding_fault(value: &[u8]) -> Fault {
    let doubt = Fault::ambiguous("Transfer-Encoding is not exactly `chunked`");
    let mut codings = value.rsplit(|&byte| byte == b',').map(trim);
    let ends_chunked = codings.next().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
    let known_before = |coding: &[u8]| {
        is_token(coding) && !coding.eq_ignore_ascii_case(b"chunked") && !coding.eq_ignore_ascii_case(b"identity")
    };
    if ends_chunked && !value.contains(&b'\t') && codings.clone().next().is_some() && codings.all(known_before) {
        return Fault {
            reason: FramingReason::UnknownTransferCoding,
            detail: "Transfer-Encoding names a coding besides `chunked`",
        };
    }
    doubt
}

fn same_authority(one: &[u8], other: &[u8], default: &[u8]) -> bool {
    let (host, port) = split_port(one);
    let (other_host, other_port) = split_port(other);
    host.eq_ignore_ascii_case(other_host) && port.unwrap_or(default) == other_port.unwrap_or(default)
}
