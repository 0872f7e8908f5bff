//! The rules of a policy: for which requests other limits hold than its own. They are asked of verified claims and of the
//! network alone, and all of them are asked, so that their order is of no matter.
//!
//! A rule makes limits tighter, or, where it has leave, looser. Where several have leave the strictest of them holds in
//! place of the policy's own; and whatever any rule tightens stays tight.

use super::check::Check as _;
use super::checks::age::Age;
use super::checks::idle::Idle;
use super::checks::lifetime::Lifetime;
use super::checks::step_up::{self, AuthAge};
use super::claims::Claims;
use super::evidence::Evidence;
use super::finding::{Finding, Limit, Origin};
use super::id::IssuerName;
use super::limits::{Classes, Limits, OFF};
use super::policy::Policy;
use super::session::{Knowledge, OnStateLoss};
use super::session_terms::SessionTerms;
use super::verdict::{Trail, place};
use core::net::IpAddr;
use ipnet::IpNet;
use serde_json::Value;
use std::time::Duration;

/// Who asks: what a rule may look at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The verified claims.
    pub claims: &'a Claims,
    /// Whose they are.
    pub issuer: Option<&'a IssuerName>,
    /// The address of the client. One that is not known is in no network.
    pub peer: Option<IpAddr>,
}

impl<'a> Subject<'a> {
    /// Who asks, if it is known.
    #[must_use]
    pub fn of(evidence: &Evidence<'a>) -> Option<Self> {
        let claims = evidence.claims()?;
        Some(Self { claims, issuer: evidence.rules.map(|rules| &rules.name), peer: evidence.peer })
    }
}

/// What a claim must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// One of these, or, if it is an array, it holds one of them.
    AnyOf(Box<[Value]>),
    /// There, or not there.
    Present(bool),
}

/// What must hold, all of it. What is empty is not asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    /// Claims by their paths.
    pub claims: Box<[(Box<str>, Test)]>,
    /// The issuer is one of these.
    pub issuers: Box<[IssuerName]>,
    /// The client (`client_id`, else `azp`) is one of these.
    pub clients: Box<[Box<str>]>,
    /// `acr` is one of these.
    pub acr: Box<[Box<str>]>,
    /// The client's address is in one of these networks.
    pub within: Box<[IpNet]>,
    /// It is in none of these.
    pub outside: Box<[IpNet]>,
}

impl Condition {
    /// Does it hold?
    #[must_use]
    pub fn holds(&self, subject: &Subject<'_>) -> bool {
        let among = |list: &[Box<str>], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|one| **one == *value))
        };
        let peer = subject.peer.map(|peer| peer.to_canonical());
        let within = |networks: &[IpNet]| peer.is_some_and(|peer| networks.iter().any(|net| net.contains(&peer)));
        among(&self.clients, subject.claims.client())
            && among(&self.acr, subject.claims.acr.as_deref())
            && (self.issuers.is_empty() || subject.issuer.is_some_and(|issuer| self.issuers.contains(issuer)))
            && (self.within.is_empty() || within(&self.within))
            && (self.outside.is_empty() || !within(&self.outside))
            && self.claims.iter().all(|(path, test)| test.holds(subject.claims.at(path)))
    }
}

impl Test {
    fn holds(&self, claim: Option<&Value>) -> bool {
        match (self, claim) {
            (Self::Present(there), claim) => *there == claim.is_some(),
            (Self::AnyOf(accepted), Some(Value::Array(values))) => values.iter().any(|value| accepted.contains(value)),
            (Self::AnyOf(accepted), Some(value)) => accepted.contains(value),
            (Self::AnyOf(_), None) => false,
        }
    }
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// For whom it is.
    pub condition: Condition,
    /// The limits that hold for them besides all others.
    pub tightens: Limits,
    /// The limits that hold for them in place of the policy's own.
    pub relaxes: Limits,
}

/// The rules of a policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When {
    /// The policy's own limits.
    pub own: Limits,
    /// The classes of sign-in that the policy and its rules name, those preferred first.
    pub classes: Box<[Box<str>]>,
    /// What the policy says of sessions beside their limits.
    pub sessions: SessionTerms,
    /// The rules.
    pub rules: Box<[Rule]>,
}

impl When {
    /// The limits that hold for one request; none if no rule is for it, and the policy's own hold.
    #[must_use]
    pub fn limits(&self, subject: &Subject<'_>) -> Option<Limits> {
        let mut sum: Option<(Limits, Limits)> = None;
        for rule in self.rules.iter().filter(|rule| rule.condition.holds(subject)) {
            let (loose, tight) = sum.unwrap_or_default();
            sum = Some((loose.and(&rule.relaxes), tight.and(&rule.tightens)));
        }
        sum.map(|(loose, tight)| loose.or(&self.own).and(&tight).settled())
    }

    /// Answers anew what rules may change.
    fn answer(&self, limits: &Limits, evidence: &Evidence<'_>, trail: &mut Trail) {
        let answers = [
            (LIFETIME, limits.max_lifetime.map(|cap| Lifetime { cap }).ask(evidence)),
            (AGE, limits.max_age.map(|limit| Age { limit }).ask(evidence)),
            (IDLE, limits.idle.map(|limit| self.sessions.idle(limit)).ask(evidence)),
            (ABSOLUTE, limits.absolute.map(|limit| self.sessions.absolute(limit)).ask(evidence)),
            (AUTH_AGE, limits.auth_age.map(|limit| AuthAge { limit }).ask(evidence)),
            (ACR, limits.acr.map_or(Finding::Unasked, |limit| self.acr(limit, evidence))),
        ];
        for (place, answer) in answers {
            if let Some(finding) = trail.get_mut(place) {
                *finding = answer;
            }
        }
    }

    fn acr(&self, limit: Limit<Classes>, evidence: &Evidence<'_>) -> Finding {
        step_up::of_class(self.accepted(limit.value), limit.origin, evidence)
    }

    fn accepted(&self, classes: Classes) -> impl Iterator<Item = &str> + Clone {
        self.classes.iter().enumerate().filter(move |(place, _)| classes.has(*place)).map(|(_, class)| &**class)
    }

    /// Every length that a session can have: the policy's own, and those that rules have leave for.
    fn lengths(&self) -> impl Iterator<Item = Option<Duration>> {
        let loose = self.rules.iter().filter_map(|rule| rule.relaxes.absolute).map(|limit| limit.value);
        let own = std::iter::once(self.own.absolute.map(|limit| limit.value));
        own.chain(loose.map(|length| (length != OFF).then_some(length)))
    }

    fn is_about_sessions(&self) -> bool {
        self.rules.iter().any(|rule| rule.tightens.idle.is_some() || rule.tightens.absolute.is_some())
    }
}

const LIFETIME: usize = place("lifetime");
const AGE: usize = place("age");
const IDLE: usize = place("idle");
const ABSOLUTE: usize = place("absolute");
const AUTH_AGE: usize = place("auth_age");
const ACR: usize = place("acr");

impl Policy {
    /// Answers anew what rules change for this request, and gives the limits that hold then.
    pub(super) fn rule(&self, evidence: &Evidence<'_>, trail: &mut Trail) -> Option<Limits> {
        let when = self.when.as_deref()?;
        let limits = when.limits(&Subject::of(evidence)?)?;
        when.answer(&limits, evidence, trail);
        Some(limits)
    }

    /// The policy's own limits, with the places of classes in this list.
    #[must_use]
    pub fn own_limits(&self, classes: &[Box<str>]) -> Limits {
        let acr = self.acr.as_ref().map(|acr| Limit::new(Classes::of(&acr.among, classes), acr.origin));
        Limits {
            max_age: self.age.map(|age| age.limit),
            max_lifetime: self.lifetime.map(|lifetime| lifetime.cap),
            idle: self.idle.map(|idle| idle.limit),
            absolute: self.absolute.map(|absolute| absolute.limit),
            auth_age: self.auth_age.map(|age| age.limit),
            acr,
        }
    }

    /// The longest silence that is accepted where these limits hold in place of the policy's own.
    #[must_use]
    pub fn idle_under(&self, limits: Option<&Limits>) -> Option<Idle> {
        match (limits, &self.when) {
            (Some(limits), Some(when)) => limits.idle.map(|limit| when.sessions.idle(limit)),
            _ => self.idle,
        }
    }

    /// The longest silence that this session may have where these limits hold.
    #[must_use]
    pub fn longest_silence(&self, limits: Option<&Limits>, session: &Knowledge) -> Option<Duration> {
        let idle = self.idle_under(limits)?;
        Some(session.key().map_or(idle.limit.value, |key| idle.span(key)))
    }

    /// How long ago the user may have signed in, where these limits hold.
    #[must_use]
    pub fn auth_age_under(&self, limits: Option<&Limits>) -> Option<Duration> {
        let own = || self.auth_age.map(|age| age.limit);
        limits.map_or_else(own, |limits| limits.auth_age).map(|limit| limit.value)
    }

    /// The classes of sign-in that are accepted where these limits hold, those preferred first.
    #[must_use]
    pub fn classes_under(&self, limits: Option<&Limits>) -> Vec<&str> {
        match (limits, &self.when) {
            (Some(limits), Some(when)) => limits.acr.map_or(Vec::new(), |acr| when.accepted(acr.value).collect()),
            _ => self.acr.iter().flat_map(|acr| acr.among.iter()).map(|class| &**class).collect(),
        }
    }

    /// Does it, or any of its rules, ask for anything that has to be remembered?
    #[must_use]
    pub fn asks_of_sessions(&self) -> bool {
        self.idle.is_some() || self.absolute.is_some() || self.when.as_deref().is_some_and(When::is_about_sessions)
    }

    /// The shortest silence that ends a session for any request.
    #[must_use]
    pub fn shortest_idle(&self) -> Option<Duration> {
        let rules = self.when.as_deref().into_iter().flat_map(|when| &when.rules);
        let ruled = rules.flat_map(|rule| [rule.tightens.idle, rule.relaxes.idle]).flatten();
        let ruled = ruled.filter(|limit| limit.value != OFF);
        let ruled = ruled.filter_map(|limit| Some(self.when.as_deref()?.sessions.idle(limit)));
        self.idle.into_iter().chain(ruled).map(|idle| idle.shortest()).min()
    }

    /// What to do with a session of which other instances may know more, and cannot be asked: where no silence ends a session,
    /// it is alive whatever others know.
    #[must_use]
    pub fn on_state_loss_under(&self, limits: Option<&Limits>) -> OnStateLoss {
        self.idle_under(limits).map_or(OnStateLoss::Allow, |idle| idle.on_state_loss)
    }

    /// The greatest length of a session that any request can be held to; none if there is one without.
    #[must_use]
    pub fn longest_session(&self) -> Option<Duration> {
        match &self.when {
            None => self.absolute.map(|absolute| absolute.limit.value),
            Some(when) => when.lengths().collect::<Option<Vec<_>>>()?.into_iter().max(),
        }
    }
}

/// How many rules a policy may have.
pub const MOST: usize = NAMES.len();

/// What a rule is called where a limit is told.
#[must_use]
pub fn name(place: u8) -> &'static str {
    NAMES.get(usize::from(place)).copied().unwrap_or("when")
}

/// The origin of what a rule says.
#[must_use]
pub fn origin(place: usize) -> Origin {
    Origin::Rule(u8::try_from(place).unwrap_or(u8::MAX))
}

macro_rules! names {
    ($($place:literal)*) => { &[$(concat!("when[", $place, "]")),*] };
}

const NAMES: &[&str] = names!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
