//! Laws of rules: without leave none loosens, whatever the others say; and their order is of no matter.

use curfew::decide::claims::Claims;
use curfew::decide::finding::{Limit, Origin};
use curfew::decide::limits::{Classes, Limits, OFF};
use curfew::decide::when::{Condition, Rule, Subject, Test, When, origin};
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

const CLASSES: [&str; 4] = ["a", "b", "c", "d"];

fn all() -> Box<[Box<str>]> {
    CLASSES.iter().map(|class| Box::from(*class)).collect()
}

fn span() -> impl Strategy<Value = Option<Duration>> {
    prop_oneof![4 => Just(None), 5 => (1u64..9).prop_map(|secs| Some(Duration::from_secs(secs))), 1 => Just(Some(OFF))]
}

fn limits() -> impl Strategy<Value = Limits> {
    let classes = prop::option::of(prop::sample::subsequence(CLASSES.to_vec(), 1..=4));
    (span(), span(), span(), span(), span(), classes).prop_map(|(age, lifetime, idle, absolute, auth_age, classes)| {
        let limit = |span: Option<Duration>| span.map(|span| Limit::new(span, Origin::Policy));
        Limits {
            max_age: limit(age),
            max_lifetime: limit(lifetime),
            idle: limit(idle),
            absolute: limit(absolute),
            auth_age: limit(auth_age),
            acr: classes.map(|classes| Limit::new(Classes::of(&classes, &all()), Origin::Policy)),
        }
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    prop::sample::subsequence(vec!["a", "b", "c"], 0..=2).prop_map(|roles| Condition {
        claims: roles.into_iter().map(|role| ("roles".into(), Test::AnyOf([json!(role)].into()))).collect(),
        ..Condition::default()
    })
}

fn tightening() -> impl Strategy<Value = Rule> {
    (condition(), limits()).prop_map(|(condition, tightens)| Rule { condition, tightens, relaxes: Limits::default() })
}

fn rule() -> impl Strategy<Value = Rule> {
    (tightening(), prop_oneof![3 => Just(Limits::default()), 1 => limits()])
        .prop_map(|(rule, relaxes)| Rule { relaxes, ..rule })
}

fn claims() -> impl Strategy<Value = Claims> {
    prop::sample::subsequence(vec!["a", "b", "c", "x"], 0..=4).prop_map(|roles| Claims {
        rest: serde_json::Map::from_iter([("roles".to_owned(), json!(roles))]),
        ..Claims::default()
    })
}

/// What holds: the values alone, with everything off as the greatest there is.
fn values(own: &Limits, rules: &[Rule], claims: &Claims) -> (Vec<Duration>, Classes) {
    let when = When { own: own.settled(), classes: all(), rules: rules.into(), ..When::default() };
    let limits = when.limits(&Subject { claims, issuer: None, peer: None }).unwrap_or(when.own);
    let spans = limits.spans().into_iter().map(|(_, limit)| limit.map_or(OFF, |limit| limit.value));
    (spans.collect(), limits.acr.map_or(Classes::of(&CLASSES, &all()), |acr| acr.value))
}

fn is_as_strict(one: &(Vec<Duration>, Classes), other: &(Vec<Duration>, Classes)) -> bool {
    one.0.iter().zip(&other.0).all(|(one, other)| one <= other) && one.1.is_within(other.1)
}

proptest! {
    #[test]
    fn a_rule_without_leave_never_loosens(
        own in limits(), rules in prop::collection::vec(rule(), 0..6), one in tightening(), at in 0usize..6, claims in claims(),
    ) {
        let before = values(&own, &rules, &claims);
        let mut more = rules.clone();
        more.insert(at.min(rules.len()), one);
        let after = values(&own, &more, &claims);
        prop_assert!(is_as_strict(&after, &before), "{before:?} became {after:?}");
    }

    #[test]
    fn without_leave_nothing_is_looser_than_the_policy(
        own in limits(), rules in prop::collection::vec(tightening(), 0..6), claims in claims(),
    ) {
        prop_assert!(is_as_strict(&values(&own, &rules, &claims), &values(&own, &[], &claims)));
    }

    #[test]
    fn no_leave_loosens_what_a_rule_tightens(
        own in limits(), rules in prop::collection::vec(rule(), 1..6), claims in claims(),
    ) {
        let subject = Subject { claims: &claims, issuer: None, peer: None };
        let holds = values(&own, &rules, &claims);
        for rule in rules.iter().filter(|rule| rule.condition.holds(&subject)) {
            let (tight, _) = values(&rule.tightens, &[], &claims);
            prop_assert!(holds.0.iter().zip(&tight).all(|(one, other)| one <= other));
        }
    }

    #[test]
    fn their_order_is_of_no_matter(
        own in limits(),
        (rules, shuffled) in prop::collection::vec(rule(), 0..7).prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        claims in claims(),
    ) {
        prop_assert_eq!(values(&own, &rules, &claims), values(&own, &shuffled, &claims));
    }

    /// What holds was written by a rule that says it, or by the policy.
    #[test]
    fn every_limit_names_who_wrote_it(own in limits(), rules in prop::collection::vec(rule(), 0..6), claims in claims()) {
        let named = |(at, rule): (usize, &Rule)| {
            let name = |mut limits: Limits| {
                for (field, limit) in limits.spans() {
                    limits.set(field, limit.map(|limit| Limit::new(limit.value, origin(at))));
                }
                limits
            };
            Rule { condition: rule.condition.clone(), tightens: name(rule.tightens), relaxes: name(rule.relaxes) }
        };
        let rules: Vec<Rule> = rules.iter().enumerate().map(named).collect();
        let when = When { own: own.settled(), classes: all(), rules: rules.clone().into(), ..When::default() };
        let limits = when.limits(&Subject { claims: &claims, issuer: None, peer: None }).unwrap_or(when.own);
        for (place, (_, limit)) in limits.spans().into_iter().enumerate() {
            let Some(limit) = limit else { continue };
            let said = match limit.origin {
                Origin::Rule(at) => {
                    let rule = &rules[usize::from(at)];
                    vec![rule.tightens.spans()[place].1, rule.relaxes.spans()[place].1]
                }
                _ => vec![when.own.spans()[place].1],
            };
            prop_assert!(said.contains(&Some(limit)), "{limit:?} in {said:?}");
        }
    }
}
