//! A head or a trailer section, read line by line, each line once, however its bytes arrive.
//! A fault depends on the bytes alone, never on where a read happened to end: lengths are looked at before contents.

use super::fault::Fault;
use super::fields::{Body, Fields, split};
use super::request_line::{self, RequestLine};

/// How large a head may be.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// The whole head or trailer section, in bytes.
    pub header_bytes: usize,
    /// The number of field lines.
    pub header_count: usize,
    /// One field line, in bytes.
    pub header_field: usize,
    /// The request target, in bytes.
    pub uri_bytes: usize,
}

const FIELD_TOO_LARGE: Fault = Fault::too_large("one field is larger than allowed");

/// A section in the making.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Section {
    line_start: usize,
    resume: usize,
    count: usize,
    request_line: Option<RequestLine>,
    skipped_empty: bool,
    /// Where the request line starts: behind an empty line, if there was one.
    origin: usize,
    fields: Fields,
}

/// A whole head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its length with the empty line at its end.
    pub(super) length: usize,
    /// What follows it.
    pub(super) body: Body,
    /// Whether the answer may turn the connection into a tunnel.
    pub(super) may_tunnel: bool,
}

impl Section {
    /// Reads on in a head. `bytes` always begins at the head's first byte. `None`: its end has not come yet.
    pub(super) fn head(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<Head>, Fault> {
        loop {
            let longest = match self.request_line {
                None => (request_line::longest(limits.uri_bytes), Fault::uri_too_long()),
                Some(_) => (limits.header_field, FIELD_TOO_LARGE),
            };
            let Some(end) = self.next_line(bytes, longest, limits.header_bytes)? else { return Ok(None) };
            let (start, next) = (self.line_start, end + 2);
            let line = bytes.get(start..end).unwrap_or_default();
            self.advance_to(next);
            match (line.is_empty(), self.request_line) {
                (true, Some(first)) => return self.finish(first, bytes, next).map(Some),
                (true, None) => self.skip_empty(next)?,
                (false, Some(_)) => self.field(line, start, limits)?,
                (false, None) => self.request_line = Some(request_line::parse(line, limits.uri_bytes)?),
            }
        }
    }

    /// Reads on in a trailer section (RFC 9112 §7.1.2); the length of the whole once its end has come.
    pub(super) fn trailers(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Fault> {
        loop {
            let longest = (limits.header_field, FIELD_TOO_LARGE);
            let Some(end) = self.next_line(bytes, longest, limits.header_bytes)? else { return Ok(None) };
            let line = bytes.get(self.line_start..end).unwrap_or_default();
            self.advance_to(end + 2);
            if line.is_empty() {
                return Ok(Some(end + 2));
            }
            split(line)?;
            self.count(limits)?;
        }
    }

    fn field(&mut self, line: &[u8], start: usize, limits: &HeadLimits) -> Result<(), Fault> {
        self.fields.take(line, start)?;
        self.count(limits)
    }

    fn count(&mut self, limits: &HeadLimits) -> Result<(), Fault> {
        self.count += 1;
        if self.count > limits.header_count {
            return Err(Fault::too_large("there are more fields than allowed"));
        }
        Ok(())
    }

    fn finish(&self, first: RequestLine, bytes: &[u8], length: usize) -> Result<Head, Fault> {
        let shifted = first.authority.map(|(start, end)| (start + self.origin, end + self.origin));
        let first = RequestLine { authority: shifted, ..first };
        let body = self.fields.judge(first, bytes)?;
        Ok(Head { length, body, may_tunnel: self.fields.may_tunnel(first, body) })
    }

    /// One empty line before a request is what some old clients send (RFC 9112 §2.2); two are not.
    fn skip_empty(&mut self, next: usize) -> Result<(), Fault> {
        if self.skipped_empty {
            return Err(Fault::malformed("empty lines stand before the request line"));
        }
        self.skipped_empty = true;
        self.origin = next;
        Ok(())
    }

    fn advance_to(&mut self, next: usize) {
        self.line_start = next;
        self.resume = next;
    }

    /// The end of the current line, before its CRLF; `None` while it has not come.
    /// RFC 9112 §2.2 would allow a bare LF; a reader that allows it frames other heads than one that does not.
    fn next_line(&mut self, bytes: &[u8], longest: (usize, Fault), total: usize) -> Result<Option<usize>, Fault> {
        let rest = bytes.get(self.resume..).unwrap_or_default();
        let end = memchr::memchr2(b'\r', b'\n', rest).map(|at| at + self.resume);
        let reached = end.unwrap_or(bytes.len());
        // The two bytes of the line's own end count towards the whole.
        if reached.saturating_add(2) > total {
            return Err(Fault::too_large("the header section is larger than allowed"));
        }
        if reached.saturating_sub(self.line_start) > longest.0 {
            return Err(longest.1);
        }
        let Some(end) = end else {
            self.resume = bytes.len();
            return Ok(None);
        };
        match (bytes.get(end), bytes.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => Ok(Some(end)),
            (Some(b'\r'), None) => {
                self.resume = end;
                Ok(None)
            }
            (Some(b'\r'), Some(_)) => Err(Fault::malformed("a carriage return stands alone")),
            _ => Err(Fault::malformed("a line ends with a bare line feed")),
        }
    }
}
