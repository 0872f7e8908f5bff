//! Permission: the token's claims hold what the policy wants of them.

use crate::decide::check::Check;
use crate::decide::claims::Claims;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Origin, Quantity};
use crate::decide::reason::Reason;
use serde_json::Value;

/// One rule about one claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The path of the claim, names with dots between.
    pub claim: Box<str>,
    /// The values of which it must be one; a claim that is an array must hold one of them.
    pub any_of: Box<[Value]>,
}

impl Rule {
    fn holds(&self, claims: &Claims) -> bool {
        match claims.at(&self.claim) {
            Some(Value::Array(values)) => values.iter().any(|value| self.any_of.contains(value)),
            Some(value) => self.any_of.contains(value),
            None => false,
        }
    }
}

/// Asks whether every rule holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Permission {
    /// The rules.
    pub rules: Box<[Rule]>,
}

impl Check for Permission {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some(claims) = evidence.claims() else { return Finding::Moot };
        let broken = self.rules.iter().position(|rule| !rule.holds(claims));
        let compared = Compared::about("claims").against(Quantity::Count(self.rules.len() as u64), Origin::Policy);
        match broken {
            None => Finding::pass(compared),
            // The rule is told by its number: its text is the policy's, and the claim's value stays untold.
            Some(index) => Finding::fail(Reason::PolicyDenied, compared.found(Quantity::Count(index as u64 + 1))),
        }
    }
}
