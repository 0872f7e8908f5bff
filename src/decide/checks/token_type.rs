//! Token type: an access token, and none of its issuer's other tokens (RFC 9068 §4, RFC 8725 §3.11 and §3.12).

use crate::decide::check::Check;
use crate::decide::claims::{Claims, TokenType};
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Quantity};
use crate::decide::reason::Reason;
use crate::decide::rules::Profile;

/// Asks for an access token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessTokenType;

impl Check for AccessTokenType {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let (Some(token), Some(rules)) = (evidence.token(), evidence.rules) else { return Finding::Moot };
        let fault = match (rules.profile, token.kind) {
            (_, TokenType::AccessToken) => None,
            (Profile::Rfc9068, _) => Some("a 'typ' other than at+jwt"),
            (Profile::Legacy, TokenType::Other) => Some("a 'typ' of another kind of token"),
            (Profile::Legacy, _) => token.claims.as_ref().ok().and_then(disguise),
        };
        let compared = Compared::about("typ");
        match fault {
            None => Finding::pass(compared),
            Some(fault) => Finding::fail(Reason::TokenTypeInvalid, compared.found(Quantity::Word(fault))),
        }
    }
}

/// Without a `typ` that says so, an access token must look like one, and like nothing else.
fn disguise(claims: &Claims) -> Option<&'static str> {
    if claims.foreign {
        return Some("claims of an ID token, a logout token or an event");
    }
    let marked = claims.scopes.is_some() || claims.client().is_some();
    (!marked).then_some("neither a scope nor a client")
}
