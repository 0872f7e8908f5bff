//! THE table of questions, in the order asked. One line is a check's config key, its order, its name in
//! traces and metrics, and its documentation.

use super::check::Check;
use super::checks::absolute::Absolute;
use super::checks::age::Age;
use super::checks::algorithm::AlgorithmAllowed;
use super::checks::audience::Audience;
use super::checks::binding::Binding;
use super::checks::claims::Required;
use super::checks::expiry::Expiry;
use super::checks::form::Form;
use super::checks::freshness::Freshness;
use super::checks::idle::Idle;
use super::checks::introspection::Introspection;
use super::checks::issued::Issued;
use super::checks::issuer::IssuerTrusted;
use super::checks::key::Key;
use super::checks::lifetime::Lifetime;
use super::checks::not_before::NotBefore;
use super::checks::permission::Permission;
use super::checks::presence::Presence;
use super::checks::revocation::Revocation;
use super::checks::scope::Scope;
use super::checks::signature::Signature;
use super::checks::status::Status;
use super::checks::step_up::{Acr, AuthAge};
use super::checks::token_type::AccessTokenType;
use super::evidence::Evidence;
use super::id::PolicyName;
use super::verdict::Verdict;
use super::when::When;

/// A question, as traces and people see it.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name in traces and metrics.
    pub name: &'static str,
    /// The question in words.
    pub text: &'static str,
}

macro_rules! policy {
    ($($text:literal $name:ident: $check:ty,)*) => {
        /// What a route asks of a token. A policy that exists can be judged by.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Policy {
            /// Its name.
            pub name: PolicyName,
            /// Its rules, where other limits hold for some.
            pub when: Option<Box<When>>,
            $(#[doc = $text] pub $name: $check,)*
        }

        /// Every question, in the order asked.
        pub const QUESTIONS: &[Question] = &[$(Question { name: stringify!($name), text: $text },)*];

        impl Policy {
            /// Judges: every question is asked, always; the first failure names the reason.
            #[must_use]
            pub fn judge(&self, evidence: &Evidence<'_>) -> Verdict {
                let mut verdict = Verdict::unsettled([$(self.$name.ask(evidence),)*]);
                verdict.limits = self.rule(evidence, &mut verdict.trail);
                verdict.settle(evidence.ground().is_some());
                verdict
            }
        }
    };
}

policy! {
    "Was exactly one token presented?"                     presence: Presence,
    "Is it a well-formed, signed JWT?"                     form: Form,
    "Is its signature algorithm one that is allowed?"      algorithm: AlgorithmAllowed,
    "Is its issuer trusted on this route?"                 issuer: IssuerTrusted,
    "Is its signing key known?"                            key: Key,
    "Does its signature verify?"                           signature: Signature,
    "Is it an access token?"                               token_type: AccessTokenType,
    "Are the claims that are needed there, and in form?"   claims: Required,
    "Is it presented by whom it is bound to?"              binding: Binding,
    "Is it meant for this audience?"                       audience: Audience,
    "Has its time begun?"                                  not_before: NotBefore,
    "Is its time not over?"                                expiry: Expiry,
    "Was it issued in the past?"                           issued: Issued,
    "Is its whole lifetime short enough?"                  lifetime: Option<Lifetime>,
    "Is it young enough for this route?"                   age: Option<Age>,
    "Is what we know of revocations fresh?"                freshness: Freshness,
    "Is it clear of all revocations?"                      revocation: Revocation,
    "Does its status list say that it is valid?"           status: Option<Status>,
    "Has its session not reached its greatest length?"     absolute: Option<Absolute>,
    "Was its session never left alone for too long?"       idle: Option<Idle>,
    "Did its user sign in recently enough for this route?" auth_age: Option<AuthAge>,
    "Did its user sign in strongly enough for this route?" acr: Option<Acr>,
    "Does it carry the scopes that are needed?"            scope: Option<Scope>,
    "Do its claims permit this?"                           permission: Option<Permission>,
    "Does its issuer say that it is active?"               active: Option<Introspection>,
}
