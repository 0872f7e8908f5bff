//! The trace a request belongs to (W3C Trace Context), before anything is exported: ids are made here, so that the
//! upstream can be told of them early.

use std::ops::Range;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::random;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;
/// More members than this and the list is dropped (TC-03).
const MEMBERS: usize = 32;

/// The place of another span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its trace; never zero.
    pub trace_id: u128,
    /// Its own id; never zero.
    pub span_id: u64,
    /// Its flags: sampled, and random trace id.
    pub flags: u8,
}

/// The place of this request's span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: u128,
    /// The server span.
    pub span_id: u64,
    /// Is it exported whatever comes of it? What is refused or broken is exported anyway.
    pub sampled: bool,
    /// The span that it continues, of a client that is trusted.
    pub parent: Option<Remote>,
    /// The span that a client claims to have, where it is not trusted.
    pub link: Option<Remote>,
    random: bool,
}

impl TraceContext {
    /// The trace of a request with these header fields. A trusted client's trace is gone on with, and its wish to be
    /// sampled holds; anybody else's is restarted and only linked to (TC-04). `draw` says whether a trace that
    /// begins here is sampled.
    #[must_use]
    pub fn begin(headers: &HeaderMap, trusted: bool, draw: impl FnOnce() -> bool) -> Self {
        match inbound(headers) {
            Some(parent) if trusted => Self {
                trace_id: parent.trace_id,
                span_id: random::id(),
                sampled: parent.flags & SAMPLED != 0,
                parent: Some(parent),
                link: None,
                random: parent.flags & RANDOM != 0,
            },
            link => Self {
                trace_id: (u128::from(random::id()) << 64) | u128::from(random::id()),
                span_id: random::id(),
                sampled: draw(),
                parent: None,
                link,
                random: true,
            },
        }
    }

    /// A new id, for the span of an attempt upstream.
    #[must_use]
    pub fn child() -> u64 {
        random::id()
    }

    /// The trace id in hex, for people.
    #[must_use]
    pub fn trace_hex(&self) -> Hex<32> {
        hex(self.trace_id)
    }

    /// The flags of this trace (TC-02).
    #[must_use]
    pub fn flags(&self) -> u8 {
        u8::from(self.sampled) * SAMPLED + u8::from(self.random) * RANDOM
    }

    /// The `traceparent` of a request that the span `child` sends.
    #[must_use]
    pub fn traceparent(&self, child: u64) -> [u8; 55] {
        let mut out = *b"00-................................-................-00";
        let mut put = |at: Range<usize>, digits: &[u8]| {
            if let Some(places) = out.get_mut(at) {
                places.copy_from_slice(digits);
            }
        };
        put(3..35, &hex::<32>(self.trace_id).0);
        put(36..52, &hex::<16>(u128::from(child)).0);
        put(53..55, &hex::<2>(u128::from(self.flags())).0);
        out
    }

    /// The `traceresponse` of the answer (Level 2 §4): the gateway's own span, and whether it is exported.
    #[must_use]
    pub fn traceresponse(&self, exported: bool) -> [u8; 55] {
        Self { sampled: exported, ..*self }.traceparent(self.span_id)
    }

    /// Puts the trace on a request that the span `child` sends upstream. `tracestate` goes on only with the trace it
    /// belongs to (TC-03).
    pub fn forward(&self, child: u64, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_bytes(&self.traceparent(child)) {
            headers.insert(TRACEPARENT, value);
        }
        let kept = self.parent.is_some() && members(headers) <= MEMBERS;
        if !kept {
            headers.remove(TRACESTATE);
        }
    }
}

fn members(headers: &HeaderMap) -> usize {
    let lines = headers.get_all(TRACESTATE).iter();
    lines.map(|line| line.as_bytes().split(|byte| *byte == b',').count()).sum()
}

/// Reads the one `traceparent`. Two of them are none (TC-01).
fn inbound(headers: &HeaderMap) -> Option<Remote> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    parse(value.as_bytes())
}

fn parse(value: &[u8]) -> Option<Remote> {
    let (head, rest) = value.split_at_checked(55)?;
    let mut fields = head.split(|byte| *byte == b'-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || (version.len(), trace.len(), span.len(), flags.len()) != (2, 32, 16, 2) {
        return None;
    }
    match number(version)? {
        0xff => return None,
        0 if !rest.is_empty() => return None,
        // A later version may go on after a further dash (§4.2.2).
        _ if rest.first().is_some_and(|byte| *byte != b'-') => return None,
        _ => {}
    }
    let (trace_id, span_id) = (number(trace)?, u64::try_from(number(span)?).ok()?);
    let flags = u8::try_from(number(flags)?).ok()? & (SAMPLED | RANDOM);
    (trace_id != 0 && span_id != 0).then_some(Remote { trace_id, span_id, flags })
}

/// Lower-case hex only (§3.2.2).
fn number(text: &[u8]) -> Option<u128> {
    text.iter().try_fold(0_u128, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u128::from(digit))
    })
}

/// Hex digits on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hex<const N: usize>([u8; N]);

impl<const N: usize> Hex<N> {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn hex<const N: usize>(number: u128) -> Hex<N> {
    let mut out = [b'0'; N];
    // The last bytes, two digits each.
    for (places, byte) in out.rchunks_exact_mut(2).zip(number.to_le_bytes()) {
        if let [high, low] = places {
            (*high, *low) = (digit(byte >> 4), digit(byte & 0xf));
        }
    }
    Hex(out)
}

const fn digit(value: u8) -> u8 {
    value + if value < 10 { b'0' } else { b'a' - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (TRACEPARENT, HeaderValue::from_str(value).unwrap())).collect()
    }

    /// TC-01, line by line.
    #[test]
    fn what_is_a_traceparent() {
        for (value, valid) in [
            (GOOD, true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true),
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes", true),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
            ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x", false),
            ("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false),
            ("", false),
        ] {
            assert_eq!(parse(value.as_bytes()).is_some(), valid, "{value}");
        }
        assert_eq!(inbound(&headers(&[GOOD, GOOD])), None);
    }

    /// TC-02 and TC-04: a trusted trace goes on under a new span; another is restarted, linked to, and cannot make
    /// us sample it.
    #[test]
    fn trust() {
        let trusted = TraceContext::begin(&headers(&[GOOD]), true, || false);
        assert!(trusted.sampled && trusted.link.is_none());
        let sent = String::from_utf8(trusted.traceparent(0x0102_0304_0506_0708).to_vec()).unwrap();
        assert_eq!(sent, "00-0af7651916cd43dd8448eb211c80319c-0102030405060708-01");

        let stranger = TraceContext::begin(&headers(&[GOOD]), false, || false);
        assert!(!stranger.sampled && stranger.parent.is_none());
        assert_ne!(stranger.trace_id, trusted.trace_id);
        assert_eq!(stranger.link.map(|link| link.span_id), Some(0xb7ad_6b71_6920_3331));
        assert!(stranger.traceparent(7).ends_with(b"-0000000000000007-02"));
    }

    /// TC-03.
    #[test]
    fn tracestate_goes_on_with_its_own_trace_only() {
        let with_state = |members: usize| {
            let mut headers = headers(&[GOOD]);
            headers.insert(TRACESTATE, HeaderValue::from_str(&vec!["a=1"; members].join(",")).unwrap());
            headers
        };
        for (members, trusted, kept) in [(32, true, true), (33, true, false), (1, false, false)] {
            let mut headers = with_state(members);
            TraceContext::begin(&headers, trusted, || false).forward(7, &mut headers);
            assert_eq!(headers.contains_key(TRACESTATE), kept, "{members} {trusted}");
            assert!(headers.get(TRACEPARENT).unwrap() != GOOD);
        }
    }
}
