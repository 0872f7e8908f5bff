//! The transmitter's metadata (SSF 1.0 §7): where it is, and what is believed of it.

use super::settings::{Dialect, SsfSettings};
use super::source::Ssf;
use crate::idp::exchange::Question;
use crate::idp::fetch::FetchError;
use crate::idp::web_url::WebUrl;
use http::{Method, StatusCode};
use serde::Deserialize;
use thiserror::Error;

/// Why something that was asked of the transmitter was not had.
#[derive(Debug, Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the transmitter's name is no URL to which metadata could belong: write `metadata`")]
    NoAddress,
    #[error("the transmitter's metadata is malformed")]
    Malformed,
    #[error("the transmitter's metadata is of another one")]
    Another,
    #[error("{0}")]
    Stream(&'static str),
    #[error("the secret that opens the transmitter cannot be read")]
    Secret,
}

/// What is needed of it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) jwks_uri: WebUrl,
    pub(super) configuration_endpoint: Option<WebUrl>,
    pub(super) status_endpoint: Option<WebUrl>,
    pub(super) verification_endpoint: Option<WebUrl>,
    #[serde(default)]
    pub(super) delivery_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(super) critical_subject_members: Vec<String>,
    #[serde(default)]
    pub(super) default_subjects: Option<String>,
}

impl SsfSettings {
    /// Where the metadata is: inserted before the path of the transmitter's name (SSF 1.0 §7.2.1).
    fn address(&self, transmitter: &str) -> Option<WebUrl> {
        if let Some(url) = &self.metadata {
            return Some(url.clone());
        }
        let url: WebUrl = transmitter.parse().ok()?;
        let name = if self.dialect == Dialect::Google { "risc-configuration" } else { "ssf-configuration" };
        url.with_path(&format!("/.well-known/{name}{}", url.uri().path().trim_end_matches('/')))
    }
}

impl Ssf {
    /// Asks for the metadata. It is believed only of the transmitter that it names.
    pub(super) async fn discover(&self, transmitter: &str) -> Result<Metadata, Fault> {
        let url = self.settings.address(transmitter).ok_or(Fault::NoAddress)?;
        let timeout = self.settings.timeout.get();
        let question = Question { method: Method::GET, url: &url, body: None, auth: None, timeout };
        let reply = self.exchange.ask(&question).await?;
        if reply.status != StatusCode::OK {
            return Err(FetchError::Status { url, status: reply.status }.into());
        }
        let metadata: Metadata = serde_json::from_slice(&reply.body).map_err(|_| Fault::Malformed)?;
        if metadata.issuer == transmitter { Ok(metadata) } else { Err(Fault::Another) }
    }
}

#[cfg(test)]
mod tests {
    use super::SsfSettings;

    #[test]
    fn metadata_is_where_the_standard_puts_it() {
        let at = |more: &str, transmitter: &str| {
            let text = format!(r#"{{"issuer":"corp","delivery":{{"push":{{}}}}{more}}}"#);
            let settings: SsfSettings = serde_json::from_str(&text).unwrap();
            settings.address(transmitter).map(|url| url.to_string()).unwrap_or_default()
        };
        assert_eq!(at("", "https://a/realms/x"), "https://a/.well-known/ssf-configuration/realms/x");
        assert_eq!(at("", "https://a/"), "https://a/.well-known/ssf-configuration");
        assert_eq!(at(r#","dialect":"google""#, "https://a/"), "https://a/.well-known/risc-configuration");
        assert_eq!(at(r#","metadata":"https://b/m""#, "https://a/"), "https://b/m");
        assert_eq!(at("", "urn:x"), "");
    }
}
