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
    #[error("the metadata at {0} is malformed, or lacks `issuer` or `jwks_uri`")]
    Malformed(WebUrl),
    /// It speaks for another issuer (MD-02).
    #[error("the metadata at {at} is of another issuer: expected `{expected}`, got {got:?}")]
    OtherIssuer {
        /// Where it is.
        at: WebUrl,
        /// The issuer of the settings.
        expected: Box<str>,
        /// The issuer it names, cut where it is long.
        got: Box<str>,
    },
    /// The two documents name different key sets (MD-03).
    #[error("the two metadata documents disagree")]
    Disagree,
}

/// What a provider says of itself is told up to here.
const LONGEST_TOLD: usize = 200;

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: WebUrl,
    /// Whatever stands there does not stand in the way of the keys.
    #[serde(default)]
    introspection_endpoint: serde_json::Value,
    /// Where clients are known by their certificates (RFC 8705 §5).
    #[serde(default)]
    mtls_endpoint_aliases: serde_json::Value,
}

/// What is believed.
struct Believed {
    keys: WebUrl,
    introspection: Option<WebUrl>,
    /// The same for who is known by a certificate, if that is another place.
    by_certificate: Option<WebUrl>,
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
    believed(fetcher, issuer, kind).await.map(|believed| believed.keys)
}

/// Where the issuer is asked about a token, by its metadata; nowhere if that does not say. Who is known by a certificate
/// may have a place of his own.
///
/// # Errors
/// If the metadata cannot be had, or is not believed.
pub async fn introspection(
    fetcher: &Fetcher,
    issuer: &str,
    kind: Discovery,
    by_certificate: bool,
) -> Result<Option<WebUrl>, DiscoveryError> {
    let believed = believed(fetcher, issuer, kind).await?;
    Ok(believed.by_certificate.filter(|_| by_certificate).or(believed.introspection))
}

async fn believed(fetcher: &Fetcher, issuer: &str, kind: Discovery) -> Result<Believed, DiscoveryError> {
    if kind != Discovery::Auto {
        return one(fetcher, issuer, kind).await;
    }
    let (oidc, oauth) = tokio::join!(one(fetcher, issuer, Discovery::Oidc), one(fetcher, issuer, Discovery::Oauth));
    match (oidc, oauth) {
        (Ok(one), Ok(other)) if one.keys == other.keys => agreed(one, other),
        (Ok(_), Ok(_)) => Err(DiscoveryError::Disagree),
        // A document that lies is not outvoted by one that does not; one that is not there is.
        (Err(error), Ok(said)) | (Ok(said), Err(error)) => match error {
            DiscoveryError::Fetch(_) => Ok(said),
            lie => Err(lie),
        },
        (Err(error), Err(_)) => Err(error),
    }
}

/// One of two documents may leave out where to ask; they may not name two places.
fn agreed(one: Believed, other: Believed) -> Result<Believed, DiscoveryError> {
    let place = |here: Option<WebUrl>, there: Option<WebUrl>| match (here, there) {
        (Some(here), Some(there)) if here != there => Err(DiscoveryError::Disagree),
        (here, there) => Ok(here.or(there)),
    };
    let introspection = place(one.introspection, other.introspection)?;
    let by_certificate = place(one.by_certificate, other.by_certificate)?;
    Ok(Believed { keys: one.keys, introspection, by_certificate })
}

async fn one(fetcher: &Fetcher, issuer: &str, kind: Discovery) -> Result<Believed, DiscoveryError> {
    let url = address(issuer, kind).ok_or(DiscoveryError::NoAddress)?;
    match fetcher.get(&url, None, None).await? {
        Answer::Body(body, _) => believe(&body, &url, issuer),
        Answer::Unchanged(_) => Err(DiscoveryError::Malformed(url)),
    }
}

fn believe(body: &[u8], at: &WebUrl, issuer: &str) -> Result<Believed, DiscoveryError> {
    let metadata: Metadata = serde_json::from_slice(body).map_err(|_| DiscoveryError::Malformed(at.clone()))?;
    if metadata.issuer == issuer {
        let introspection = metadata.introspection_endpoint.as_str().and_then(|url| url.parse().ok());
        let aliases = &metadata.mtls_endpoint_aliases;
        let by_certificate = aliases.get("introspection_endpoint").and_then(serde_json::Value::as_str);
        let by_certificate = by_certificate.and_then(|url| url.parse().ok());
        return Ok(Believed { keys: metadata.jwks_uri, introspection, by_certificate });
    }
    let got: String = metadata.issuer.chars().take(LONGEST_TOLD).collect();
    Err(DiscoveryError::OtherIssuer { at: at.clone(), expected: issuer.into(), got: got.into() })
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
    fn one_document_may_say_what_the_other_leaves_out() {
        let said = |introspection: &str, by_certificate: &str| Believed {
            keys: "https://a/keys".parse().unwrap(),
            introspection: introspection.parse().ok(),
            by_certificate: by_certificate.parse().ok(),
        };
        let (ask, mtls, other) = ("https://a/i", "https://m/i", "https://b/i");
        for (one, two) in [((ask, mtls), ("", "")), ((ask, ""), ("", mtls)), ((ask, mtls), (ask, ""))] {
            for (here, there) in [(one, two), (two, one)] {
                let both = agreed(said(here.0, here.1), said(there.0, there.1)).unwrap();
                let places = [both.introspection, both.by_certificate].map(|url| url.unwrap().to_string());
                assert_eq!(places, [ask, mtls], "{here:?} {there:?}");
            }
        }
        for (one, two) in [((ask, ""), (other, "")), (("", mtls), ("", other)), ((ask, mtls), (ask, other))] {
            let both = agreed(said(one.0, one.1), said(two.0, two.1));
            assert!(matches!(both, Err(DiscoveryError::Disagree)), "{one:?} {two:?}");
        }
    }

    #[test]
    fn the_issuer_must_be_identical() {
        let body = br#"{"issuer":"https://a/","jwks_uri":"https://a/keys","x":1}"#;
        let at: WebUrl = "https://a/.well-known/openid-configuration".parse().unwrap();
        assert!(believe(body, &at, "https://a/").is_ok_and(|said| said.introspection.is_none()));
        for (endpoint, there) in [("\"https://a/i\"", true), ("7", false), ("\"file:///i\"", false)] {
            let body =
                format!(r#"{{"issuer":"https://a/","jwks_uri":"https://a/keys","introspection_endpoint":{endpoint}}}"#);
            assert_eq!(believe(body.as_bytes(), &at, "https://a/").unwrap().introspection.is_some(), there);
        }
        let body_with = |more: &str| format!(r#"{{"issuer":"https://a/","jwks_uri":"https://a/keys",{more}}}"#);
        let aliases = r#""mtls_endpoint_aliases":{"introspection_endpoint":"https://m/i"}"#;
        let said = believe(body_with(aliases).as_bytes(), &at, "https://a/").unwrap();
        assert_eq!(said.by_certificate.map(|url| url.to_string()).as_deref(), Some("https://m/i"));
        for odd in [r#""mtls_endpoint_aliases":7"#, r#""mtls_endpoint_aliases":{"introspection_endpoint":[]}"#] {
            assert!(believe(body_with(odd).as_bytes(), &at, "https://a/").unwrap().by_certificate.is_none());
        }
        let other = believe(body, &at, "https://a").map(|_| ()).unwrap_err();
        assert_eq!(
            other.to_string(),
            "the metadata at https://a/.well-known/openid-configuration is of another issuer: \
             expected `https://a`, got \"https://a/\""
        );
        let lacking = [&br#"{"issuer":"https://a"}"#[..], br#"{"issuer":"https://a","jwks_uri":"file:///k"}"#];
        for body in lacking {
            assert!(matches!(believe(body, &at, "https://a"), Err(DiscoveryError::Malformed(_))));
        }
    }
}
