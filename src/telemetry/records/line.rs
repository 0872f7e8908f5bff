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
pub(super) fn parse(hash: &str) -> u64 {
    u64::from_str_radix(hash, 16).unwrap_or(0)
}

/// A trace id as it is written.
pub(super) fn trace(id: &str) -> Option<u128> {
    (id.len() == 32).then(|| u128::from_str_radix(id, 16).ok()).flatten().filter(|id| *id != 0)
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
            ..Self::default()
        }
    }
}
