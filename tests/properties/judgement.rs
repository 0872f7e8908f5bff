//! Laws of the judgement, over evidence of every kind.

#[path = "../conformance/world.rs"]
#[allow(dead_code, reason = "the tables use the rest")]
mod world;

use crate::time::cutoffs;
use curfew::decide::checks::age::Age;
use curfew::decide::checks::freshness::OnStale;
use curfew::decide::checks::lifetime::Lifetime;
use curfew::decide::checks::scope::Scope;
use curfew::decide::claims::{Confirmation, TokenType};
use curfew::decide::evidence::{Credential, Flaw, Stage};
use curfew::decide::finding::{Finding, Limit, Origin};
use curfew::decide::id::{SourceId, Thumbprint};
use curfew::decide::policy::Policy;
use curfew::decide::reason::Reason;
use curfew::decide::revocation::{Entries, Entry, Freshness};
use curfew::decide::rules::{Algorithm, Profile};
use curfew::decide::verdict::Outcome;
use proptest::prelude::*;
use std::time::Duration;
use world::{NOW, World, at, policy, words};

/// Offsets from now: mostly on the good side, often near the boundary, sometimes far away.
fn offsets(good: std::ops::Range<i64>) -> impl Strategy<Value = i64> {
    prop_oneof![12 => good, 3 => -5_000i64..5_000, 1 => -200_000i64..200_000, 1 => Just(i64::MAX / 2), 1 => Just(-NOW)]
}

/// Mostly the first of them.
fn mostly<T: Clone + std::fmt::Debug + 'static>(first: T, others: Vec<T>) -> impl Strategy<Value = T> {
    prop_oneof![9 => Just(first), 1 => prop::sample::select(others)]
}

fn entries() -> impl Strategy<Value = Entries> {
    let one = || {
        prop::option::weighted(0.1, cutoffs())
            .prop_map(|cutoff| cutoff.map(|cutoff| Entry { cutoff, source: SourceId(0), learned: at(0) }))
    };
    (one(), one(), one(), one(), one(), one()).prop_map(|(token, session, subject, client, claim, issuer)| Entries {
        token,
        session,
        subject,
        client,
        claim,
        issuer,
    })
}

fn freshness() -> impl Strategy<Value = Freshness> {
    prop_oneof![
        4 => Just(Freshness::Unfed),
        3 => (0u64..3000).prop_map(|age| Freshness::Heard {
            age: Duration::from_millis(age), max: Some(Duration::from_millis(2000)), source: SourceId(0)
        }),
        1 => Just(Freshness::Never { source: SourceId(0) }),
        1 => any::<bool>().prop_map(|stale| Freshness::Cold { source: SourceId(0), stale }),
    ]
}

prop_compose! {
    /// A token in any state, mostly a good one.
    fn worlds()(
        times in (
            offsets(1..9_000),
            prop::option::of(offsets(-9_000..0)),
            prop::option::weighted(0.9, offsets(-9_000..0)),
            prop::option::of(offsets(-9_000..0)),
        ),
        leeway in prop_oneof![Just(0u64), 0u64..4000],
        kind in mostly(TokenType::AccessToken, vec![TokenType::Jwt, TokenType::Absent, TokenType::Other]),
        legacy in any::<bool>(),
        confirmation in mostly(Confirmation::Unbound, vec![Confirmation::Dpop(Thumbprint::default()), Confirmation::Unknown]),
        aud in mostly("api", vec!["api2", "other"]),
        algorithm in mostly(Algorithm::ES256, vec![Algorithm::RS256, Algorithm::HS256]),
        flaw in prop::option::weighted(0.1, (
            prop::sample::select(vec![Stage::Form, Stage::Algorithm, Stage::Issuer, Stage::Key, Stage::Signature]),
            prop::sample::select(vec![Reason::TokenMalformed, Reason::KeyUnknown, Reason::SignatureInvalid]),
        )),
        entries in entries(),
        freshness in freshness(),
    ) -> World {
        let (expires, begins, issued, signed_in) = times;
        let mut world = World::claims(|claims| {
            claims.expires = Some(at(expires));
            claims.not_before = begins.map(at);
            claims.issued = issued.map(at);
            claims.auth_time = signed_in.map(at);
            claims.confirmation = confirmation;
            claims.audience = Some(words(&[aud]));
        });
        world = world.ruled(|rules| {
            rules.leeway.value = Duration::from_millis(leeway);
            rules.profile = if legacy { Profile::Legacy } else { Profile::Rfc9068 };
        });
        (world.token.kind, world.token.algorithm) = (kind, algorithm);
        world.flaw = flaw.map(|(stage, reason)| Flaw { stage, reason, detail: "a test" });
        (world.knowledge.entries, world.knowledge.freshness) = (entries, freshness);
        world
    }
}

prop_compose! {
    fn policies()(
        age in prop::option::of(0u64..20_000),
        lifetime in prop::option::of(0u64..30_000),
        scope in prop::option::of(prop::sample::select(vec!["profile", "orders.write"])),
        allow in any::<bool>(),
        cold in any::<bool>(),
    ) -> Policy {
        let span = |ms| Limit::new(Duration::from_millis(ms), Origin::Route);
        let mut policy = policy();
        policy.age = age.map(|ms| Age { limit: span(ms) });
        policy.lifetime = lifetime.map(|ms| Lifetime { cap: span(ms) });
        policy.scope = scope.map(|scope| Scope { all: words(&[scope]) });
        let remedy = |allow| Limit::new(if allow { OnStale::Allow } else { OnStale::Deny }, Origin::Policy);
        (policy.freshness.on_stale, policy.freshness.cold_start) = (remedy(allow), remedy(cold));
        policy
    }
}

fn admits(policy: &Policy, world: &World) -> bool {
    matches!(policy.judge(&world.evidence()).outcome, Outcome::Admit(_))
}

fn later(world: &World, by: Duration) -> World {
    World { now: world.now.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)), ..world.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// More revocations never admit more.
    #[test]
    fn revocations_only_take_away(world in worlds(), policy in policies(), more in entries()) {
        let mut knowing = world.clone();
        let both = |one: Option<Entry>, other: Option<Entry>| match (one, other) {
            (Some(one), Some(other)) => Some(Entry { cutoff: one.cutoff.max(other.cutoff), ..one }),
            (one, other) => one.or(other),
        };
        let known = world.knowledge.entries;
        knowing.knowledge.entries = Entries {
            token: both(known.token, more.token),
            session: both(known.session, more.session),
            subject: both(known.subject, more.subject),
            client: both(known.client, more.client),
            claim: both(known.claim, more.claim),
            issuer: both(known.issuer, more.issuer),
        };
        prop_assert!(admits(&policy, &world) || !admits(&policy, &knowing));
    }

    /// Admit until the permit's curfew, and Refuse at it, if only time moves on.
    #[test]
    fn the_permit_keeps_its_word(world in worlds(), policy in policies(), part in 0.0f64..1.0) {
        if let Outcome::Admit(permit) = policy.judge(&world.evidence()).outcome
            && let Some(curfew) = permit.curfew().filter(|curfew| curfew.as_millis() < 1 << 50)
        {
            prop_assert!(curfew > Duration::ZERO);
            prop_assert!(admits(&policy, &later(&world, curfew - Duration::from_millis(1))));
            let within = Duration::from_millis((curfew.as_millis() as f64 * part) as u64).min(curfew - Duration::from_millis(1));
            prop_assert!(admits(&policy, &later(&world, within)));
            prop_assert!(!admits(&policy, &later(&world, curfew)));
            prop_assert!(!admits(&policy, &later(&world, curfew * 2)));
        }
    }

    /// Leeway is symmetric: with one of `l`, a token is judged at its end as it would be `l` earlier without one, and at
    /// its beginning as it would be `l` later.
    #[test]
    fn leeway_is_symmetric(ends in -5000i64..5000, begins in -5000i64..5000, leeway in 0i64..4000) {
        let judge = |claim: &dyn Fn(&mut curfew::decide::claims::Claims), leeway: i64, shift: i64| {
            let mut world = World::claims(|claims| claim(claims));
            world = world.ruled(|rules| rules.leeway.value = Duration::from_millis(leeway as u64));
            world.now = NOW + shift;
            admits(&policy(), &world)
        };
        let end = |claims: &mut curfew::decide::claims::Claims| claims.expires = Some(at(ends));
        let begin = |claims: &mut curfew::decide::claims::Claims| claims.not_before = Some(at(begins));
        prop_assert_eq!(judge(&end, leeway, 0), judge(&end, 0, -leeway));
        prop_assert_eq!(judge(&begin, leeway, 0), judge(&begin, 0, leeway));
        let issue = |claims: &mut curfew::decide::claims::Claims| claims.issued = Some(at(begins));
        prop_assert_eq!(judge(&issue, leeway, 0), judge(&issue, 0, leeway));
    }

    /// More leeway never refuses more.
    #[test]
    fn leeway_only_gives(world in worlds(), policy in policies(), more in 0u64..4000) {
        let wider = world.clone().ruled(|rules| rules.leeway.value += Duration::from_millis(more));
        prop_assert!(!admits(&policy, &world) || admits(&policy, &wider));
    }

    /// Every refusal has one reason: that of the first failure. An admission has none, and every question an answer.
    #[test]
    fn one_reason_and_the_first(world in worlds(), policy in policies()) {
        let verdict = policy.judge(&world.evidence());
        let first = verdict.answers().find_map(|(_, finding)| finding.reason());
        prop_assert_eq!(verdict.reason(), first);
        prop_assert_eq!(verdict.decisive().and_then(|(_, finding)| finding.reason()), first);
        if first.is_none() {
            let passed = verdict.trail.iter().all(|finding| matches!(finding, Finding::Pass { .. } | Finding::Unasked));
            prop_assert!(passed, "admitted over a question without an answer: {:?}", verdict.trail);
        }
    }

    /// A token that failed any stage is never admitted, nor one that was not presented.
    #[test]
    fn no_ground_no_entry(world in worlds(), policy in policies()) {
        if world.flaw.is_some() {
            prop_assert!(!admits(&policy, &world));
        }
        let absent = World { credential: Credential::Unusable(Reason::TokenMissing), ..world.clone() };
        prop_assert_eq!(policy.judge(&absent.evidence()).reason(), Some(Reason::TokenMissing));
        prop_assert!(matches!(policy.judge(&world.tokenless()).outcome, Outcome::Refuse(_)));
    }

    /// The same evidence gives the same verdict.
    #[test]
    fn judging_is_a_function(world in worlds(), policy in policies()) {
        prop_assert_eq!(policy.judge(&world.evidence()), policy.judge(&world.evidence()));
    }
}

/// The laws above would hold of a judge that refuses everything; this generator gives enough that are admitted.
#[test]
fn the_generator_is_fair() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let both = (worlds(), policies());
    let admitted = (0..2000).filter(|_| {
        both.new_tree(&mut runner).is_ok_and(|tree| {
            let (world, policy) = tree.current();
            admits(&policy, &world)
        })
    });
    let share = admitted.count();
    println!("{share} of 2000 are admitted");
    assert!((300..1700).contains(&share), "{share} of 2000");
}
