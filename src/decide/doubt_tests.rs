//! What is in doubt, and what is left of it once others are heard.

use super::Doubt;
use crate::decide::session::Life;
use crate::decide::time::{Moment, Timestamp};
use proptest::prelude::*;
use std::time::Duration;

const HOUR: u64 = 3600;

fn at(minute: u64) -> Moment {
    let steady = Duration::from_secs(HOUR + minute * 60);
    Moment { wall: Timestamp::from_secs(0), steady }
}

fn ms(minute: i64) -> i64 {
    3_600_000 + minute * 60_000
}

/// Who was seen last at this minute, and of whom all before is known.
fn seen(minute: i64) -> Life {
    Life { last: ms(minute), broken: i64::MIN, ..Life::default() }
}

/// The longest silence of it, in minutes, once all were heard.
fn silence(life: Life) -> i64 {
    life.heard().silence / 60_000
}

/// What others saw makes it shorter, and none where they saw it before and after; in either order, and told again and again.
#[test]
fn others_make_it_shorter() {
    let here = seen(0).resumed(at(20), false);
    assert_eq!((here.silence, silence(here), here.last), (0, 20, ms(20)));
    for (theirs, left) in [(seen(-5), 20), (seen(0), 20), (seen(12), 8), (seen(20), 0), (seen(31), 0)] {
        for joined in [here.joined(theirs), theirs.joined(here), here.joined(theirs).joined(here)] {
            assert_eq!(silence(joined), left, "{theirs:?}");
        }
    }
    // Nobody else saw it: what was told of it comes back, also after more was seen.
    assert_eq!(silence(here.joined(here)), 20);
    assert_eq!(silence(here.touched(at(25)).joined(here)), 20);
}

/// Two that could not be asked; each knows of the other's doubt what it saw itself.
#[test]
fn two_in_doubt() {
    for (one, other, left) in
        [((0, 20), (0, 25), 20), ((0, 20), (12, 25), 8), ((0, 5), (0, 25), 20), ((0, 5), (5, 9), 4)]
    {
        let of = |(from, to): (i64, u64)| seen(from).resumed(at(to), false);
        let (one, other) = (of(one), of(other));
        assert_eq!((silence(one.joined(other)), silence(other.joined(one))), (left, left), "{one:?} {other:?}");
    }
}

/// What a token proves is an activity where nobody knows of one, and none where somebody does.
#[test]
fn what_only_a_token_proves() {
    let here = seen(19).resumed(at(20), true);
    assert_eq!(silence(here), 1);
    assert_eq!(silence(here.joined(here)), 1);
    for (theirs, left) in [(seen(0), 20), (seen(12), 8), (seen(21), 0), (seen(0).resumed(at(22), false), 20)] {
        assert_eq!((silence(here.joined(theirs)), silence(theirs.joined(here))), (left, left), "{theirs:?}");
    }
    let theirs = seen(15).resumed(at(20), true);
    assert_eq!(silence(here.joined(theirs)), 1);
}

/// After a sign-in only the rest counts; for tokens of an earlier one, all of it.
#[test]
fn a_sign_in_in_the_middle_of_it() {
    let shown = |minute| crate::decide::session::Shown { signed_in: Some(minute), issued: Some(minute) };
    let (old, new) = (shown(Timestamp::from_secs(-600)), shown(Timestamp::from_secs(0)));
    let life = Life { signed_in: old.signed_in, ..seen(0) }.resumed(at(20), false);
    let after = life.shown(new, at(15)).heard();
    assert_eq!((after.silence / 60_000, after.earlier / 60_000), (5, 20));
    let there = Life { signed_in: new.signed_in, began: ms(15), ..seen(15) };
    let after = life.joined(there).heard();
    assert_eq!((after.silence / 60_000, after.earlier / 60_000), (5, 20));
    assert_eq!(there.joined(life).heard(), after);
}

fn life() -> impl Strategy<Value = Life> {
    let doubt = (0_i64..40, 1_i64..20, any::<bool>());
    (0_i64..60, 0_i64..9, prop::option::of(doubt)).prop_map(|(last, more, doubt)| {
        let doubt = doubt.map(|(from, span, proven)| Doubt { from, to: from + span, proven });
        let last = doubt.map_or(last, |doubt| doubt.to + more);
        Life { last, broken: i64::MIN, doubt, ..Life::default() }
    })
}

proptest! {
    /// Whoever tells first, and however often: the same comes of it, and it never grows beyond what is known.
    #[test]
    fn order_never_matters(a in life(), b in life(), by in -9_i64..9) {
        let both = a.joined(b);
        prop_assert_eq!(both, b.joined(a));
        prop_assert_eq!(a.joined(a), a);
        prop_assert_eq!(both.joined(a).joined(b), both);
        prop_assert_eq!(a.moved(by).joined(b.moved(by)), both.moved(by));
        if let Some(doubt) = both.doubt {
            prop_assert!(doubt.from < doubt.to && doubt.to <= both.last);
            prop_assert!([a, b].iter().any(|one| one.doubt.is_some_and(|one| doubt.to <= one.to)));
        }
    }
}

/// What others saw before a newer sign-in was no silence of the sign-in before it; what nobody can know of may have been one.
#[test]
fn a_sign_in_that_comes_after() {
    let here = seen(0).resumed(at(20), false);
    let signed_in = Some(Timestamp::from_secs(1500));
    for (before, left) in [(Some(24), 0), (Some(20), 0), (Some(12), 8), (Some(-5), 20), (None, 20)] {
        let newer = Life { last: ms(26), began: ms(25), signed_in, before: before.map(ms), ..seen(26) };
        for joined in [here.joined(newer), newer.joined(here)] {
            assert_eq!(joined.earlier / 60_000, left, "{before:?}");
        }
    }
}
