//! What the admin listener answers: JSON, text, and why not (RFC 9457).

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::{Map, Value};

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// An answer of the admin listener.
pub type Answer = Response<Full<Bytes>>;

/// Why something was not done. Its type is `about:blank`: the status says what it is, `detail` why (RFC 9457 §4.2.1).
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// What the operator can do something with. Never a token.
    pub detail: String,
    /// The entry that is at fault, from one.
    pub entry: Option<usize>,
    /// How many lines before it are enforced and kept: from there an import may go on.
    pub position: Option<usize>,
    /// What was done of them.
    pub done: Option<Map<String, Value>>,
    /// The methods that there are (RFC 9110 §15.5.6).
    pub allow: Option<String>,
}

#[derive(Serialize)]
struct Told<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    #[serde(flatten)]
    done: Option<&'a Map<String, Value>>,
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), entry: None, position: None, done: None, allow: None }
    }

    /// What was sent cannot be used.
    pub fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The same about an entry, the first of which is number one.
    #[must_use]
    pub fn at(self, entry: usize) -> Self {
        Self { entry: Some(entry), ..self }
    }

    /// The same where so many lines were taken before.
    #[must_use]
    pub fn after(self, position: usize) -> Self {
        Self { position: Some(position), ..self }
    }

    /// The same, with what was done of those lines.
    #[must_use]
    pub fn with(self, done: &impl Serialize) -> Self {
        let done = serde_json::to_value(done).ok().and_then(|done| done.as_object().cloned());
        let counts = done.map(|done| done.into_iter().filter(|(name, _)| name != "position").collect());
        Self { done: counts, ..self }
    }

    /// The answer.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let told = Told {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            entry: self.entry,
            position: self.position,
            done: self.done.as_ref(),
        };
        let body = serde_json::to_string(&told).unwrap_or_default() + "\n";
        let mut response = typed(self.status, "application/problem+json", body);
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"curfew-admin\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(Ok(allow)) = self.allow.as_ref().map(HeaderValue::try_from) {
            response.headers_mut().insert(ALLOW, allow);
        }
        response
    }
}

/// JSON.
pub fn json(body: &impl Serialize) -> Answer {
    typed(StatusCode::OK, "application/json", serde_json::to_string(body).unwrap_or_default() + "\n")
}

/// Plain text.
pub fn text(status: StatusCode, body: String) -> Answer {
    typed(status, "text/plain; charset=utf-8", body)
}

/// Any type.
pub fn typed(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // It is what it says, and no page of another origin may embed it (Fetch §3.3).
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    response
}
