//! What one issuer's tokens must be like: the issuer's half of a policy.

use super::finding::Limit;
use super::id::IssuerName;
use std::time::Duration;

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
    Ed25519,
    HS256,
    HS384,
    HS512,
}

impl Algorithm {
    /// Every algorithm that Curfew can verify.
    pub const ALL: &'static [Self] = &[
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::Ed25519,
        Self::HS256,
        Self::HS384,
        Self::HS512,
    ];

    /// Those that a DPoP proof may be signed with: asymmetric ones (RFC 9449 §4.2, §11.6).
    pub const OF_PROOFS: &'static [Self] =
        &[Self::ES256, Self::ES384, Self::ES512, Self::EdDSA, Self::Ed25519, Self::PS256, Self::RS256];

    /// The `alg` value, compared byte for byte.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// The algorithm of an `alg` value, compared byte for byte (JWT-06).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    /// Does it verify with a shared secret?
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Algorithms(u16);

impl Algorithms {
    /// Is it in the set?
    #[must_use]
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & algorithm.bit() != 0
    }
}

impl FromIterator<Algorithm> for Algorithms {
    fn from_iter<T: IntoIterator<Item = Algorithm>>(items: T) -> Self {
        Self(items.into_iter().fold(0, |bits, algorithm| bits | algorithm.bit()))
    }
}

/// Which rules tell an access token from the other tokens of its issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// RFC 9068: `typ` is `at+jwt`, and the seven claims of its §2.2 are there.
    #[default]
    Rfc9068,
    /// Providers from before it: `typ` may be missing or `JWT`, and then the token must carry a scope or
    /// a client and nothing that only an ID token or a logout token has.
    Legacy,
}

/// What one issuer's tokens must be like.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerRules {
    /// Its name in the config.
    pub name: IssuerName,
    /// The `iss` its tokens carry, compared byte for byte (JWT-23).
    pub issuer: Box<str>,
    /// The algorithms its tokens may be signed with.
    pub algorithms: Algorithms,
    /// How its access tokens are told apart.
    pub profile: Profile,
    /// By how much its clock and ours may differ (RFC 7519 §4.1.4).
    pub leeway: Limit<Duration>,
    /// Who its tokens may be meant for, where the policy does not say; `None` accepts any audience.
    pub audiences: Option<Box<[Box<str>]>>,
    /// Refuse tokens whose header carries a key, instead of ignoring it.
    pub strict_header: bool,
}
