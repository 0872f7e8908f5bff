//! Jitter: there is a limit for it to spread, and what is left of that is a limit that can be kept.

use std::time::Duration;

use super::tell::Faults;
use crate::control::config::{Fault, Spans, join};
use crate::control::settings::Config;
use crate::decide::finding::Limit;
use crate::decide::limits::{Limits, OFF};
use crate::decide::policy::Policy;
use crate::proxy::policies;
use crate::proxy::sessions::SessionPolicy;
use crate::settings::{OrOff, Span};

/// One of the two, and the limit it is for.
struct Kind {
    name: &'static str,
    limit: &'static str,
    /// What part of the limit it may be, at most.
    part: u32,
    /// What is wrong where there is no such limit.
    vain: &'static str,
    /// What is wrong where it leaves too little.
    whole: &'static str,
    said: fn(&SessionPolicy) -> Option<Span>,
    usual: fn(&SessionPolicy) -> Option<OrOff<Span>>,
    of: fn(&Limits) -> Option<Limit<Duration>>,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "jitter",
        limit: "absolute",
        part: 1,
        vain: "there is no greatest length to be spread",
        whole: "some sessions would end as they begin",
        said: |session| session.jitter,
        usual: |session| session.absolute,
        of: |limits| limits.absolute,
    },
    Kind {
        name: "idle_jitter",
        limit: "idle",
        part: 2,
        vain: "there is no idle limit to be spread",
        whole: "some sessions would end after less than half of `idle`",
        said: |session| session.idle_jitter,
        usual: |session| session.idle,
        of: |limits| limits.idle,
    },
];

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    let usual = &config.defaults.session;
    let policies = config.policies.iter().map(|(name, settings)| {
        (name, &settings.session, policies::build(name, settings, &config.defaults, config.sessions.at_bound()))
    });
    let policies: Vec<(&String, &SessionPolicy, Policy)> = policies.collect();
    for kind in &KINDS {
        let is_spread = policies.iter().any(|(.., policy)| kind.shortest(policy).is_some());
        let limit = (kind.usual)(usual).and_then(OrOff::on).map(Span::get);
        kind.judge("defaults", (kind.said)(usual), (limit, is_spread), &mut faults);
        for (name, session, policy) in &policies {
            let own = (kind.said)(session);
            let jitter = own.or((kind.said)(usual));
            kind.judge(&join("policies", name), jitter, (kind.shortest(policy), own.is_none()), &mut faults);
        }
    }
    faults.list()
}

impl Kind {
    /// The shortest limit of a policy, its rules' included.
    fn shortest(&self, policy: &Policy) -> Option<Duration> {
        let rules = policy.when.iter().flat_map(|when| &when.rules);
        let ruled = rules.flat_map(|rule| [(self.of)(&rule.tightens), (self.of)(&rule.relaxes)]).flatten();
        let all = (self.of)(&policy.own_limits(&[])).into_iter().chain(ruled);
        all.map(|limit| limit.value).filter(|limit| *limit != OFF).min()
    }

    fn judge(
        &self,
        path: &str,
        jitter: Option<Span>,
        (shortest, is_spread): (Option<Duration>, bool),
        faults: &mut Faults<'_>,
    ) {
        let Some(jitter) = jitter.map(Span::get).filter(|jitter| !jitter.is_zero()) else { return };
        let path = format!("{path}.session.{}", self.name);
        if shortest.is_some_and(|limit| jitter > limit / self.part || jitter == limit) {
            faults.error(&path, self.whole, format!("make it a small part of `{}`", self.limit));
        } else if shortest.is_none() && !is_spread {
            faults.warn(&path, self.vain, format!("say `{}`, or remove it", self.limit));
        }
    }
}
