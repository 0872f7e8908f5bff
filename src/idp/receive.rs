//! The contract of sources that are told: an event is sent to a path of the gateway, and answered when it is enforced
//! and kept. Which requests come here, and how their bodies are read, is the line's; who runs a receiver is
//! `reception`.

use super::events::Outcome;
use super::settings::Misfit;
use super::sink::Sink;
use crate::settings::Bytes as Size;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

/// Where a source is told, and how much it listens to.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DoorSettings {
    /// The path, byte for byte. Default `/.curfew/events/` and the source's name.
    pub path: Option<String>,
    /// The hosts on which it is served. Default: every host.
    pub hosts: Vec<String>,
    /// How long one event may be. `1KiB` to `1MiB`; default `64KiB`.
    pub max_bytes: Size,
    /// How many events one peer may send in a second, and at once: more are answered 429, and a provider that does not
    /// try again loses them. Default `1000`.
    pub rate: u32,
}

impl Default for DoorSettings {
    fn default() -> Self {
        Self { path: None, hosts: Vec::new(), max_bytes: Size::kib(64), rate: 1000 }
    }
}

impl DoorSettings {
    /// The path, of a source of this name.
    #[must_use]
    pub fn path(&self, source: &str) -> String {
        self.path.clone().unwrap_or_else(|| format!("/.curfew/events/{source}"))
    }

    /// What does not go together in these settings.
    #[must_use]
    pub fn misfits(&self) -> Vec<Misfit> {
        let mut told = Vec::new();
        let mut tell = |wrong: bool, what: &str| {
            told.extend(wrong.then(|| Misfit { field: "door", told: what.to_owned() }));
        };
        let path = self.path.as_deref().is_some_and(|path| !is_plain(path));
        tell(path, "`path` is not a plain path: write `/` and letters, digits, `-`, `_`, `.` between slashes");
        let size = self.max_bytes < Size::kib(1) || self.max_bytes > Size::mib(1);
        tell(size, "`max_bytes` is not between `1KiB` and `1MiB`: write `64KiB`");
        tell(self.rate == 0, "`rate` of 0 hears nothing: write `1000`");
        told
    }
}

/// A path that can be read in one way only.
fn is_plain(path: &str) -> bool {
    let segment = |segment: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(fits)
    };
    path.len() <= 1024 && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment))
}

/// The door of a source: its settings, and what is appended to its path; an empty text is the path itself.
pub type Opening<'a> = (&'a DoorSettings, &'static [&'static str]);

/// An event as it came: a POST to one of the source's paths.
pub struct Received {
    /// Which of its paths: the place in its [`Opening`].
    pub endpoint: usize,
    /// The fields of its head.
    pub headers: HeaderMap,
    /// The body, as long as the door's settings allow at most.
    pub body: Bytes,
    /// Who sent it.
    pub peer: IpAddr,
}

impl Received {
    /// Is the body of this media type, and not compressed? Parameters do not count.
    #[must_use]
    pub fn is(&self, media_type: &str) -> bool {
        let mut types = self.headers.get_all(CONTENT_TYPE).iter();
        let (Some(kind), None) = (types.next(), types.next()) else { return false };
        let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case(media_type) && !self.headers.contains_key(CONTENT_ENCODING)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }
}

/// What is answered, and what became of the event.
#[derive(Debug)]
pub struct Answer {
    /// The response.
    pub response: Response<Bytes>,
    /// What became of the event.
    pub outcome: Outcome,
}

impl Answer {
    /// An answer without a body. Nothing here may be kept by a cache.
    #[must_use]
    pub fn empty(status: StatusCode, outcome: Outcome) -> Self {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self { response, outcome }
    }

    /// An answer of JSON. What is written there must be our own words: nothing of what was sent.
    #[must_use]
    pub fn json(status: StatusCode, outcome: Outcome, body: &serde_json::Value) -> Self {
        let mut answer = Self::empty(status, outcome);
        answer.response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *answer.response.body_mut() = body.to_string().into();
        answer
    }

    /// The answer of OAuth and OpenID Connect to what is not good (RFC 6749 §5.2).
    #[must_use]
    pub fn refused(status: StatusCode, error: &str, description: &str) -> Self {
        let body = serde_json::json!({"error": error, "error_description": description});
        Self::json(status, Outcome::Refused, &body)
    }

    /// The event is good, and could not be kept: its sender should try again.
    #[must_use]
    pub fn unkept() -> Self {
        let mut answer = Self::empty(StatusCode::SERVICE_UNAVAILABLE, Outcome::Failed);
        answer.response.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from_static("5"));
        answer
    }
}

/// An answer in the making.
pub type Receiving<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// A source that is told.
pub trait Receiver: Send + Sync {
    /// Takes in one event. It is answered as good only once it is enforced and kept: `Sink::accept(..).await`. Runs
    /// on the control runtime, several at once.
    fn receive<'a>(&'a self, sink: &'a Sink, event: &'a Received) -> Receiving<'a>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_are_checked() {
        let read = |json: &str| serde_json::from_str::<DoorSettings>(json).unwrap();
        assert_eq!(read("{}").path("corp"), "/.curfew/events/corp");
        assert_eq!(read(r#"{"path":"/logout","hosts":["a"],"rate":1}"#).misfits(), []);
        for bad in [
            r#"{"path":""}"#,
            r#"{"path":"x"}"#,
            r#"{"path":"/"}"#,
            r#"{"path":"/a/"}"#,
            r#"{"path":"/a/../b"}"#,
            r#"{"path":"/a?b"}"#,
            r#"{"path":"/%61"}"#,
            r#"{"max_bytes":"1B"}"#,
            r#"{"max_bytes":"2MiB"}"#,
            r#"{"rate":0}"#,
        ] {
            assert_eq!(read(bad).misfits().len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_media_type_is_said_once_and_ignores_case() {
        let of = |fields: &[(&'static str, &'static str)]| {
            let headers = fields
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            let (body, peer) = (Bytes::new(), IpAddr::from([127, 0, 0, 1]));
            Received { endpoint: 0, headers: headers.collect(), body, peer }.is("text/plain")
        };
        assert!(of(&[("content-type", "text/plain")]) && of(&[("content-type", "Text/PLAIN; charset=ISO-8859-1")]));
        assert!(!of(&[]) && !of(&[("content-type", "text/plainer")]) && !of(&[("content-type", "")]));
        assert!(!of(&[("content-type", "text/plain"), ("content-encoding", "gzip")]));
    }
}
