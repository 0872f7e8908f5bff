//! One GET, bounded in time, size, redirects and addresses. What is asked for, and what the answer means, is
//! told elsewhere.

use super::coding::Coding;
use super::connect::{Connector, RootsError, tls};
use super::guard::Allowed;
use super::web_url::WebUrl;
use crate::decide::time::Timestamp;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::future::Future;
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// No more redirects are followed.
const MAX_REDIRECTS: usize = 3;

/// Why nothing was brought.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The whole took longer than it may.
    #[error("no answer from {0} in time")]
    Slow(WebUrl),
    /// No connection, or it broke.
    #[error("{url} cannot be reached: {why}")]
    Unreachable {
        /// What was asked.
        url: WebUrl,
        /// The error, to its root.
        why: String,
    },
    /// Another status than was hoped for.
    #[error("{url} answered {status}")]
    Status {
        /// What was asked.
        url: WebUrl,
        /// The status.
        status: StatusCode,
    },
    /// A redirect to another place, to nowhere, or one too many.
    #[error("{0} redirects to where it may not, or too often")]
    Redirect(WebUrl),
    /// The body is longer than it may be, or broke off.
    #[error("the answer of {url} is over {limit} bytes or broke off")]
    Body {
        /// What was asked.
        url: WebUrl,
        /// The limit.
        limit: usize,
    },
    /// The body is no JSON object by its type or by its first character.
    #[error("{0} answered something that is not JSON")]
    NotJson(WebUrl),
    /// The body is of another type, or coded in another way, than was asked for.
    #[error("{url} answered something that is not {wanted}")]
    Type {
        /// What was asked.
        url: WebUrl,
        /// What was hoped for.
        wanted: &'static str,
    },
    /// `http` where only `https` is allowed.
    #[error("{0} is not https")]
    Insecure(WebUrl),
}

/// What is said beside the body.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The version of what was answered.
    pub etag: Option<HeaderValue>,
    /// How long it may be kept (RFC 9111 §5.2.2.1).
    pub max_age: Option<Duration>,
    /// The provider's clock, to the second.
    pub date: Option<Timestamp>,
}

/// An answer.
pub enum Answer {
    /// A body, and what was said beside it.
    Body(Bytes, Said),
    /// What was brought last time is still true.
    Unchanged(Said),
}

impl Answer {
    /// What was said beside the body.
    #[must_use]
    pub const fn said(&self) -> &Said {
        match self {
            Self::Body(_, said) | Self::Unchanged(said) => said,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The types that are understood.
    pub accept: &'static str,
    /// The codings that are understood; none if empty.
    pub codings: &'static str,
    /// The version that is known already.
    pub known: Option<&'a HeaderValue>,
    /// A header that opens the door.
    pub auth: Option<&'a (HeaderName, HeaderValue)>,
}

/// An answer whose body is still to come.
pub enum Opened {
    /// A body, and what was said before it.
    Coming(Box<Reply>),
    /// What was brought last time is still true.
    Unchanged(Said),
}

/// A body that is still to come.
pub struct Reply {
    /// Where it comes from.
    pub url: WebUrl,
    /// The head, and the body behind it.
    pub response: Response<Incoming>,
    /// What was said beside it.
    pub said: Said,
}

impl Reply {
    /// Its media type, without parameters, in lower case.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        media_type(self.response.headers())
    }

    /// Its coding; `None` if it is one that nobody asked for.
    #[must_use]
    pub fn coding(&self) -> Option<Coding> {
        Coding::of(self.response.headers())
    }
}

/// How one place is fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// What is allowed beyond `https` to public addresses.
    pub allowed: Allowed,
    /// How long the whole may take, redirects and body too.
    pub timeout: Duration,
    /// How long the body may be.
    pub max_bytes: usize,
}

/// Fetches.
pub struct Fetcher {
    client: Client<Connector, Empty<Bytes>>,
    manner: Manner,
}

impl Fetcher {
    /// Fetches in this manner, trusting the roots in a file or the system's. Reads the roots now.
    ///
    /// # Errors
    /// If there are no roots.
    pub fn new(manner: Manner, ca: Option<&Path>) -> Result<Self, RootsError> {
        let connector = Connector::new(tls(ca)?, manner.allowed);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(1)
            .http1_max_buf_size(64 * 1024)
            .build(connector);
        Ok(Self { client, manner })
    }

    /// Asks for JSON, if it is not the version that is known already.
    ///
    /// # Errors
    /// If there is no answer, or not one that may be read.
    pub async fn get(
        &self,
        url: &WebUrl,
        known: Option<&HeaderValue>,
        auth: Option<&(HeaderName, HeaderValue)>,
    ) -> Result<Answer, FetchError> {
        let ask = Ask { accept: "application/json, application/jwk-set+json", codings: "", known, auth };
        let whole = async {
            match self.open(url, &ask).await? {
                Opened::Unchanged(said) => Ok(Answer::Unchanged(said)),
                Opened::Coming(reply) => {
                    let (body, said) = self.json(*reply, false).await?;
                    Ok(Answer::Body(body, said))
                }
            }
        };
        self.in_time(url, whole).await
    }

    /// Asks for a text of one type, which may come in one of the codings that were asked for.
    ///
    /// # Errors
    /// If there is no answer, or not one that may be read.
    pub async fn text(&self, url: &WebUrl, ask: &Ask<'_>) -> Result<Answer, FetchError> {
        let whole = async {
            let reply = match self.open(url, ask).await? {
                Opened::Unchanged(said) => return Ok(Answer::Unchanged(said)),
                Opened::Coming(reply) => *reply,
            };
            let coding = reply.coding().filter(|_| reply.media_type().as_deref() == Some(ask.accept));
            let coding = coding.ok_or_else(|| FetchError::Type { url: url.clone(), wanted: ask.accept })?;
            let body = self.collect(reply.url.clone(), reply.response).await?;
            let limit = self.manner.max_bytes;
            let plain = coding.decoded(body, limit).await.ok_or(FetchError::Body { url: reply.url, limit })?;
            Ok(Answer::Body(plain, reply.said))
        };
        self.in_time(url, whole).await
    }

    async fn in_time(
        &self,
        url: &WebUrl,
        whole: impl Future<Output = Result<Answer, FetchError>>,
    ) -> Result<Answer, FetchError> {
        let answer = tokio::time::timeout(self.manner.timeout, whole).await;
        answer.unwrap_or_else(|_| Err(FetchError::Slow(url.clone())))
    }

    /// Asks, and gives the answer as soon as its head is there. How long it may take as a whole is the caller's to say.
    ///
    /// # Errors
    /// If there is no answer, or one of another status.
    pub async fn open(&self, url: &WebUrl, ask: &Ask<'_>) -> Result<Opened, FetchError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(ask.accept));
        headers.insert(header::USER_AGENT, HeaderValue::from_static("curfew"));
        if !ask.codings.is_empty() {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(ask.codings));
        }
        ask.known.map(|etag| headers.insert(header::IF_NONE_MATCH, etag.clone()));
        ask.auth.map(|(name, value)| headers.insert(name.clone(), value.clone()));
        self.follow(url, &headers).await
    }

    async fn follow(&self, url: &WebUrl, headers: &HeaderMap) -> Result<Opened, FetchError> {
        let mut at = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&at, headers).await?;
            let said = said(response.headers());
            match response.status() {
                StatusCode::OK => return Ok(Opened::Coming(Box::new(Reply { url: at, response, said }))),
                StatusCode::NOT_MODIFIED if headers.contains_key(header::IF_NONE_MATCH) => {
                    return Ok(Opened::Unchanged(said));
                }
                status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
                    let next = location.and_then(|location| at.redirected(location));
                    at = next.ok_or_else(|| FetchError::Redirect(at.clone()))?;
                }
                status => return Err(FetchError::Status { url: at, status }),
            }
        }
        Err(FetchError::Redirect(url.clone()))
    }

    async fn send(&self, url: &WebUrl, headers: &HeaderMap) -> Result<Response<Incoming>, FetchError> {
        if !url.is_secure() && !self.manner.allowed.http {
            return Err(FetchError::Insecure(url.clone()));
        }
        let unreachable =
            |error: &dyn std::error::Error| FetchError::Unreachable { url: url.clone(), why: root(error) };
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = url.uri().clone();
        *request.headers_mut() = headers.clone();
        self.client.request(request).await.map_err(|error| unreachable(&error))
    }

    /// A body that must be JSON, and may be coded only if somebody asked for that.
    ///
    /// # Errors
    /// If it is too long, breaks off, or is something else.
    pub async fn json(&self, reply: Reply, coded: bool) -> Result<(Bytes, Said), FetchError> {
        let coding = reply.coding().filter(|coding| coded || *coding == Coding::Identity);
        let Some(coding) = coding.filter(|_| may_be_json(reply.response.headers())) else {
            return Err(FetchError::NotJson(reply.url));
        };
        let (url, limit) = (reply.url.clone(), self.manner.max_bytes);
        let body = self.collect(reply.url, reply.response).await?;
        let body = coding.decoded(body, limit).await.ok_or_else(|| FetchError::Body { url: url.clone(), limit })?;
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') { Ok((body, reply.said)) } else { Err(FetchError::NotJson(url)) }
    }

    async fn collect(&self, url: WebUrl, response: Response<Incoming>) -> Result<Bytes, FetchError> {
        let limit = self.manner.max_bytes;
        let body = Limited::new(response.into_body(), limit).collect().await;
        body.map(|body| body.to_bytes()).map_err(|_| FetchError::Body { url, limit })
    }
}

/// The media type of a body, without parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Some providers serve JSON as plain text or as bytes; none may serve it as a page.
fn may_be_json(headers: &HeaderMap) -> bool {
    let kind = media_type(headers).unwrap_or_else(|| "application/json".to_owned());
    let json = kind.ends_with("/json") || kind.ends_with("+json");
    json || kind == "text/plain" || kind == "application/octet-stream"
}

fn said(headers: &HeaderMap) -> Said {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let max_age = text(header::CACHE_CONTROL).and_then(|control| {
        let age = control.split(',').find_map(|part| part.trim().strip_prefix("max-age="))?;
        age.trim_matches('"').parse().ok().map(Duration::from_secs)
    });
    let date = text(header::DATE).and_then(|date| {
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
        Some(Timestamp::from_millis(date.as_millisecond()))
    });
    Said { etag: headers.get(header::ETAG).cloned(), max_age, date }
}

/// An error's own text and that of its root; the chain between says little.
pub(super) fn root(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
