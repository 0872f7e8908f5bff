//! What is remembered of each record, to find it: a hundred bytes. Made of a record that is about to be kept, or was
//! kept before.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use super::escape::escaped;
use super::kept::{Bearing, Kept};
use super::names::{Names, Number};
use crate::decide::id::Fingerprint;

/// One record, as it is found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    pub seq: u64,
    /// In milliseconds since 1970.
    pub at: i64,
    pub trace: u128,
    /// The trace that the caller said it is in, where it is not believed; zero is none.
    pub caller: u128,
    /// The hash of the request id; zero is none.
    pub request: u64,
    /// The beginning of the hash of the subject; zero is none.
    pub subject: u64,
    /// The same of the client's id.
    pub client: u64,
    /// The client's address, or the peer's.
    pub address: Option<IpAddr>,
    /// Zero is an admission.
    pub reason: Number,
    /// What a shadow policy would have refused it for; zero is nothing.
    pub shadow: Number,
    pub route: Number,
    pub issuer: Number,
    pub tenant: Number,
    /// Where it is in its file.
    pub offset: u32,
    pub length: u32,
}

/// As much of a hash as is told.
pub(super) const fn short(id: Fingerprint) -> u64 {
    let Fingerprint([a, b, c, d, e, f, g, h, ..]) = id;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A hash as it was told.
pub(super) fn parse(hash: &str) -> Option<u64> {
    let digits = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(hash, 16).ok().filter(|_| digits)
}

/// A trace id as it is written: alone, or in what names a span of it (W3C Trace Context §3.2), such as the whole field
/// `traceresponse` of an answer, or its `Server-Timing`.
pub(super) fn trace(text: &str) -> Option<u128> {
    let text = text.trim();
    let parts = || text.split(|char: char| !char.is_ascii_hexdigit() && char != '-');
    let digits = if text.len() == 32 { Some(text) } else { parts().find_map(of_span) };
    digits.and_then(|digits| u128::from_str_radix(digits, 16).ok()).filter(|id| *id != 0)
}

/// The trace in `{version}-{trace}-{span}-{flags}`.
fn of_span(place: &str) -> Option<&str> {
    let mut fields = place.split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let lengths = (version.len(), trace.len(), span.len(), flags.len());
    (fields.next().is_none() && lengths == (2, 32, 16, 2)).then_some(trace)
}

/// The hash of a request id, as it is shown.
pub(super) fn request(hasher: &RandomState, id: &str) -> u64 {
    hasher.hash_one(id).max(1)
}

impl Line {
    /// Of a record that is kept, or is about to be.
    pub fn of(kept: &Kept<'_>, names: &mut Names, hasher: &RandomState) -> Self {
        let id = |of: fn(&Bearing<'_>) -> Option<u64>| kept.bearer.as_ref().and_then(of).unwrap_or(0);
        Self {
            seq: kept.seq,
            at: kept.at,
            trace: kept.trace,
            caller: kept.caller,
            request: kept.request_id.as_deref().map_or(0, |id| request(hasher, &escaped(id))),
            subject: id(|bearer| bearer.subject),
            client: id(|bearer| bearer.client),
            address: kept.client.or(kept.peer.map(|peer| peer.ip())),
            reason: names.number(kept.reason),
            shadow: names.number(kept.shadow.as_ref().and_then(|shadow| shadow.trail.reason())),
            route: names.number(kept.route),
            issuer: names.number(kept.issuer.as_deref()),
            tenant: names.number(kept.later.tenant()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::trace;

    #[test]
    fn a_trace_is_found_in_what_an_answer_says_of_it() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let place = format!("00-{id}-b7ad6b7169203331-03");
        let all = [
            id.to_owned(),
            id.to_uppercase(),
            format!(" {id}\n"),
            place.clone(),
            format!("traceresponse: {place}"),
            format!("traceparent;desc=\"{place}\", curfew;desc=\"token_expired\""),
        ];
        for text in all {
            assert_eq!(trace(&text), u128::from_str_radix(id, 16).ok(), "{text}");
        }
        for text in ["", "checkout-7f3a", &"0".repeat(32), &format!("{place}-00"), &id[1..], &format!("00-{id}-b7-03")]
        {
            assert_eq!(trace(text), None, "{text}");
        }
    }
}
