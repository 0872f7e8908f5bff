//! What is remembered of a session, step by step.

use super::{Life, Shown, Sight};
use crate::decide::time::{Moment, Timestamp};
use proptest::prelude::*;
use std::time::Duration;

/// Steady time and wall time, in seconds; the wall is 1,000 ahead, unless it was stepped.
fn at(steady: u64) -> Moment {
    stepped(steady, 0)
}

fn stepped(steady: u64, step: i64) -> Moment {
    let wall = Timestamp::from_secs(1_000 + i64::try_from(steady).unwrap() + step);
    Moment { wall, steady: Duration::from_secs(steady) }
}

fn token(signed_in: Option<i64>, issued: i64) -> Shown {
    Shown {
        signed_in: signed_in.map(|s| Timestamp::from_secs(1_000 + s)),
        issued: Some(Timestamp::from_secs(1_000 + issued)),
    }
}

fn seconds(sight: Sight) -> (i64, i64, i64) {
    (sight.quiet / 1000, sight.silence / 1000, sight.age / 1000)
}

/// A store that lost everything, and one that was never told anything, know the same: what the token proves.
#[test]
fn nothing_is_remembered() {
    let life = |token| Life::cold(token, at(100)).map(|life| seconds(life.sight(token, at(100))));
    assert_eq!(life(token(Some(10), 70)), Some((30, 0, 90)));
    assert_eq!(life(token(None, 70)), Some((30, 0, 30)));
    assert_eq!(life(token(Some(70), 10)), Some((30, 0, 30)));
    assert_eq!(life(token(None, 101)), Some((0, 0, 0)));
    assert_eq!(life(Shown::default()), None);
}

/// What was read once from a wall clock is not read again: after a step back everything is as old as it was.
#[test]
fn a_step_of_the_clock_makes_nothing_younger() {
    let shown = token(Some(0), 50);
    let life = Life::cold(shown, at(100)).unwrap().touched(at(110));
    for step in [-1_000, -60, 60] {
        assert_eq!(seconds(life.sight(shown, stepped(150, step))), (40, 60, 150));
    }
}

/// A silence stays known, though the session goes on; a newer sign-in leaves it behind, for its own tokens only.
#[test]
fn only_a_newer_sign_in_leaves_a_silence_behind() {
    let (old, refreshed, new) = (token(Some(0), 0), token(Some(0), 500), token(Some(600), 600));
    let life = Life::cold(old, at(10)).unwrap().touched(at(10)).touched(at(400)).touched(at(410));
    assert_eq!(seconds(life.shown(refreshed, at(500)).sight(refreshed, at(500))), (90, 390, 500));
    let life = life.shown(new, at(605));
    assert_eq!(seconds(life.sight(new, at(605))), (5, 0, 5));
    assert_eq!(seconds(life.sight(old, at(605))), (5, 390, 605));
    let life = life.touched(at(630));
    assert_eq!(seconds(life.sight(new, at(630))), (0, 30, 30));
    assert_eq!(seconds(life.sight(refreshed, at(640))), (10, 390, 640));
    assert_eq!(life.shown(old, at(640)), life, "an older sign-in changes nothing");
}

/// The time between the last activity and the sign-in is a silence too, for whoever does not know of the sign-in.
#[test]
fn a_sign_in_breaks_no_silence_of_earlier_ones() {
    let (old, new) = (token(Some(0), 0), token(Some(600), 600));
    let life = Life::cold(old, at(10)).unwrap().touched(at(10)).shown(new, at(605)).touched(at(605));
    assert_eq!(seconds(life.sight(old, at(605))), (0, 590, 605));
    assert_eq!(seconds(life.sight(new, at(605))), (0, 5, 5));
}

/// While the user signed in, an old token was still used: only the rest of the silence counts.
#[test]
fn a_sign_in_in_the_middle_of_a_silence() {
    let (old, new) = (token(Some(0), 0), token(Some(600), 600));
    let life = Life::cold(old, at(10)).unwrap().touched(at(10)).touched(at(603)).shown(new, at(605));
    assert_eq!(seconds(life.sight(new, at(605))), (2, 3, 5));
    assert_eq!(seconds(life.sight(old, at(605))), (2, 593, 605));
}

/// A token that does not say when its user signed in is of the newest sign-in before it was issued.
#[test]
fn tokens_that_do_not_say_when() {
    let (first, new) = (token(None, 0), token(Some(600), 600));
    let life = Life::cold(first, at(0)).unwrap().touched(at(0)).shown(new, at(600)).touched(at(600));
    assert_eq!(seconds(life.sight(token(None, 650), at(700))), (100, 0, 100));
    assert_eq!(seconds(life.sight(token(None, 590), at(700))), (100, 600, 110));
}

/// The moments of two workers, in either order.
#[test]
fn the_later_activity_counts() {
    let life = Life::cold(token(Some(0), 0), at(0)).unwrap();
    let (there, back) = (life.touched(at(7)).touched(at(9)), life.touched(at(9)).touched(at(7)));
    assert_eq!((there.last, back.last), (9_000, 9_000));
}

/// The silence right before a sign-in is known though one instance saw what was before it, and another the sign-in alone;
/// whoever tells first, and also if what was used last is told last.
#[test]
fn what_one_saw_before_a_sign_in_that_another_saw() {
    let (old, new) = (token(Some(0), 0), token(Some(600), 600));
    let there = |second| Life::cold(token(Some(0), second), at(second as u64)).unwrap();
    let here = Life::cold(new, at(605)).unwrap().touched(at(605));
    let of = |life: Life, token| seconds(life.sight(token, at(610))).1;
    for life in [there(10).joined(here), here.joined(there(10)).joined(here)] {
        assert_eq!((of(life, old), of(life, new)), (590, 5));
    }
    for life in [there(10).joined(here).joined(there(400)), there(400).joined(there(10)).joined(here)] {
        assert_eq!((of(life, old), of(life, new)), (200, 5), "it was used meanwhile");
    }
    // One more sign-in: what was between the first two still counts for the first.
    let newest = Life::cold(token(Some(700), 700), at(700)).unwrap();
    let life = there(10).joined(here).joined(newest);
    assert_eq!(of(life, old), 590);
}

/// Where nothing is known of what was before a sign-in, an older token proves what it would prove alone.
#[test]
fn a_token_of_an_earlier_sign_in_proves_no_more_beside_a_newer_one() {
    let (old, refreshed, new) = (token(Some(0), 0), token(Some(0), 590), token(Some(600), 600));
    let life = Life::cold(new, at(600)).unwrap().touched(at(600));
    assert_eq!(seconds(life.shown(old, at(605)).sight(old, at(605))), (5, 600, 605));
    assert_eq!(seconds(life.shown(refreshed, at(605)).sight(refreshed, at(605))), (5, 10, 605));
    let known = life.shown(old, at(605));
    assert_eq!(known.shown(refreshed, at(606)), known, "a refreshed token ends no silence that is known");
    assert_eq!(life.shown(new, at(605)), life);
}

/// Of so many sign-ins, and of none: nothing is before that.
fn life(sign_ins: i64) -> impl Strategy<Value = Life> {
    let at = || -50_i64..50;
    (at(), at(), prop::option::of(0..sign_ins), at(), 0_i64..9, 0_i64..9, prop::option::of(at())).prop_map(
        |(last, began, signed_in, broken, silence, earlier, before)| Life {
            last,
            began,
            signed_in: signed_in.map(Timestamp::from_secs),
            broken,
            silence,
            earlier,
            before: before.filter(|_| signed_in.is_some()),
            doubt: None,
        },
    )
}

proptest! {
    /// In whichever order what instances know is put together, and however often, the same comes of it; and no instance
    /// loses an activity, a sign-in or a silence by it.
    #[test]
    fn order_never_matters(a in life(1), b in life(1), c in life(1), by in -9_i64..9) {
        prop_assert_eq!(a.joined(b), b.joined(a));
        prop_assert_eq!(a.joined(b).joined(c), a.joined(b.joined(c)));
        prop_assert_eq!(a.joined(a), a);
        prop_assert_eq!(a.joined(b).joined(a), a.joined(b));
        prop_assert_eq!(a.moved(by).joined(b.moved(by)), a.joined(b).moved(by));
        let both = a.joined(b);
        prop_assert!(both.last >= a.last && both.signed_in >= a.signed_in && both.earlier >= a.earlier);
        prop_assert!(both.silence.max(both.earlier) >= a.silence);
    }

    /// Of more than two sign-ins all but one thing: the longest silence before the newest may seem to be longer, by order.
    #[test]
    fn order_hardly_ever_matters(a in life(4), b in life(4), c in life(4)) {
        let all = [a.joined(b).joined(c), a.joined(c).joined(b), b.joined(c).joined(a), a.joined(b.joined(c))];
        for joined in all {
            prop_assert_eq!(Life { earlier: 0, ..joined }, Life { earlier: 0, ..all[0] });
            let least = [a, b, c].into_iter().filter(|one| one.signed_in < joined.signed_in);
            prop_assert!(least.map(|one| one.silence.max(one.earlier)).all(|silence| joined.earlier >= silence));
        }
    }
}
