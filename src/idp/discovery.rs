//! The provider's metadata: where it is, and what is believed of it (RFC 8414 §3, OpenID Connect Discovery §4).

use super::fetch::{Answer, FetchError, Fetcher};
use super::settings::Discovery;
use super::web_url::WebUrl;
use serde::Deserialize;
use thiserror::Error;

/// Why the metadata is not believed; what was known before stays.
#[derive(Debug, Error)]
pub enum DiscoveryError {
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The issuer is no URL to which a well-known path can be joined.
    #[error("the issuer is not a URL with metadata")]
    NoAddress,
    /// No object with `issuer` and `jwks_uri`.
    #[error("the metadata is malformed, or lacks `issuer` or `jwks_uri`")]
    Malformed,
    /// It speaks for another issuer (MD-02).
    #[error("the metadata is of another issuer")]
    OtherIssuer,
    /// The two documents name different key sets (MD-03).
    #[error("the two metadata documents disagree")]
    Disagree,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: WebUrl,
}

/// Where metadata is: appended for OpenID Connect, inserted for RFC 8414 (MD-01).
#[must_use]
pub fn address(issuer: &str, kind: Discovery) -> Option<WebUrl> {
    let url: WebUrl = issuer.parse().ok()?;
    if url.uri().query().is_some() {
        return None;
    }
    let path = url.uri().path().trim_end_matches('/');
    match kind {
        Discovery::Oauth => url.with_path(&format!("/.well-known/oauth-authorization-server{path}")),
        Discovery::Oidc | Discovery::Auto => url.with_path(&format!("{path}/.well-known/openid-configuration")),
    }
}

/// Where the issuer's key set is, by its metadata.
///
/// # Errors
/// If the metadata cannot be had, or is not believed.
pub async fn key_set(fetcher: &Fetcher, issuer: &str, kind: Discovery) -> Result<WebUrl, DiscoveryError> {
    if kind != Discovery::Auto {
        return one(fetcher, issuer, kind).await;
    }
    let (oidc, oauth) = tokio::join!(one(fetcher, issuer, Discovery::Oidc), one(fetcher, issuer, Discovery::Oauth));
    match (oidc, oauth) {
        (Ok(one), Ok(other)) if one == other => Ok(one),
        (Ok(_), Ok(_)) => Err(DiscoveryError::Disagree),
        // A document that lies is not outvoted by one that does not; one that is not there is.
        (Err(error), Ok(url)) | (Ok(url), Err(error)) => match error {
            DiscoveryError::Fetch(_) => Ok(url),
            lie => Err(lie),
        },
        (Err(error), Err(_)) => Err(error),
    }
}

async fn one(fetcher: &Fetcher, issuer: &str, kind: Discovery) -> Result<WebUrl, DiscoveryError> {
    let url = address(issuer, kind).ok_or(DiscoveryError::NoAddress)?;
    match fetcher.get(&url, None, None).await? {
        Answer::Body(body, _) => believe(&body, issuer),
        Answer::Unchanged(_) => Err(DiscoveryError::Malformed),
    }
}

fn believe(body: &[u8], issuer: &str) -> Result<WebUrl, DiscoveryError> {
    let metadata: Metadata = serde_json::from_slice(body).map_err(|_| DiscoveryError::Malformed)?;
    if metadata.issuer == issuer { Ok(metadata.jwks_uri) } else { Err(DiscoveryError::OtherIssuer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_where_the_standards_put_it() {
        let at = |issuer, kind| address(issuer, kind).map(|url| url.to_string());
        for issuer in ["https://a/realms/x", "https://a/realms/x/"] {
            assert_eq!(at(issuer, Discovery::Oidc).unwrap(), "https://a/realms/x/.well-known/openid-configuration");
            assert_eq!(
                at(issuer, Discovery::Oauth).unwrap(),
                "https://a/.well-known/oauth-authorization-server/realms/x"
            );
        }
        assert_eq!(at("https://a", Discovery::Oidc).unwrap(), "https://a/.well-known/openid-configuration");
        assert_eq!(at("https://a", Discovery::Oauth).unwrap(), "https://a/.well-known/oauth-authorization-server");
        assert_eq!(at("urn:x", Discovery::Oidc), None);
    }

    #[test]
    fn the_issuer_must_be_identical() {
        let body = br#"{"issuer":"https://a/","jwks_uri":"https://a/keys","x":1}"#;
        assert!(believe(body, "https://a/").is_ok());
        assert!(matches!(believe(body, "https://a"), Err(DiscoveryError::OtherIssuer)));
        assert!(matches!(believe(br#"{"issuer":"https://a"}"#, "https://a"), Err(DiscoveryError::Malformed)));
        assert!(matches!(
            believe(br#"{"issuer":"https://a","jwks_uri":"file:///k"}"#, "https://a"),
            Err(DiscoveryError::Malformed)
        ));
    }
}
