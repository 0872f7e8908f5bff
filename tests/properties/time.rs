//! Laws of instants and cut-offs.

use curfew::decide::revocation::Cutoff;
use curfew::decide::time::Timestamp;
use proptest::prelude::*;

/// Small and extreme instants, near one another often enough for their boundaries to meet.
pub fn instants() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => (0i64..20_000).prop_map(Timestamp::from_millis),
        1 => any::<i64>().prop_map(Timestamp::from_millis),
        1 => prop::sample::select(vec![i64::MIN, -1, 0, 999, 1000, i64::MAX]).prop_map(Timestamp::from_millis),
    ]
}

/// Every kind of cut-off.
pub fn cutoffs() -> impl Strategy<Value = Cutoff> {
    prop_oneof![
        1 => Just(Cutoff::Always),
        4 => instants().prop_map(Cutoff::Before),
        4 => instants().prop_map(Cutoff::UpTo),
    ]
}

/// Two cut-offs are the same if they hit the same tokens; probing the instants around them tells.
fn same(one: Cutoff, other: Cutoff, probes: &[Timestamp]) -> bool {
    probes.iter().all(|probe| one.hits(Some(*probe)) == other.hits(Some(*probe))) && one.hits(None) == other.hits(None)
}

fn around(cutoffs: &[Cutoff]) -> Vec<Timestamp> {
    let near = |at: Timestamp| [-1001, -1000, -999, -1, 0, 1, 999, 1000, 1001].map(|by| at.millis().saturating_add(by));
    cutoffs.iter().filter_map(|cutoff| cutoff.instant()).flat_map(near).map(Timestamp::from_millis).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Feeds may arrive in any order: the stricter of two does not depend on which came first, nor on how they group.
    #[test]
    fn order_of_feeds_is_irrelevant(a in cutoffs(), b in cutoffs(), c in cutoffs()) {
        let probes = around(&[a, b, c]);
        prop_assert!(same(a.max(b), b.max(a), &probes));
        prop_assert!(same(a.max(b).max(c), a.max(b.max(c)), &probes));
        prop_assert!(same(a.max(a), a, &probes));
    }

    /// The stricter of two hits whatever either hits: no entry weakens another.
    #[test]
    fn the_stricter_hits_for_both(a in cutoffs(), b in cutoffs(), issued in instants()) {
        for probe in around(&[a, b]).into_iter().chain([issued]) {
            let either = a.hits(Some(probe)) || b.hits(Some(probe));
            prop_assert_eq!(a.max(b).hits(Some(probe)), either, "{:?} {:?} at {:?}", a, b, probe);
        }
    }

    /// An older token is never spared where a younger one is hit.
    #[test]
    fn age_never_helps(cutoff in cutoffs(), one in instants(), other in instants()) {
        let (older, younger) = (one.min(other), one.max(other));
        prop_assert!(cutoff.hits(Some(older)) || !cutoff.hits(Some(younger)));
    }

    /// `exp` rounds down, `nbf` rounds up, and neither by a whole millisecond.
    #[test]
    fn numeric_dates_round_to_the_cautious_side(seconds in 0.0f64..253_402_300_799.0) {
        let (floor, ceil) = (Timestamp::from_numeric_floor(seconds), Timestamp::from_numeric_ceil(seconds));
        let (floor, ceil) = (floor.unwrap(), ceil.unwrap());
        prop_assert!(floor <= ceil && ceil.since(floor) <= 1);
    }

    /// No number from the network makes a time out of range.
    #[test]
    fn no_number_wraps(seconds in any::<f64>()) {
        if let Some(made) = Timestamp::from_numeric_floor(seconds) {
            prop_assert!((0.0..=253_402_300_799.0).contains(&seconds));
            prop_assert!((0..=253_402_300_799_000).contains(&made.millis()));
        }
    }
}
