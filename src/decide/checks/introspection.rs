//! Introspection: the issuer itself says that the token is active (RFC 7662). It is asked last: only about a token
//! against which nothing else stands, so that nobody aims the gateway at the issuer with tokens that are refused anyway.

use super::freshness::{Freshness, OnStale};
use super::status::Status;
use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Limit, Quantity};
use crate::decide::introspection::{Answer, Had, Introspection as Known, Told};
use crate::decide::reason::Reason;
use crate::decide::verdict::Verdict;

/// When the issuer is asked about a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntrospectionRule {
    /// Not at all.
    #[default]
    Never,
    /// While what is known of revocations is not fresh.
    WhenStale,
    /// Always; the answer is kept for a short while.
    Always,
}

/// When the issuer is asked about a session that there is no room to remember: where a limit of it had to be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Not at all.
    #[default]
    Never,
    /// If the token does not say when its user signed in: the policy limits how long sessions are, and no more.
    Undated,
    /// Always: the policy limits how long they are left alone.
    Always,
}

/// Asks that the issuer says the token is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// When it is asked.
    pub rule: Limit<IntrospectionRule>,
    /// What else decides whether it is: the policy's own.
    pub freshness: Freshness,
    /// The same of status lists.
    pub status: Option<Status>,
    /// Is it asked about sessions that there is no room to remember?
    pub when_full: WhenFull,
}

/// How much depends on the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    /// Nothing: it is not asked.
    None,
    /// What was known last holds where there is no answer.
    Wish,
    /// Without an answer there is no admission.
    Must,
}

impl Check for Introspection {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        if evidence.claims().is_none() {
            return Finding::Moot;
        }
        let (need, known) = (self.need(evidence), evidence.introspection);
        let nothing = Compared::about("introspection");
        match (need, known) {
            // Who was asked and says no is not overheard, though what is known of revocations is fresh by now.
            (_, Known::Told(told)) if told.answer == Answer::Inactive => self.told(need, told),
            (Need::None, _) => Finding::Unasked,
            (_, Known::Offline) => Finding::pass(nothing.found(Quantity::Word("not asked: nobody is asked offline"))),
            (Need::Wish, Known::Unasked) => Finding::pass(nothing.found(Quantity::Word("not asked"))),
            (Need::Must, Known::Unasked) => unknown(nothing.found(Quantity::Word("not asked"))),
            (_, Known::Told(told)) => self.told(need, told),
        }
    }
}

impl Introspection {
    /// Is the issuer to be asked now? Not if anything else stands against the request, whatever it would say.
    #[must_use]
    pub fn is_due(&self, evidence: &Evidence<'_>, verdict: &Verdict) -> bool {
        evidence.introspection == Known::Unasked
            && verdict.reason().is_none_or(|reason| reason == Reason::IntrospectionUnavailable)
            && evidence.claims().is_some()
            && self.need(evidence) != Need::None
    }

    fn need(&self, evidence: &Evidence<'_>) -> Need {
        let of = |remedy: Option<OnStale>| match (remedy, self.rule.value) {
            (Some(OnStale::Introspect), _) => Need::Must,
            (Some(OnStale::Allow), IntrospectionRule::WhenStale) => Need::Wish,
            _ => Need::None,
        };
        if self.rule.value == IntrospectionRule::Always || self.stands_in(evidence) {
            return Need::Must;
        }
        let listed = self.status.as_ref().and_then(|status| status.remedy(evidence));
        of(self.freshness.remedy(evidence)).max(of(listed))
    }

    /// Does its word stand in for what could not be remembered?
    fn stands_in(&self, evidence: &Evidence<'_>) -> bool {
        let is_dated = || evidence.claims().is_some_and(|claims| claims.auth_time.is_some());
        evidence.session.is_unkept()
            && match self.when_full {
                WhenFull::Never => false,
                WhenFull::Undated => !is_dated(),
                WhenFull::Always => true,
            }
    }

    fn told(&self, need: Need, told: Told) -> Finding {
        let (subject, span) = match told.had {
            Had::Asked(took) => ("introspection (asked)", took),
            Had::Cached(age) => ("introspection (cached)", age),
        };
        let compared = Compared { origin: self.rule.origin, ..Compared::about(subject) };
        match told.answer {
            Answer::Active => Finding::pass(compared.found(span)),
            Answer::Inactive => Finding::fail(Reason::IntrospectionInactive, compared.found(span)),
            Answer::Unknown(why) if need == Need::Wish => {
                let compared = Compared { subject: "introspection (unknown, allowed)", ..compared };
                Finding::pass(compared.found(Quantity::Word(why)))
            }
            Answer::Unknown(why) => unknown(compared.found(Quantity::Word(why))),
        }
    }
}

fn unknown(compared: Compared) -> Finding {
    Finding::fail(Reason::IntrospectionUnavailable, compared)
}
