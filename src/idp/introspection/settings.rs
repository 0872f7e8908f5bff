//! What the config says of asking an issuer about its tokens: the `introspection` block of an issuer.

use crate::decide::rules::Algorithm;
use crate::idp::guard::Allowed;
use crate::idp::settings::{KeySource, Misfit, address_misfit};
use crate::idp::web_url::WebUrl;
use crate::settings::{Secret, Span};
use crate::state::introspection::Limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How an issuer is asked about a token (RFC 7662). When it is asked is said by policies.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionSettings {
    /// Where it is asked: over https, of which it is known as its keys are (`ca`, `allow_private_network`, `allow_http`).
    /// Default: the `introspection_endpoint` of its metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<WebUrl>,
    /// How the gateway says who it is: `{client_secret_basic: …}`, `{client_secret_post: …}`, `{private_key_jwt: …}`,
    /// `{tls_client_auth: …}` or `{bearer: …}`.
    pub auth: ClientAuth,
    /// Ask for a signed answer (RFC 9701), and take no other. Default `false`.
    #[serde(default)]
    pub signed: bool,
    /// How long one question may take. Requests wait for so long, and are then answered 503. Default `2s`, at most `30s`.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// How long `active` is good for: so long a token may pass after its issuer revoked it. Never past the `exp` of the
    /// answer. `0s`: every request asks. Default `10s`, at most `5m`.
    #[serde(default = "active_for")]
    pub active_for: Span,
    /// How long `inactive` is good for. Default `1m`, at most `1h`.
    #[serde(default = "inactive_for")]
    pub inactive_for: Span,
    /// How many answers of each kind are kept: some 200 bytes each. Beyond it the oldest are asked for again. Default
    /// 100000.
    #[serde(default = "max_entries")]
    pub max_entries: usize,
    /// How many questions may be open at once; a request beyond it is answered 503 at once. Default 64.
    #[serde(default = "max_in_flight")]
    pub max_in_flight: usize,
    /// After so many failures in a row the issuer is left alone for `pause`, and requests are answered 503 at once.
    /// Default 5.
    #[serde(default = "max_failures")]
    pub max_failures: u32,
    /// For how long it is left alone, before one question tries whether it is back. Default `5s`.
    #[serde(default = "pause")]
    pub pause: Span,
}

fn timeout() -> Span {
    Span::secs(2)
}
fn active_for() -> Span {
    Span::secs(10)
}
fn inactive_for() -> Span {
    Span::mins(1)
}
const fn max_entries() -> usize {
    100_000
}
const fn max_in_flight() -> usize {
    64
}
const fn max_failures() -> u32 {
    5
}
fn pause() -> Span {
    Span::secs(5)
}

/// How the gateway says who it is (RFC 7662 §2.1).
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "IntrospectionAuth")]
pub enum ClientAuth {
    /// Client and secret in `Authorization: Basic` (RFC 6749 §2.3.1).
    ClientSecretBasic(ClientSecret),
    /// Client and secret in the body.
    ClientSecretPost(ClientSecret),
    /// A token of the gateway's own, in `Authorization: Bearer`.
    Bearer(Secret),
    /// A token that the gateway signs for each question (OpenID Connect Core §9, RFC 7523 §2.2): no secret is shared.
    PrivateKeyJwt(Box<PrivateKeyJwt>),
    /// A certificate of the gateway's own, shown when it connects (RFC 8705 §2.1, or §2.2 where it is signed by itself).
    /// Needs an endpoint with https; found in the metadata, it is the one of `mtls_endpoint_aliases` where that is there.
    TlsClientAuth(TlsClientAuth),
}

/// A client of the issuer that signs who it is.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrivateKeyJwt {
    /// The client's id: `iss` and `sub` of what is signed.
    pub client_id: String,
    /// The private key, PKCS#8 in PEM. Looked at again and again: another one is used within a second. With RSA each
    /// question costs about a millisecond of the thread that refreshes keys too, with P-256 hardly anything.
    pub key: PathBuf,
    /// The `kid` by which the issuer knows the key. Default: none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// `RS256` or `PS256`, `ES256`, `ES384`, `EdDSA` or `Ed25519`. Default: the first that the key is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    /// For whom it is signed (`aud`). Default: the issuer; some want the URL of their token endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// How long what is signed is good for: as long as clocks may differ and a question may take. Default `1m`, from `10s`
    /// to `5m`.
    #[serde(default = "lifetime")]
    pub lifetime: Span,
}

fn lifetime() -> Span {
    Span::mins(1)
}

/// A client of the issuer that is known by its certificate.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsClientAuth {
    /// The client's id.
    pub client_id: String,
    /// Its certificates, PEM, its own first. Looked at again and again: with another one, connections are made anew.
    pub cert: PathBuf,
    /// The private key, PEM. Looked at in the same way.
    pub key: PathBuf,
}

/// A client of the issuer, and its secret.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientSecret {
    /// The client's id.
    pub client_id: String,
    /// Its secret, read when the config is loaded.
    pub client_secret: Secret,
}

impl ClientAuth {
    /// The secret in it, and its place in this block.
    #[must_use]
    pub const fn secret(&self) -> Option<(&'static str, &Secret)> {
        match self {
            Self::ClientSecretBasic(client) => Some(("client_secret_basic.client_secret", &client.client_secret)),
            Self::ClientSecretPost(client) => Some(("client_secret_post.client_secret", &client.client_secret)),
            Self::Bearer(secret) => Some(("bearer", secret)),
            Self::PrivateKeyJwt(_) | Self::TlsClientAuth(_) => None,
        }
    }

    /// The files in it that are looked at while the gateway runs, and their places in this block.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, &Path)> {
        match self {
            Self::PrivateKeyJwt(of) => vec![("private_key_jwt.key", &of.key)],
            Self::TlsClientAuth(of) => vec![("tls_client_auth.cert", &of.cert), ("tls_client_auth.key", &of.key)],
            Self::ClientSecretBasic(_) | Self::ClientSecretPost(_) | Self::Bearer(_) => Vec::new(),
        }
    }

    /// The id by which the issuer knows the gateway.
    pub(super) fn client_id(&self) -> Option<&str> {
        match self {
            Self::ClientSecretBasic(client) | Self::ClientSecretPost(client) => Some(&client.client_id),
            Self::PrivateKeyJwt(of) => Some(&of.client_id),
            Self::TlsClientAuth(of) => Some(&of.client_id),
            Self::Bearer(_) => None,
        }
    }

    /// What does not go together in it.
    fn misfits(&self, endpoint: Option<&WebUrl>) -> Option<Misfit> {
        let tell = |field, told: &str| Some(Misfit { field, told: told.to_owned() });
        match self {
            Self::PrivateKeyJwt(of) if of.lifetime < Span::secs(10) || of.lifetime > Span::mins(5) => tell(
                "introspection.auth.private_key_jwt.lifetime",
                "from `10s`, in which it must arrive, to `5m`, in which whoever sees it can be the gateway",
            ),
            Self::PrivateKeyJwt(of) if of.algorithm.is_some_and(|one| !SIGNS.contains(&one)) => tell(
                "introspection.auth.private_key_jwt.algorithm",
                "one of `RS256`, `PS256`, `ES256`, `ES384`, `EdDSA` and `Ed25519`",
            ),
            Self::TlsClientAuth(_) if endpoint.is_some_and(|url| !url.is_secure()) => {
                tell("introspection.endpoint", "nobody is known by a certificate over plain http: an https address")
            }
            _ => None,
        }
    }
}

/// What the gateway can sign with.
const SIGNS: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::Ed25519];

impl IntrospectionSettings {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            active_for: self.active_for.get(),
            inactive_for: self.inactive_for.get(),
            entries: self.max_entries,
            in_flight: self.max_in_flight,
            timeout: self.timeout.get(),
            failures: self.max_failures,
            pause: self.pause.get(),
        }
    }

    /// What does not go together in these settings, and with those of the issuer.
    pub(in crate::idp) fn misfits(&self, keys: &KeySource, allowed: Allowed) -> Vec<Misfit> {
        let mut told = Vec::new();
        match (&self.endpoint, keys) {
            (Some(url), _) => told.extend(address_misfit("introspection.endpoint", Some(url), allowed)),
            (None, KeySource::Discovery(_)) => {}
            (None, _) => told.push(Misfit {
                field: "introspection",
                told: "no `endpoint` is named, and the issuer's metadata, which would name it, is not read".into(),
            }),
        }
        told.extend(self.auth.misfits(self.endpoint.as_ref()));
        let mut tell = |wrong: bool, field, what: &str| {
            told.extend(wrong.then(|| Misfit { field, told: what.to_owned() }));
        };
        let timed = self.timeout > Span::ZERO && self.timeout <= Span::secs(30);
        tell(!timed, "introspection.timeout", "a request waits for so long: more than `0s`, at most `30s`");
        tell(
            self.active_for > Span::mins(5),
            "introspection.active_for",
            "at most `5m`: so long a revoked token passes",
        );
        tell(self.inactive_for > Span::hours(1), "introspection.inactive_for", "at most `1h`");
        tell(self.max_in_flight == 0, "introspection.max_in_flight", "nobody could ask anything: write `64`");
        tell(self.max_in_flight > 4096, "introspection.max_in_flight", "at most 4096 questions at once");
        tell(self.max_entries > 10_000_000, "introspection.max_entries", "at most 10000000 answers");
        tell(
            self.max_failures == 0,
            "introspection.max_failures",
            "no failure at all is not failures in a row: write `5`",
        );
        tell(self.pause == Span::ZERO, "introspection.pause", "left alone for no time is not left alone: write `5s`");
        let nameless = self.signed && self.auth.client_id().is_none();
        tell(
            nameless,
            "introspection.signed",
            "a signed answer is for one client, and `bearer` names none (RFC 9701 §5)",
        );
        tell(
            self.signed && matches!(keys, KeySource::Secret(_)),
            "introspection.signed",
            "a signed answer needs an issuer with public keys",
        );
        told
    }
}
