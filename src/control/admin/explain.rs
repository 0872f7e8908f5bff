//! A question about a request that nobody has made: what would be decided about it, now or at another instant, under the
//! config that is in force or under a candidate for the next. Who answers is told in `app`.

use super::body::{self, Kind};
use super::problem::Problem;
use crate::decide::time::Timestamp;
use crate::notice::unquoted;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The request in question. It holds a token, and so has no `Debug`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// A method and a URL: `GET https://api.example.com/orders`.
    pub request: String,
    /// More header fields, as `Name: value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// The token, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The address that the client comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<IpAddr>,
    /// The instant to decide at, RFC 3339 or seconds since 1970; none is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The text of a config to decide by; none is the one in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
}

impl Question {
    /// The request, as the gateway would see it.
    ///
    /// # Errors
    /// What of it is no request.
    pub fn parts(&self) -> Result<Parts, String> {
        // What was sent is not repeated: a token may stand in the wrong place.
        let malformed =
            || "`request` is none: write a method and a URL, such as 'GET https://api.example.com/orders'".to_owned();
        let (method, url) = self.request.trim().split_once(' ').ok_or_else(malformed)?;
        let url: Uri = url.trim().parse().map_err(|_| malformed())?;
        let authority = url.authority().ok_or_else(malformed)?.as_str();
        let target = url.path_and_query().map_or("/", |target| target.as_str());
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).map_err(|_| malformed())?)
            .uri(target)
            .header(HOST, authority);
        for (number, field) in self.headers.iter().enumerate() {
            let wrong = || format!("`headers[{number}]` is no header field: write 'Name: value'");
            let (name, value) = field.split_once(':').ok_or_else(wrong)?;
            let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
            request = request.header(name, value.trim());
        }
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
                .map_err(|_| "the token has characters that no header field can hold".to_owned())?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.body(()).map(|request| request.into_parts().0).map_err(|_| malformed())
    }

    /// The instant, if one is named.
    ///
    /// # Errors
    /// If it is none.
    pub fn instant(&self) -> Result<Option<Timestamp>, String> {
        self.at.as_deref().map(instant).transpose()
    }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(seconds) = text.parse::<f64>()
        && let Some(instant) = Timestamp::from_numeric_floor(seconds)
    {
        return Ok(instant);
    }
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|instant| Timestamp::from_millis(instant.as_millisecond()))
        // What was sent is not repeated: a token may stand in the wrong place.
        .map_err(|_| "`at` is no instant: write it as 2026-11-02T15:04:05Z, or as seconds since 1970".to_owned())
}

/// Reads a question. What is wrong with it is told without what it quotes: it holds a token.
pub(super) async fn question(headers: &HeaderMap, body: Incoming) -> Result<Question, Problem> {
    if body::kind(headers)? == Kind::Lines {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "ask one question at a time, as JSON"));
    }
    let text = body::whole(body).await?;
    serde_json::from_slice(&text).map_err(|error| Problem::bad(unquoted(&error.to_string())))
}
