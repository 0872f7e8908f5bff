//! Whatever is done to the set, does it say what a plain table says?

use super::*;
use std::collections::HashMap;

/// What the set is asked to do, to names of which some differ in few bits only.
#[derive(Clone, Debug)]
enum Step {
    Add(usize, Revoked),
    Replace(usize, Vec<Revoked>),
    Break(usize, Vec<Revoked>),
    Lift(usize, Target),
    Purge(i64),
}

/// The same, written down plainly: by feed and target, the cut-off, when it was learned, and until when it is kept.
type Oracle = HashMap<(usize, Target), (Cutoff, Timestamp, Option<Timestamp>)>;

fn any_step() -> impl Strategy<Value = Step> {
    let all = || proptest::collection::vec(any_revoked(), 0..10);
    prop_oneof![
        6 => (0..3_usize, any_revoked()).prop_map(|(feed, what)| Step::Add(feed, what)),
        2 => (0..3_usize, all()).prop_map(|(feed, all)| Step::Replace(feed, all)),
        1 => (0..3_usize, all()).prop_map(|(feed, all)| Step::Break(feed, all)),
        2 => (0..3_usize, any_revoked()).prop_map(|(feed, what)| Step::Lift(feed, what.target)),
        1 => (300..310_i64).prop_map(Step::Purge),
    ]
}

fn later(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.and_then(|one| other.map(|other| one.max(other)))
}

fn put(oracle: &mut Oracle, key: (usize, Target), what: &Revoked, learned: Timestamp, anew: bool) {
    let new = (what.cutoff, learned, what.until);
    let Some(old) = oracle.insert(key, new) else { return };
    let cutoff = if anew { what.cutoff } else { old.0.max(what.cutoff) };
    let until = if anew { what.until } else { later(old.2, what.until) };
    oracle.insert(key, (cutoff, if cutoff == old.0 { old.1 } else { learned }, until));
}

/// The first word of a snapshot on a target renews it, the others only make it stricter.
fn put_all(oracle: &mut Oracle, feed: usize, all: &[Revoked], learned: Timestamp) -> Vec<Target> {
    let mut seen = Vec::new();
    for what in all {
        put(oracle, (feed, what.target), what, learned, !seen.contains(&what.target));
        seen.push(what.target);
    }
    seen
}

fn step(set: &Revocations, feeds: &[Arc<Feed>], oracle: &mut Oracle, step: &Step, learned: Timestamp) {
    match step {
        Step::Add(feed, what) => {
            set.add(&feeds[*feed], what, learned).unwrap();
            put(oracle, (*feed, what.target), what, learned, false);
        }
        Step::Replace(feed, all) => {
            set.replace(&feeds[*feed], all.iter().copied(), learned).unwrap();
            let seen = put_all(oracle, *feed, all, learned);
            oracle.retain(|(of, target), _| of != feed || seen.contains(target));
        }
        Step::Break(feed, all) => {
            let mut snapshot = set.begin(&feeds[*feed], learned).unwrap();
            assert!(set.begin(&feeds[*feed], learned).is_none());
            all.iter().for_each(|what| _ = snapshot.put(what).unwrap());
            drop(snapshot);
            put_all(oracle, *feed, all, learned);
        }
        Step::Lift(feed, target) => {
            assert_eq!(set.lift(&feeds[*feed], *target), oracle.remove(&(*feed, *target)).is_some());
        }
        Step::Purge(now) => {
            (0..Revocations::PURGE_STEPS).for_each(|_| set.purge_step(secs(*now)));
            oracle.retain(|_, (_, _, until)| until.is_none_or(|until| *now < until.secs() + 300));
        }
    }
}

/// All that the set knows of a token's names, in an order of its own.
fn told(known: impl Iterator<Item = Known>) -> Vec<String> {
    let mut told: Vec<String> = known.map(|known| format!("{known:?}")).collect();
    told.sort();
    told
}

proptest! {
    /// Whatever is done to it, the set says what a plain table says.
    #[test]
    fn the_set_says_what_a_plain_table_says(steps in proptest::collection::vec(any_step(), 1..40)) {
        let set = Revocations::default();
        let feeds = ["one", "two", "three"].map(|name| open(&set, name, 100, None));
        let mut oracle = Oracle::default();
        for (number, one) in steps.iter().enumerate() {
            step(&set, &feeds, &mut oracle, one, secs(number as i64));
            for name in 0..4 {
                let handles = Handles { token: print(name), session: Some(print(name)), subject: Some(print(name)), client: Some(print(name)), claims: [print(name)].into() };
                let expected = oracle.iter().map(|((feed, target), (cutoff, learned, until))| {
                    Known { target: *target, cutoff: *cutoff, source: feeds[*feed].id, learned: *learned, until: *until }
                });
                let named = [Target::Token(print(name)), Target::Session(print(name)), Target::Subject(print(name)), Target::Client(print(name)), Target::Claim(print(name)), Target::Issuer];
                prop_assert_eq!(told(set.named(&corp(), &handles).into_iter()), told(expected.filter(|known| named.contains(&known.target))));
                let strictest = named.map(|target| {
                    let of = oracle.iter().filter(|((_, other), _)| *other == target).map(|(_, (cutoff, ..))| *cutoff);
                    of.reduce(Cutoff::max)
                });
                let found = cutoffs(set.look_up(&corp(), &handles));
                let rank = |cutoffs: [Option<Cutoff>; 6]| cutoffs.map(|one| one.map(|one| [0, 999, 1000, 4000].map(|ms| one.hits(Some(Timestamp::from_millis(ms))))));
                prop_assert_eq!(rank(found), rank(strictest));
            }
        }
        for (number, feed) in feeds.iter().enumerate() {
            let held = oracle.keys().filter(|(of, target)| *of == number && *target != Target::Issuer).count();
            prop_assert_eq!(feed.standing(at(0)).entries, held);
        }
        let held = oracle.keys().filter(|(_, target)| *target != Target::Issuer).count();
        let Holdings { tokens, sessions, subjects, clients, claims, .. } = set.holdings();
        prop_assert_eq!(tokens + sessions + subjects + clients + claims, held);
    }
}
