//! One exchange with a provider: JSON, or a form and what is answered to it. Bounded in time, size and addresses, and never redirected: what is sent may
//! carry a secret. What it means is told elsewhere.

use super::connect::{Connector, RootsError, tls};
use super::fetch::{FetchError, media_type, root};
use super::guard::Allowed;
use super::web_url::WebUrl;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) method: Method,
    pub(super) url: &'a WebUrl,
    pub(super) body: Option<&'a Value>,
    pub(super) auth: Option<&'a (HeaderName, HeaderValue)>,
    /// How long the whole may take.
    pub(super) timeout: Duration,
}

/// A form that is posted.
pub(super) struct Form<'a> {
    pub(super) url: &'a WebUrl,
    pub(super) body: String,
    pub(super) accept: &'static str,
    pub(super) auth: Option<&'a (HeaderName, HeaderValue)>,
    /// How long the whole may take.
    pub(super) timeout: Duration,
}

/// What is answered.
pub(super) struct Reply {
    /// The media type of the body, without parameters, in lower case.
    pub(super) media_type: Option<String>,
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Exchanges.
pub(super) struct Exchange {
    client: Client<Connector, Full<Bytes>>,
    allowed: Allowed,
    max_bytes: usize,
}

impl Exchange {
    /// Trusts the roots in a file or the system's, which are read now.
    pub(super) fn new(allowed: Allowed, max_bytes: usize, ca: Option<&Path>) -> Result<Self, RootsError> {
        Ok(Self::over(tls(ca)?, allowed, max_bytes))
    }

    /// Over this TLS.
    pub(super) fn over(tls: Arc<ClientConfig>, allowed: Allowed, max_bytes: usize) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(16)
            .http1_max_buf_size(64 * 1024)
            .build(Connector::new(tls, allowed));
        Self { client, allowed, max_bytes }
    }

    /// Asks. Whatever is answered is an answer; its body is read whole.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Reply, FetchError> {
        let asked = tokio::time::timeout(question.timeout, self.send(question.url, request(question)));
        asked.await.unwrap_or_else(|_| Err(FetchError::Slow(question.url.clone())))
    }

    /// Posts a form. Whatever is answered is an answer; its body is read whole.
    pub(super) async fn post(&self, form: Form<'_>) -> Result<Reply, FetchError> {
        let (url, timeout) = (form.url, form.timeout);
        let asked = tokio::time::timeout(timeout, self.send(url, posted(form)));
        asked.await.unwrap_or_else(|_| Err(FetchError::Slow(url.clone())))
    }

    async fn send(&self, url: &WebUrl, request: Request<Full<Bytes>>) -> Result<Reply, FetchError> {
        if !url.is_secure() && !self.allowed.http {
            return Err(FetchError::Insecure(url.clone()));
        }
        let unreachable =
            |error: &dyn std::error::Error| FetchError::Unreachable { url: url.clone(), why: root(error) };
        let response = self.client.request(request).await.map_err(|error| unreachable(&error))?;
        self.read(url, response).await
    }

    async fn read(&self, url: &WebUrl, response: Response<Incoming>) -> Result<Reply, FetchError> {
        let (status, limit) = (response.status(), self.max_bytes);
        let media_type = media_type(response.headers());
        if response.headers().get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(FetchError::NotJson(url.clone()));
        }
        match Limited::new(response.into_body(), limit).collect().await {
            Ok(body) => Ok(Reply { media_type, status, body: body.to_bytes() }),
            Err(_) => Err(FetchError::Body { url: url.clone(), limit }),
        }
    }
}

fn request(question: &Question<'_>) -> Request<Full<Bytes>> {
    let body = question.body.map(Value::to_string).unwrap_or_default();
    let mut request = Request::new(Full::from(body));
    *request.method_mut() = question.method.clone();
    *request.uri_mut() = question.url.uri().clone();
    let headers = request.headers_mut();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("curfew"));
    if question.body.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // The language of error descriptions (RFC 8936 §2.4).
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    }
    question.auth.map(|(name, value)| headers.insert(name.clone(), value.clone()));
    request
}

fn posted(form: Form<'_>) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from(form.body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = form.url.uri().clone();
    let headers = request.headers_mut();
    headers.insert(header::ACCEPT, HeaderValue::from_static(form.accept));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("curfew"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    form.auth.map(|(name, value)| headers.insert(name.clone(), value.clone()));
    request
}
