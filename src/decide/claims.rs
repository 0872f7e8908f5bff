//! What a verified token says, typed. A missing claim is an `Option`, never a default.
//! Reading the bytes is not done here: that is `token/`.

use super::id::{CertificateThumbprint, KeyId, Thumbprint};
use super::revocation::Handles;
use super::rules::Algorithm;
use super::status::StatusClaim;
use super::time::Timestamp;
use serde_json::{Map, Value};

/// The claims that the checks read (RFC 7519 §4.1, RFC 9068 §2.2), and the rest as they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims {
    /// `iss`.
    pub issuer: Box<str>,
    /// `sub`.
    pub subject: Option<Box<str>>,
    /// `aud`: one or several.
    pub audience: Option<Box<[Box<str>]>>,
    /// `exp`.
    pub expires: Option<Timestamp>,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `iat`.
    pub issued: Option<Timestamp>,
    /// `auth_time`: when the user signed in.
    pub auth_time: Option<Timestamp>,
    /// `jti`.
    pub token_id: Option<Box<str>>,
    /// `client_id`.
    pub client_id: Option<Box<str>>,
    /// `azp`: the client, as providers before RFC 9068 say it.
    pub authorized_party: Option<Box<str>>,
    /// The session, by the claim that the issuer's settings name.
    pub session: Option<Box<str>>,
    /// `acr`.
    pub acr: Option<Box<str>>,
    /// `scope` or `scp`, split.
    pub scopes: Option<Box<[Box<str>]>>,
    /// `cnf`: is the token bound to its sender?
    pub confirmation: Confirmation,
    /// `status`: where it is listed.
    pub status: StatusClaim,
    /// Does it carry what only ID tokens, logout tokens and events do (`nonce`, `at_hash`, `c_hash`, `events`)?
    pub foreign: bool,
    /// Every other claim.
    pub rest: Map<String, Value>,
}

impl Claims {
    /// The client: `client_id`, else `azp`.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client_id.as_deref().or(self.authorized_party.as_deref())
    }

    /// A claim by a path of names with dots between, such as `realm_access.roles`. A claim whose own name
    /// has dots in it is found first.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Value> {
        if let Some(value) = self.rest.get(path) {
            return Some(value);
        }
        let (first, others) = path.split_once('.')?;
        others.split('.').try_fold(self.rest.get(first)?, |value, name| value.get(name))
    }
}

/// How a token is bound to its sender (RFC 7800 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Confirmation {
    /// It is a bearer token.
    #[default]
    Unbound,
    /// `cnf.jkt`: to the DPoP key of this thumbprint (RFC 9449 §6.1).
    Dpop(Thumbprint),
    /// `cnf.x5t#S256`: to the client certificate of this thumbprint (RFC 8705 §3.1).
    Certificate(CertificateThumbprint),
    /// In a way that we do not know.
    Unknown,
}

/// A claim that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimFault {
    /// Which one.
    pub claim: &'static str,
    /// What it should have been.
    pub expected: &'static str,
}

/// The `typ` of a token's header (RFC 7515 §4.1.9, RFC 9068 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TokenType {
    /// None was given.
    #[default]
    Absent,
    /// `JWT`, which says nothing.
    Jwt,
    /// `at+jwt`.
    AccessToken,
    /// A token of another kind.
    Other,
}

/// A token whose signature was verified with a key of its issuer. Only `token/verify` makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its `typ`.
    pub kind: TokenType,
    /// The algorithm it was verified with.
    pub algorithm: Algorithm,
    /// The key it was verified with.
    pub key: KeyId,
    /// Does its header carry a key (`jwk`, `jku`, `x5u`, `x5c`)? It was not used.
    pub key_header: bool,
    /// What it says.
    pub claims: Result<Claims, ClaimFault>,
    /// The names under which it may be revoked.
    pub handles: Handles,
}
