//! Revocations by polling: JSON over HTTPS, with ETag and cursor. The document is that of [`crate::idp::feed`].
//!
//! The first poll has no cursor; each later one sends the last cursor as `?cursor=…` and is answered with what is
//! new, or with `"complete": true` and everything. 304 and an empty list both mean "nothing new". 410 means that
//! the cursor is too old: the next poll begins from the start.

use crate::idp::backoff::{Backoff, jittered};
use crate::idp::build::BuildError;
use crate::idp::feed::{self, FeedFault};
use crate::idp::fetch::{Answer, FetchError, Fetcher, Manner};
use crate::idp::guard::Allowed;
use crate::idp::settings::{Misfit, address_misfit};
use crate::idp::sink::Sink;
use crate::idp::source::{Source, SourceKind, Task};
use crate::idp::web_url::WebUrl;
use crate::settings::{Bytes, OrOff, Secret, Span};
use crate::state::revocations::Bounds;
use http::{HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

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
    /// How long one poll may take. Default `5s`.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// The age from which on its knowledge is stale, counted from the last poll that was answered, or `off`.
    /// Default `30s`.
    #[serde(default = "max_staleness")]
    pub max_staleness: OrOff<Span>,
    /// How many entries it may hold; beyond it the source is incomplete, and so never fresh. Default 1,000,000.
    #[serde(default = "max_entries")]
    pub max_entries: usize,
    /// How long one answer may be. Default `64MiB`.
    #[serde(default = "max_bytes")]
    pub max_bytes: Bytes,
    /// How long an entry without `until` is kept after the youngest token that it hits was issued: the longest
    /// lifetime of a token. Default `off`: until the source takes it back.
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
fn authorization() -> String {
    "Authorization".into()
}

impl AuthSettings {
    fn read(&self) -> Result<(HeaderName, HeaderValue), BuildError> {
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
        let header = self.auth.as_ref().is_some_and(|auth| HeaderName::try_from(&auth.header).is_err());
        tell(header, "auth", "`header` is not the name of a header");
        told
    }

    fn build(&self) -> Result<Box<dyn Source>, BuildError> {
        let max_bytes = self.max_bytes.len();
        let manner = Manner { allowed: self.allowed(), timeout: self.timeout.get(), max_bytes };
        // Read now to fail now; read again by the task.
        self.auth.as_ref().map(AuthSettings::read).transpose()?;
        Ok(Box::new(Poll { fetcher: Fetcher::new(manner, self.ca.as_deref())?, settings: self.clone() }))
    }
}

/// Why a poll brought nothing.
#[derive(Debug, Error)]
enum PollError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Feed(#[from] FeedFault),
    #[error(transparent)]
    Auth(#[from] BuildError),
    #[error("the feed's URL takes no cursor")]
    Cursor,
    /// Told to the sink already.
    #[error("what was heard was not all understood or kept")]
    Taken,
}

/// A feed that is polled, ready to run.
struct Poll {
    fetcher: Fetcher,
    settings: PollSettings,
}

/// What one poll leaves to the next.
#[derive(Default)]
struct Place {
    cursor: Option<String>,
    /// The version of the last answer, and the cursor it was the answer to.
    etag: Option<(HeaderValue, Option<String>)>,
    auth: Option<(HeaderName, HeaderValue)>,
}

impl Source for Poll {
    fn run<'a>(&'a self, sink: &'a Sink, cancel: &'a CancellationToken) -> Task<'a> {
        Box::pin(async move {
            cancel.run_until_cancelled(self.poll_on(sink)).await;
        })
    }
}

impl Poll {
    async fn poll_on(&self, sink: &Sink) {
        let interval = self.settings.interval.get();
        let mut backoff = Backoff::new(interval, interval.max(Duration::from_secs(15)));
        let mut place = Place::default();
        loop {
            let pause = match self.poll(sink, &mut place).await {
                Ok(()) => {
                    backoff.succeeded();
                    jittered(interval)
                }
                Err(error) => {
                    place.failed(&error);
                    if !matches!(error, PollError::Taken) {
                        sink.failed(&error.to_string());
                    }
                    backoff.failed()
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn poll(&self, sink: &Sink, place: &mut Place) -> Result<(), PollError> {
        if let (Some(auth), None) = (&self.settings.auth, &place.auth) {
            place.auth = Some(auth.read()?);
        }
        let url = match &place.cursor {
            Some(cursor) => self.settings.url.with_parameter("cursor", cursor).ok_or(PollError::Cursor)?,
            None => self.settings.url.clone(),
        };
        let asked = sink.now();
        let body = match self.fetcher.get(&url, place.known(), place.auth.as_ref()).await? {
            Answer::Unchanged(_) => {
                sink.heard(asked);
                return Ok(());
            }
            Answer::Body(body, said) => {
                let known = said.etag.map(|etag| (etag, place.cursor.clone()));
                (body, known)
            }
        };
        let heard = feed::document(&body.0)?;
        if !sink.take(&heard, asked) {
            return Err(PollError::Taken);
        }
        place.etag = body.1;
        place.cursor = heard.cursor.or(place.cursor.take());
        Ok(())
    }
}

impl Place {
    /// A version is that of one question: with another cursor, it is another question.
    fn known(&self) -> Option<&HeaderValue> {
        self.etag.as_ref().filter(|(_, cursor)| *cursor == self.cursor).map(|(etag, _)| etag)
    }

    /// The secret may have been exchanged; a cursor that is gone is given up.
    fn failed(&mut self, error: &PollError) {
        self.auth = None;
        if let PollError::Fetch(FetchError::Status { status: StatusCode::GONE, .. }) = error {
            self.cursor = None;
            self.etag = None;
        }
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
            (r#","auth":{"header":"a b","value":{"env":"X"}}"#, "auth"),
        ] {
            assert_eq!(read(more).iter().map(|misfit| misfit.field).collect::<Vec<_>>(), [field]);
        }
    }
}
