//! What a token claims whose signature did not verify. It is for the eyes of the operator only: nothing here
//! is ever a reason, a label, or a name that a decision goes by; but `iss` may say which of the configured issuers'
//! keys were missing.

use crate::decide::claims::Claims;
use crate::decide::time::Timestamp;

/// Unverified claims, as far as they could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Untrusted {
    /// The `alg` it names.
    pub algorithm: Option<&'static str>,
    /// The `kid` it names.
    pub kid: Option<Box<str>>,
    /// Its `iss`.
    pub issuer: Option<Box<str>>,
    /// Its `sub`: to be hashed before it is told.
    pub subject: Option<Box<str>>,
    /// Its `jti`: to be hashed before it is told.
    pub token_id: Option<Box<str>>,
    /// Its `exp`.
    pub expires: Option<Timestamp>,
    /// Its `iat`.
    pub issued: Option<Timestamp>,
}

impl Untrusted {
    /// What unverified claims say.
    #[must_use]
    pub fn of(claims: Claims, algorithm: &'static str, kid: Option<Box<str>>) -> Self {
        Self {
            algorithm: Some(algorithm),
            kid,
            issuer: Some(claims.issuer),
            subject: claims.subject,
            token_id: claims.token_id,
            expires: claims.expires,
            issued: claims.issued,
        }
    }
}
