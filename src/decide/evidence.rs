//! All that is known about one request at one moment. Gathering it is not done here: that is `token/gather`.

use super::claims::{Claims, Token};
use super::id::{CertificateThumbprint, Thumbprint};
use super::introspection::Introspection;
use super::reason::Reason;
use super::revocation::Knowledge;
use super::rules::IssuerRules;
use super::session;
use super::time::{Moment, Timestamp};
use core::net::IpAddr;

/// What was found where a token may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Exactly one token.
    One,
    /// Nothing, or nothing that counts as a token; the reason says which.
    Unusable(Reason),
}

/// As what a token was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scheme {
    /// As a bearer token (RFC 6750 §2.1); a token in a cookie is one too.
    #[default]
    Bearer,
    /// As a token whose key the client proves to hold (RFC 9449 §7.1).
    Dpop,
}

/// The proof that came with a request (RFC 9449 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Proof {
    /// There is none.
    #[default]
    Absent,
    /// It proves nothing: what is wrong with it, in words of our own.
    Flawed(&'static str),
    /// It was signed for this token, on a request of this method to this address.
    Signed(Signed),
}

/// A proof whose signature was verified. When it was made, by which key, and whether it was used is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The key that signed it.
    pub key: Thumbprint,
    /// When it was made.
    pub issued: Timestamp,
    /// Was it used before?
    pub usage: Usage,
    /// The nonce it carries, where one is asked for.
    pub nonce: Nonce,
}

/// The nonce in a proof (RFC 9449 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Nonce {
    /// There is none, or nobody asked.
    #[default]
    Absent,
    /// Not one of ours.
    Foreign,
    /// One of ours, made at this instant.
    Made(Timestamp),
}

/// Whether a proof was used before (RFC 9449 §11.1). Using it is asked for only when nothing else stands against the
/// request: until then every proof counts as unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Usage {
    /// This is its first use.
    #[default]
    First,
    /// It was used before.
    Again,
    /// It cannot be told, and could not be remembered.
    Unknown,
}

/// How far a token got on its way to be trusted. Each stage is a question of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Its form.
    Form,
    /// Its algorithm and critical extensions.
    Algorithm,
    /// Its issuer.
    Issuer,
    /// Its key.
    Key,
    /// Its signature.
    Signature,
}

/// Why a token cannot be trusted: what failed, where, and what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The stage that failed.
    pub stage: Stage,
    /// The reason it gives.
    pub reason: Reason,
    /// What exactly was wrong, in words of our own.
    pub detail: &'static str,
}

/// The token, as far as it could be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading<'a> {
    /// There is none to read.
    Absent,
    /// It is not to be trusted.
    Flawed(Flaw),
    /// Its signature was verified.
    Trusted(&'a Token),
}

/// All that is known about one request at one moment.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// The one instant of the judgement.
    pub moment: Moment,
    /// What was found where a token may be.
    pub credential: Credential,
    /// The token, as far as it could be read.
    pub token: Reading<'a>,
    /// The rules of its issuer.
    pub rules: Option<&'a IssuerRules>,
    /// What is known about its revocation.
    pub revocation: Knowledge,
    /// As what the token was presented.
    pub scheme: Scheme,
    /// The proof that came with it.
    pub proof: Proof,
    /// The certificate of the client whose connection it came over.
    pub certificate: Option<CertificateThumbprint>,
    /// What is known of its session.
    pub session: session::Knowledge,
    /// What its issuer says of it.
    pub introspection: Introspection,
    /// The address of the client, as the connection tells it.
    pub peer: Option<IpAddr>,
}

impl<'a> Evidence<'a> {
    /// The verified token.
    #[must_use]
    pub fn token(&self) -> Option<&'a Token> {
        if let Reading::Trusted(token) = self.token { Some(token) } else { None }
    }

    /// The claims of a verified token, if they could be read.
    #[must_use]
    pub fn claims(&self) -> Option<&'a Claims> {
        self.token().and_then(|token| token.claims.as_ref().ok())
    }

    /// Trusted claims with their issuer's rules: the ground of most questions.
    #[must_use]
    pub fn ground(&self) -> Option<(&'a Claims, &'a IssuerRules)> {
        Some((self.claims()?, self.rules?))
    }
}
