//! The parts of a decision record. What clients chose is escaped and bounded; ids are hashed.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::escape::escaped;
use crate::decide::time::millis;
use crate::telemetry::record::{Claimed, Record, Request, Source, Trusted};
use crate::telemetry::scrub;
use crate::telemetry::span::version;
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
    pub attempts: usize,
    /// The status of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Word>,
}

/// What a client wrote, without a token that may be in it.
pub(super) fn told(text: &str) -> String {
    escaped(scrub::text(text).as_bytes())
}

/// The same of a field's value, which may be no UTF-8.
pub(super) fn field(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => told(text),
        Err(_) => escaped(scrub::text(&String::from_utf8_lossy(bytes)).as_bytes()),
    }
}

impl From<&Request> for Asking {
    fn from(from: &Request) -> Self {
        Self {
            method: told(from.method.as_str()),
            scheme: from.scheme.into(),
            host: told(&from.authority),
            path: told(&from.path),
            query: from.query.as_deref().map(|query| told(&scrub::query(query))),
            http: version(from.version).into(),
            peer: from.peer,
            client: from.client,
            user_agent: from.user_agent.as_deref().map(field),
        }
    }
}

impl Bearer {
    pub(super) fn of(record: &Record) -> Option<Self> {
        match (&record.trusted, &record.untrusted) {
            (Some(token), _) => Some(Self::trusted(token)),
            (None, Some(claims)) => Some(Self::claimed(claims, record)),
            (None, None) => None,
        }
    }

    fn trusted(token: &Trusted) -> Self {
        Self {
            verified: true,
            iss: None,
            key: Some(told(token.key.as_str())),
            algorithm: Some(token.algorithm.name().to_owned()),
            token: Some(token.handles.token.to_string()),
            session: token.handles.session.map(|id| id.to_string()),
            subject: token.handles.subject.map(|id| id.to_string()),
            client: token.handles.client.map(|id| id.to_string()),
            age_ms: token.age,
            left_ms: token.ttl,
        }
    }

    fn claimed(claims: &Claimed, record: &Record) -> Self {
        Self {
            iss: claims.issuer.as_deref().map(told),
            key: claims.key.as_deref().map(told),
            algorithm: claims.algorithm.as_deref().map(told),
            token: claims.token_id.map(|id| id.to_string()),
            subject: claims.subject.map(|id| id.to_string()),
            age_ms: claims.issued.map(|issued| record.at.since(issued)),
            left_ms: claims.expires.map(|expires| expires.since(record.at)),
            ..Self::default()
        }
    }
}

impl Entered {
    pub(super) fn of(record: &Record) -> Option<Self> {
        let (feed, entry) = (record.revocation.as_ref(), record.revoked.as_deref());
        if feed.is_none() && entry.is_none() {
            return None;
        }
        Some(Self {
            feed: feed.map(|feed: &Source| told(&feed.name)),
            feed_age_ms: feed.and_then(|feed| feed.age).map(millis),
            entry_of: entry.map(|entry| told(&entry.source)),
            learned: entry.map(|entry| entry.learned.to_string()),
            entry_age_ms: entry.map(|entry| record.at.since(entry.learned)),
        })
    }
}

impl Delivered {
    pub(super) fn of(record: &Record) -> Option<Self> {
        let (upstream, last) = (record.upstream.as_ref()?, record.attempts.last());
        Some(Self {
            upstream: upstream.name.to_string(),
            endpoint: last.map(|last| last.endpoint.to_string()),
            attempts: record.attempts.len(),
            status: last.and_then(|last| last.status),
            failure: last.and_then(|last| last.failure).map(Into::into),
        })
    }
}
