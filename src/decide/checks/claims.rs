//! Claims: those that are needed are there, each in its form, and none contradicts another
//! (RFC 9068 §2.2, RFC 7519 §4.1).

use crate::decide::check::Check;
use crate::decide::claims::Claims;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Quantity};
use crate::decide::reason::Reason;
use crate::decide::rules::Profile;

/// Asks for the claims of the issuer's profile, and those that the policy adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Required {
    /// Claims that the policy needs besides.
    pub also: Box<[&'static str]>,
}

/// A claim that a policy may ask for by name: whether it is there.
type Present = fn(&Claims) -> bool;

/// The claims that can be required, by their registered names.
const KNOWN: &[(&str, Present)] = &[
    ("exp", |claims| claims.expires.is_some()),
    ("iat", |claims| claims.issued.is_some()),
    ("nbf", |claims| claims.not_before.is_some()),
    ("aud", |claims| claims.audience.is_some()),
    ("sub", |claims| claims.subject.is_some()),
    ("jti", |claims| claims.token_id.is_some()),
    ("client_id", |claims| claims.client().is_some()),
    ("auth_time", |claims| claims.auth_time.is_some()),
    ("acr", |claims| claims.acr.is_some()),
    ("sid", |claims| claims.session.is_some()),
    ("scope", |claims| claims.scopes.is_some()),
];

impl Required {
    /// The registered name of a claim that can be required.
    #[must_use]
    pub fn known(name: &str) -> Option<&'static str> {
        KNOWN.iter().map(|(known, _)| *known).find(|known| *known == name)
    }

    /// The names of all claims that can be required.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, _)| *name)
    }
}

impl Check for Required {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let (Some(token), Some(rules)) = (evidence.token(), evidence.rules) else { return Finding::Moot };
        let claims = match &token.claims {
            Ok(claims) => claims,
            Err(fault) => return malformed(fault.claim, fault.expected),
        };
        let profile: &[&'static str] = match rules.profile {
            Profile::Rfc9068 => &["exp", "aud", "sub", "client_id", "iat", "jti"],
            Profile::Legacy => &["exp"],
        };
        match profile.iter().chain(&self.also).find(|name| !has(claims, name)) {
            Some(name) => Finding::fail(Reason::ClaimMissing, Compared::about(name)),
            None => consistent(claims),
        }
    }
}

fn has(claims: &Claims, name: &str) -> bool {
    KNOWN.iter().any(|(known, present)| *known == name && present(claims))
}

/// A token that ends before it begins is not to be interpreted (JWT-21).
fn consistent(claims: &Claims) -> Finding {
    let ends_by = |start| claims.expires.zip(start).is_some_and(|(end, start)| end <= start);
    if ends_by(claims.issued) {
        malformed("exp", "later than 'iat'")
    } else if ends_by(claims.not_before) {
        malformed("exp", "later than 'nbf'")
    } else {
        Finding::pass(Compared::about("claims"))
    }
}

fn malformed(claim: &'static str, expected: &'static str) -> Finding {
    let compared = Compared { allowed: Quantity::Word(expected), ..Compared::about(claim) };
    Finding::fail(Reason::ClaimsMalformed, compared)
}
