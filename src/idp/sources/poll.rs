//! Revocations by polling: what the settings say. The task is in `polling`.
//!
//! The first poll has no cursor; each later one sends the last cursor as `?cursor=…` and is answered with what is
//! new, or with `"complete": true` and everything. 304 and an empty list both mean "nothing new". 410 means that
//! the cursor is too old: the next poll begins from the start. The answer is a JSON document
//! ([`crate::idp::feed`]), or lines of JSON (`application/x-ndjson`), which are taken in while they come.

use super::polling::Poll;
use crate::idp::build::BuildError;
use crate::idp::fetch::{Fetcher, Manner};
use crate::idp::guard::Allowed;
use crate::idp::settings::{Misfit, address_misfit};
use crate::idp::source::{Source, SourceKind};
use crate::idp::web_url::WebUrl;
use crate::settings::{Bytes, OrOff, Secret, Span};
use crate::state::revocations::Bounds;
use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// A feed that is polled.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PollSettings {
    /// The issuer it speaks for, by its name in `issuers`.
    pub issuer: String,
    /// Where it is.
    pub url: WebUrl,
    /// How long to wait between two polls. Default `1s`, at least `100ms`.
    #[serde(default = "interval")]
    pub interval: Span,
    /// How long one poll may take; of lines that are taken in while they come, how long the first may take, and the
    /// pause between two pieces. Default `5s`.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// The age from which on its knowledge is stale, counted from the last poll that was answered, or `off`.
    /// Default `30s`.
    #[serde(default = "max_staleness")]
    pub max_staleness: OrOff<Span>,
    /// How many entries it may hold; beyond it the source is incomplete, and so never fresh. Default 1,000,000.
    #[serde(default = "max_entries")]
    pub max_entries: usize,
    /// How long one answer may be as it comes. A document may not become longer when it is decoded either, because it
    /// is held as a whole; lines may become 32 times as long. Default `64MiB`.
    #[serde(default = "max_bytes")]
    pub max_bytes: Bytes,
    /// How long an answer of lines may take as a whole. Default `5m`.
    #[serde(default = "stream_timeout")]
    pub stream_timeout: Span,
    /// By how many percent fewer entries than the source holds a complete answer is held back, because something is
    /// wrong with it: what it says is added, nothing is taken back, and the source is not fresh by it. From 10 entries
    /// on. The publisher says that all is well with `"shrunk": true`; the operator with `off`. Default `90`.
    #[serde(default = "max_shrink")]
    pub max_shrink: OrOff<Percent>,
    /// Whether the answer must be signed: `off` (default), `issuer` (by a key of the issuer), or `{file: …}` (by a key
    /// of a JSON Web Key Set in a file). A signed answer is one of lines; see `deploy/runbook/feeds.md`.
    #[serde(default)]
    pub signature: FeedSignature,
    /// How long an entry without `until` is kept after the youngest token that it hits was issued: longer
    /// than a sign-in can be renewed, refresh tokens included. Default `off`: until the source takes it back.
    #[serde(default)]
    pub retain: OrOff<Span>,
    /// A header to send, such as `Authorization`.
    #[serde(default)]
    pub auth: Option<AuthSettings>,
    /// A PEM file of the roots by which the feed is known. Default: the system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Fetch from loopback, private and link-local addresses too. Default `false`.
    #[serde(default)]
    pub allow_private_network: bool,
    /// Fetch over plain http, from loopback addresses only. Default `false`.
    #[serde(default)]
    pub allow_http: bool,
}

/// By whom a feed must be signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeedSignature {
    /// By nobody: what comes over TLS from there is believed.
    #[default]
    Off,
    /// By a key of the issuer.
    Issuer,
    /// By a key of this JSON Web Key Set, read with each answer.
    File(PathBuf),
}

/// A share of a hundred: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Percent(#[schemars(range(min = 1, max = 100))] pub u8);

/// A header that opens the door of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// The name of the header. Default `Authorization`.
    #[serde(default = "authorization")]
    pub header: String,
    /// Its whole value, such as `Bearer …`; read again when a poll fails.
    pub value: Secret,
}

fn interval() -> Span {
    Span::secs(1)
}
fn timeout() -> Span {
    Span::secs(5)
}
fn max_staleness() -> OrOff<Span> {
    OrOff::On(Span::secs(30))
}
const fn max_entries() -> usize {
    1_000_000
}
fn max_bytes() -> Bytes {
    Bytes::mib(64)
}
fn stream_timeout() -> Span {
    Span::mins(5)
}
pub(super) const fn max_shrink() -> OrOff<Percent> {
    OrOff::On(Percent(90))
}
/// What is wrong with a share that is no share.
pub(super) fn misfit_of_shrink(max: OrOff<Percent>) -> Option<Misfit> {
    let share = max.on().is_none_or(|percent| (1..=100).contains(&percent.0));
    let told = "not a share of a hundred: write `1` to `100`, or `off`";
    (!share).then(|| Misfit { field: "max_shrink", told: told.to_owned() })
}
fn authorization() -> String {
    "Authorization".into()
}

impl AuthSettings {
    pub(super) fn read(&self) -> Result<(HeaderName, HeaderValue), BuildError> {
        let name = HeaderName::try_from(&self.header).map_err(|_| BuildError::HeaderName(self.header.clone()))?;
        let secret = self.value.read()?;
        let value = HeaderValue::try_from(secret.expose_secret());
        let mut value = value.map_err(|_| BuildError::HeaderValue(self.value.to_string()))?;
        value.set_sensitive(true);
        Ok((name, value))
    }
}

impl PollSettings {
    const fn allowed(&self) -> Allowed {
        Allowed { private_network: self.allow_private_network, http: self.allow_http }
    }
}

impl SourceKind for PollSettings {
    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn bounds(&self) -> Bounds {
        Bounds { max_entries: self.max_entries, max_staleness: self.max_staleness.on().map(Span::get) }
    }

    fn catches_up(&self) -> bool {
        true
    }

    fn retain(&self) -> Option<Duration> {
        self.retain.on().map(Span::get)
    }

    fn misfits(&self) -> Vec<Misfit> {
        let mut told = Vec::from_iter(address_misfit("url", Some(&self.url), self.allowed()));
        let mut tell = |wrong: bool, field, what: &str| {
            told.extend(wrong.then(|| Misfit { field, told: what.to_owned() }));
        };
        tell(self.interval < Span::millis(100), "interval", "polling more often than each `100ms` is refused");
        tell(self.timeout == Span::ZERO, "timeout", "a poll needs time: write for example `5s`");
        let never = self.max_staleness.on().is_some_and(|max| max <= self.interval);
        tell(never, "max_staleness", "not above `interval`: the knowledge would be stale between two polls");
        tell(self.stream_timeout < self.timeout, "stream_timeout", "less than `timeout`");
        let header = self.auth.as_ref().is_some_and(|auth| HeaderName::try_from(&auth.header).is_err());
        tell(header, "auth", "`header` is not the name of a header");
        told.extend(misfit_of_shrink(self.max_shrink));
        told
    }

    fn build(&self) -> Result<Box<dyn Source>, BuildError> {
        let max_bytes = self.max_bytes.len();
        let manner = Manner { allowed: self.allowed(), timeout: self.timeout.get(), max_bytes };
        // Read now to fail now; read again by the task.
        self.auth.as_ref().map(AuthSettings::read).transpose()?;
        Ok(Box::new(Poll::new(Fetcher::new(manner, self.ca.as_deref())?, self.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked_against_each_other() {
        let read = |more: &str| {
            let text = format!(r#"{{"issuer":"corp","url":"https://id.example.com/r"{more}}}"#);
            serde_json::from_str::<PollSettings>(&text).unwrap().misfits()
        };
        assert_eq!(read(""), []);
        assert_eq!(read(r#","max_staleness":"off""#), []);
        for (more, field) in [
            (r#","interval":"10ms""#, "interval"),
            (r#","interval":"1m""#, "max_staleness"),
            (r#","timeout":"0s""#, "timeout"),
            (r#","stream_timeout":"1s""#, "stream_timeout"),
            (r#","max_shrink":101"#, "max_shrink"),
            (r#","auth":{"header":"a b","value":{"env":"X"}}"#, "auth"),
        ] {
            assert_eq!(read(more).iter().map(|misfit| misfit.field).collect::<Vec<_>>(), [field]);
        }
    }
}
