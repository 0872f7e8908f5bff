//! The address of something that is fetched: absolute, `https` or `http`, without credentials in it.

use http::Uri;
use http::uri::PathAndQuery;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An absolute `https` or `http` URL without user information and without fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUrl(Uri);

impl WebUrl {
    /// For the client.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.0
    }

    /// The host, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// Is it `https`?
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Does its host name this very machine, in so many words?
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host() == "localhost" || self.host().parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Where a redirect leads, if to the same scheme, host and port.
    #[must_use]
    pub fn redirected(&self, location: &str) -> Option<Self> {
        if location.starts_with('/') && !location.starts_with("//") {
            return self.with_path(location);
        }
        let target: Self = location.parse().ok()?;
        let same = target.0.scheme() == self.0.scheme() && target.0.authority() == self.0.authority();
        same.then_some(target)
    }

    /// The same place with another path and query.
    #[must_use]
    pub fn with_path(&self, path: &str) -> Option<Self> {
        let mut parts = self.0.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
        Uri::from_parts(parts).ok().map(Self)
    }

    /// The same URL with one more query parameter.
    #[must_use]
    pub fn with_parameter(&self, name: &str, value: &str) -> Option<Self> {
        let joint = if self.0.query().is_some() { '&' } else { '?' };
        let before = self.0.path_and_query().map_or("/", PathAndQuery::as_str);
        self.with_path(&format!("{before}{joint}{name}={}", escape(value)))
    }
}

/// Percent-encodes all but the unreserved characters (RFC 3986 §2.3).
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

impl FromStr for WebUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{text}` {what}: write for example `https://id.example.com/keys`");
        if text.contains('#') {
            return Err(wrong("has a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| wrong("is not a URL"))?;
        if !matches!(uri.scheme_str(), Some("https" | "http")) || uri.host().is_none_or(str::is_empty) {
            return Err(wrong("is not an absolute https URL"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("a URL must not carry credentials".into());
        }
        Ok(Self(uri))
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for WebUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WebUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for WebUrl {
    fn schema_name() -> Cow<'static, str> {
        "WebUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "uri",
            "pattern": "^https?://[^#]+$",
            "description": "An absolute URL: https, or http to this machine where `allow_http` says so.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::WebUrl;

    fn url(text: &str) -> WebUrl {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_not_a_web_url_is_refused() {
        for text in ["", "/keys", "id.example.com", "ftp://a/b", "https://u:p@a/", "https://a/#f", "https:///x"] {
            assert!(text.parse::<WebUrl>().is_err(), "{text}");
        }
        assert!(url("http://[::1]:80/x").is_loopback() && url("http://localhost/").is_loopback());
        assert!(!url("https://127.0.0.1.example.com/").is_loopback());
    }

    #[test]
    fn redirects_stay_at_home() {
        let at = url("https://id.example.com/a?b");
        assert_eq!(at.redirected("/c?d"), Some(url("https://id.example.com/c?d")));
        assert_eq!(at.redirected("https://id.example.com/c"), Some(url("https://id.example.com/c")));
        for location in ["https://evil.example/", "//evil.example/", "http://id.example.com/a", "c", ""] {
            assert_eq!(at.redirected(location), None, "{location}");
        }
    }

    #[test]
    fn parameters_are_escaped() {
        assert_eq!(
            url("https://a/f").with_parameter("cursor", "1&x=y/ä").unwrap(),
            url("https://a/f?cursor=1%26x%3Dy%2F%C3%A4")
        );
        assert_eq!(url("https://a/f?g=h").with_parameter("cursor", "1").unwrap(), url("https://a/f?g=h&cursor=1"));
    }
}
