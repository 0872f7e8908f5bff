//! The parts of a decision record. What clients chose is escaped and bounded; ids are hashed.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::escape::escaped;
use super::kept::{Bearing, Delivery, Kept, bytes};
use crate::decide::time::Timestamp;
use crate::telemetry::trail::Word;

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Asking {
    /// The method.
    pub method: String,
    /// `https` or `http`.
    pub scheme: Word,
    /// The host, and the port if given.
    pub host: String,
    /// The path.
    pub path: String,
    /// The query, without its secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The version of HTTP.
    pub http: Word,
    /// Who opened the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// The client's address, if a trusted proxy told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// `User-Agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// What is known of whoever sent a token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bearer {
    /// Whether its signature was verified. If not, anybody may have written the rest.
    pub verified: bool,
    /// `iss`, of a token that was not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// `kid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `alg`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// The hash of `jti`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The hash of the session's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The hash of `sub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The hash of the client's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// How old the token was, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<i64>,
    /// How long it had to go, in milliseconds; negative if it had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<i64>,
}

/// The revocation source that counted, and the entry that hit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entered {
    /// The source whose knowledge was nearest to being stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// How old its knowledge was, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed_age_ms: Option<i64>,
    /// The source of the entry that hit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_of: Option<String>,
    /// When the entry was learned of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<String>,
    /// How long before the request that was, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_age_ms: Option<i64>,
    /// When the event was that the entry tells of, where its source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// How long after the event the entry was learned of and enforced, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_ms: Option<i64>,
}

/// How it was delivered, or was meant to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delivered {
    /// The upstream's name.
    pub upstream: String,
    /// The last endpoint that was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// How often it was tried.
    pub attempts: u64,
    /// The status of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Word>,
}

/// What a client wrote, as it is shown.
pub(super) fn shown(text: &str) -> String {
    escaped(text.as_bytes())
}

/// A field's value, which may be no UTF-8, as it is shown.
pub(super) fn field(value: &[u8]) -> String {
    escaped(&bytes(value))
}

impl Asking {
    pub(super) fn of(kept: &Kept<'_>) -> Self {
        Self {
            method: shown(&kept.method),
            scheme: kept.scheme.to_owned().into(),
            host: shown(&kept.host),
            path: shown(&kept.path),
            query: kept.query.as_deref().map(shown),
            http: kept.http.to_owned().into(),
            peer: kept.peer,
            client: kept.client,
            user_agent: kept.agent.as_deref().map(escaped),
        }
    }
}

impl Bearer {
    pub(super) fn of(kept: &Bearing<'_>) -> Self {
        let hash = |id: Option<u64>| id.map(|id| format!("{id:016x}"));
        Self {
            verified: kept.verified,
            iss: kept.iss.as_deref().map(shown),
            key: kept.key.as_deref().map(shown),
            algorithm: kept.algorithm.as_deref().map(shown),
            token: hash(kept.token),
            session: hash(kept.session),
            subject: hash(kept.subject),
            client: hash(kept.client),
            age_ms: kept.age,
            left_ms: kept.left,
        }
    }
}

impl Entered {
    pub(super) fn of(kept: &Kept<'_>) -> Option<Self> {
        let (feed, entry) = (kept.feed.as_ref(), kept.entry.as_ref());
        if feed.is_none() && entry.is_none() {
            return None;
        }
        let (lag, instant) = (kept.later.lag(), |ms| Timestamp::from_millis(ms).to_string());
        Some(Self {
            feed: feed.map(|feed| shown(&feed.name)),
            feed_age_ms: feed.and_then(|feed| feed.age),
            entry_of: entry.map(|entry| shown(&entry.of)),
            learned: entry.map(|entry| instant(entry.learned)),
            entry_age_ms: entry.map(|entry| kept.at.saturating_sub(entry.learned)),
            event: entry.zip(lag).map(|(entry, lag)| instant(entry.learned.saturating_sub(lag))),
            lag_ms: lag,
        })
    }
}

impl Delivered {
    pub(super) fn of(kept: &Delivery<'_>) -> Self {
        Self {
            upstream: kept.upstream.to_owned(),
            endpoint: kept.endpoint.map(str::to_owned),
            attempts: kept.attempts,
            status: kept.status,
            failure: kept.failure.map(|failure| failure.to_owned().into()),
        }
    }
}
