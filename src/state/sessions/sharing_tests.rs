//! What is due, and what is doubtful, by a hand-set clock.

use super::super::{Activity, Name};
use super::*;
use crate::decide::session::{KeySource, OnFull, Shown};
use crate::decide::time::Timestamp;

const TERMS: Terms = Terms { max: 100, remember: Duration::from_secs(3600), absolute: None, on_full: OnFull::Deny };
const PACE: Pace = Pace { interval: Duration::from_secs(10), strictest: Duration::from_secs(100) };

fn at(second: u64) -> Moment {
    let wall = Timestamp::from_secs(1_000_000).plus(Duration::from_secs(second));
    Moment { wall, steady: Duration::from_secs(1_000 + second) }
}

fn name() -> Name {
    Name { print: Fingerprint([7; 16]), source: KeySource::Claim }
}

fn shown() -> Shown {
    Shown { signed_in: Some(at(0).wall), issued: Some(at(0).wall) }
}

fn used(sessions: &Sessions, second: u64) {
    sessions.admitted(&name(), shown(), at(second), Activity::User, &TERMS);
}

fn sight(sessions: &Sessions, second: u64) -> (Knowledge, bool) {
    let known = sessions.known(&name(), shown(), at(second), &TERMS);
    (known, sessions.is_doubtful(name().print, (&known, Shown { signed_in: None, ..shown() }), at(second), None))
}

fn shared() -> Sessions {
    let sessions = Sessions::default();
    sessions.share(Some(PACE));
    sessions
}

/// At once when first seen; then once in an interval, with the last that came; and nothing where nothing came.
#[test]
fn told_at_once_and_then_in_intervals() {
    let sessions = shared();
    let mut told = Vec::new();
    for second in 0..60 {
        if second < 25 {
            used(&sessions, second);
        }
        told.extend(sessions.due(at(second), 9).into_iter().map(|(_, life)| (second, life.last / 1000 - 1_000)));
    }
    // Steps of 64 ms: an interval may seem a little shorter, never longer.
    assert_eq!(told, [(0, 0), (10, 10), (20, 20), (30, 24)]);
    assert_eq!(sessions.waiting(), 0);
}

/// What ends it for some policy is told at once, and what could not be told waits again.
#[test]
fn an_end_is_told_at_once_and_nothing_is_lost() {
    let sessions = shared();
    used(&sessions, 0);
    used(&sessions, 1);
    assert_eq!(sessions.due(at(1), 9).len(), 1);
    used(&sessions, 150);
    let due = sessions.due(at(150), 9);
    assert_eq!(due.iter().map(|(_, life)| life.silence).collect::<Vec<_>>(), [149_000]);
    sessions.untold(due.iter().map(|(print, _)| *print), at(151).steady);
    assert!(sessions.due(at(150), 9).is_empty());
    assert_eq!(sessions.due(at(151), 9), due);
    used(&sessions, 152);
    assert!(sessions.due(at(153), 9).is_empty());
    sessions.hurry();
    assert_eq!(sessions.due(at(153), 9).len(), 1);
    sessions.tell_again(Duration::ZERO);
    assert_eq!(sessions.due(at(154), 9).len(), 1);
    sessions.tell_again(at(156).steady);
    assert!(sessions.due(at(156), 9).is_empty(), "it was told before");
}

/// What a lost store is owed is all that is held here: also what waits for the end of its interval, at once, and before who
/// signs in meanwhile. What is told of those does not count.
#[test]
fn what_is_owed_is_told_before_all_else() {
    let sessions = shared();
    let name = |number: u8| Name { print: Fingerprint([number; 16]), ..name() };
    let used = |number: u8, second| {
        sessions.admitted(&name(number), shown(), at(second), Activity::User, &TERMS);
    };
    (1..=4).for_each(|number| used(number, 0));
    assert_eq!(sessions.due(at(0), 9).len(), 4);
    (1..=2).for_each(|number| used(number, 1));
    // One that waits becomes urgent: it has two places in the queue, and is owed once.
    used(2, 150);
    used(3, 151);
    assert!(!sessions.owes());
    sessions.tell_again(Duration::ZERO);
    (5..=7).for_each(|number| used(number, 151));
    let prints = |most| sessions.due(at(151), most).into_iter().map(|(print, _)| print.0[0]).collect::<Vec<_>>();
    assert_eq!((prints(3), sessions.owes()), (vec![1, 2, 3], true));
    assert_eq!((prints(1), sessions.owes()), (vec![4], false));
    assert_eq!((prints(9), sessions.waiting()), (vec![5, 6, 7], 0));
}

/// Others are asked of what was never seen here, or seems to be left alone; not again at once.
#[test]
fn who_seems_left_alone_may_live_elsewhere() {
    let sessions = shared();
    assert!(sight(&sessions, 0).1);
    used(&sessions, 0);
    assert!(!sight(&sessions, 100).1);
    assert!(sight(&sessions, 101).1);
    let theirs = Life { last: 1_095_000, began: 1_000_000, signed_in: shown().signed_in, ..Life::default() };
    sessions.learn(name().print, Some(theirs), at(101), &TERMS);
    let (Knowledge::Known(.., sight_of_it), false) = sight(&sessions, 101) else { panic!("known, beyond doubt") };
    assert_eq!((sight_of_it.quiet, sight_of_it.silence), (6_000, 0));
    assert!(sight(&sessions, 196).1);
    sessions.learn(name().print, None, at(196), &TERMS);
    assert!(!sight(&sessions, 196).1 && sight(&sessions, 197).1, "not again within a second");
    // What a clock ahead of ours says was now, not later.
    sessions.learn(name().print, Some(Life { last: 9_000_000, ..theirs }), at(207), &TERMS);
    let (Knowledge::Known(.., sight_of_it), _) = sight(&sessions, 208) else { panic!("known") };
    assert_eq!(sight_of_it.quiet, 1_000);
}

/// Who signed in a moment ago is let in without asking; but then a token of an earlier sign-in is to be asked about: its
/// session may have been left alone elsewhere before.
#[test]
fn what_was_before_a_sign_in_is_asked_about() {
    let sessions = shared();
    let signed_in = |second: u64| Shown { signed_in: Some(at(second).wall), issued: Some(at(second).wall) };
    let known = |shown, second| {
        let known = sessions.known(&name(), shown, at(second), &TERMS);
        let doubtful = sessions.is_doubtful(name().print, (&known, shown), at(second), None);
        let Knowledge::Known(.., sight) = known else { panic!("{known:?}") };
        (doubtful, sight.silence / 1000)
    };
    assert!(!known(signed_in(600), 605).0);
    sessions.admitted(&name(), signed_in(600), at(605), Activity::User, &TERMS);
    assert!(!known(signed_in(600), 606).0);
    // Fresh by itself.
    let refreshed = Shown { issued: Some(at(599).wall), ..signed_in(0) };
    assert!(known(refreshed, 606).0);
    // And if nobody could be asked, what it proves by itself does not stand for what is learnt later.
    sessions.resumed(&name(), refreshed, at(607), Activity::User, &TERMS);
    let theirs = Life { last: 1_010_000, began: 1_000_000, signed_in: signed_in(0).signed_in, ..Life::default() };
    assert!(sessions.learn(name().print, Some(theirs), at(608), &TERMS));
    assert_eq!(known(refreshed, 609), (false, 590));
    assert_eq!(known(signed_in(600), 609), (false, 5));
}

/// That a token was renewed shows no user. Where it may have been, others are asked, however young the sign-in is: else what
/// it proves would stand for an activity.
#[test]
fn a_token_that_was_renewed_is_asked_about() {
    let sessions = shared();
    let doubtful = |issued: u64| {
        let shown = Shown { signed_in: Some(at(0).wall), issued: Some(at(issued).wall) };
        let known = sessions.known(&name(), shown, at(40), &TERMS);
        sessions.is_doubtful(name().print, (&known, shown), at(40), None)
    };
    assert_eq!([0, 10, 11, 40].map(doubtful), [false, false, true, true]);
}

#[test]
fn where_nothing_is_shared_nobody_is_told_or_asked() {
    let sessions = Sessions::default();
    used(&sessions, 0);
    assert_eq!((sessions.waiting(), sight(&sessions, 500).1), (0, false));
    assert!(sessions.due(at(500), 9).is_empty());
}

/// Who was taken for alive while the others could not be asked is doubtful until they are heard, however busy he is.
#[test]
fn what_was_never_heard_stays_doubtful() {
    let sessions = shared();
    sessions.resumed(&name(), shown(), at(0), Activity::User, &TERMS);
    used(&sessions, 1);
    assert!(sight(&sessions, 1).1);
    assert!(sessions.learn(name().print, None, at(2), &TERMS));
    used(&sessions, 4);
    assert!(!sight(&sessions, 4).1);
}

/// What was left alone by all when they were asked has ended for good; but not what they may have used since, nor what
/// nobody was asked about, nor whoever signed in again.
#[test]
fn a_silence_of_all_is_known_without_them() {
    let sessions = shared();
    used(&sessions, 0);
    let heard = |at| sessions.silence_heard(name().print, shown(), at);
    assert_eq!(heard(at(500)), 0, "nobody was asked");
    assert!(sessions.learn(name().print, None, at(150), &TERMS));
    assert!((139_900..=140_000).contains(&heard(at(500))), "{}", heard(at(500)));
    let again = Shown { signed_in: Some(at(160).wall), ..shown() };
    assert_eq!(sessions.silence_heard(name().print, again, at(500)), 0);
    used(&sessions, 170);
    assert_eq!(heard(at(500)), 0);
}

/// What is used here after it was learnt is told at once, unless others know of an activity that is hardly older.
#[test]
fn what_was_learnt_is_told_once_it_is_used() {
    for (last, told) in [(0, 52), (45, 55)] {
        let sessions = shared();
        let last = 1_000_000 + last * 1_000;
        let theirs = Life { last, began: 1_000_000, signed_in: shown().signed_in, ..Life::default() };
        sessions.learn(name().print, Some(theirs), at(51), &TERMS);
        used(&sessions, 52);
        let due = (52..90).find(|second| !sessions.due(at(*second), 9).is_empty());
        assert!(due.is_some_and(|due| (told..=told + 1).contains(&due)), "{due:?}, not {told}");
    }
}

/// Who signed in a short while ago needs nobody to vouch for him, though clocks differ; but where nothing shows its user, a
/// token that was refreshed must not stand for him.
#[test]
fn a_sign_in_is_known_by_its_token_for_half_the_limit() {
    let sessions = shared();
    let doubtful = |second, enough| {
        let known = sessions.known(&name(), shown(), at(second), &TERMS);
        sessions.is_doubtful(name().print, (&known, shown()), at(second), enough)
    };
    assert_eq!([0, 50, 51].map(|second| doubtful(second, None)), [false, false, true]);
    assert!(doubtful(1, Some(PACE.strictest)));
}

/// What others know, and there is no room for, is not known: else a token would begin the session anew.
#[test]
fn what_finds_no_room_is_not_learnt() {
    let (sessions, full) = (shared(), Terms { max: 0, ..TERMS });
    let theirs = Life { last: 1_000_000, began: 1_000_000, signed_in: shown().signed_in, ..Life::default() };
    assert!(!sessions.learn(name().print, Some(theirs), at(1), &full));
    assert!(sessions.learn(name().print, Some(theirs), at(1), &TERMS));
}

/// Sharing that ends and begins again tells what is used since.
#[test]
fn what_waited_when_sharing_ended_is_told_when_it_begins_again() {
    let sessions = shared();
    used(&sessions, 0);
    sessions.share(None);
    used(&sessions, 1);
    sessions.share(Some(PACE));
    used(&sessions, 2);
    assert_eq!(sessions.due(at(20), 9).len(), 1);
}
