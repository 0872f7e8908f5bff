//! What is used, or refused, while the others cannot be asked: no session that has ended lives on by it.

use super::super::Pace;
use super::*;
use crate::decide::session::{KeySource, OnFull, Sight};
use crate::decide::time::Timestamp;
use std::time::Duration;

const TERMS: Terms = Terms { max: 100, remember: Duration::from_secs(86_400), absolute: None, on_full: OnFull::Deny };

fn at(minute: u64) -> Moment {
    let wall = Timestamp::from_secs(1_000_000).plus(Duration::from_secs(60 * minute));
    Moment { wall, steady: Duration::from_secs(100_000 + 60 * minute) }
}

fn name() -> Name {
    Name { print: Fingerprint([7; 16]), source: KeySource::Claim }
}

/// The token was renewed at this minute.
fn renewed(minute: u64) -> Shown {
    Shown { signed_in: Some(at(0).wall), issued: Some(at(minute).wall) }
}

fn shared() -> Sessions {
    let sessions = Sessions::default();
    sessions.share(Some(Pace { interval: Duration::from_secs(90), strictest: Duration::from_secs(900) }));
    sessions
}

fn sight(sessions: &Sessions, minute: u64) -> (Basis, i64, i64) {
    let known = sessions.known(&name(), renewed(minute), at(minute), &TERMS);
    let Knowledge::Known(_, basis, Sight { quiet, silence, .. }) = known else { panic!("{known:?}") };
    (basis, quiet / 60_000, silence / 60_000)
}

/// All that is told is what the others know.
fn told(sessions: &Sessions, minute: u64, store: &mut Option<Life>) {
    for (_, life) in sessions.due(at(minute), 9) {
        *store = Some(store.map_or(life, |store| store.joined(life)));
    }
}

/// It ended, and is used on a route without an idle limit while nobody can be asked: as soon as somebody can, it has ended.
#[test]
fn what_has_ended_does_not_live_again() {
    for (refused, others) in [(true, None), (false, None), (false, Some(0)), (false, Some(12))] {
        let (sessions, mut store) = (shared(), None);
        sessions.admitted(&name(), renewed(0), at(0), Activity::User, &TERMS);
        told(&sessions, 0, &mut store);
        if refused {
            assert!(sessions.learn(name().print, store, at(20), &TERMS));
            sessions.refused(&name(), renewed(20), at(20), Reason::SessionIdleTimeout, &TERMS);
        }
        sessions.resumed(&name(), renewed(21), at(21), Activity::User, &TERMS);
        // Until they are heard, only what all had kept when they were asked is a silence.
        assert_eq!(sight(&sessions, 22), (Basis::Held, 1, if refused { 18 } else { 0 }));
        told(&sessions, 24, &mut store);
        if let Some(last) = others {
            let elsewhere = shared();
            elsewhere.admitted(&name(), renewed(last), at(last), Activity::User, &TERMS);
            elsewhere.hurry();
            told(&elsewhere, 24, &mut store);
        }
        let expected = others.map_or(21, |last| 21 - i64::try_from(last).unwrap());
        assert!(sessions.learn(name().print, store, at(25), &TERMS));
        assert_eq!(sight(&sessions, 25), (Basis::Held, 4, expected), "{refused} {others:?}");
        // And whoever never saw it finds the same.
        let late = shared();
        assert!(late.learn(name().print, store, at(26), &TERMS));
        assert_eq!(sight(&late, 26), (Basis::Held, 5, expected), "{refused} {others:?}");
    }
}

/// Who was active elsewhere all the time lives on.
#[test]
fn what_was_used_elsewhere_lives_on() {
    let (here, there, mut store) = (shared(), shared(), None);
    here.admitted(&name(), renewed(0), at(0), Activity::User, &TERMS);
    (0..=22).for_each(|minute| _ = there.admitted(&name(), renewed(0), at(minute), Activity::User, &TERMS));
    here.resumed(&name(), renewed(21), at(21), Activity::User, &TERMS);
    told(&here, 23, &mut store);
    told(&there, 25, &mut store);
    for sessions in [here, shared()] {
        assert!(sessions.learn(name().print, store, at(25), &TERMS));
        assert_eq!(sight(&sessions, 25), (Basis::Held, 3, 1));
    }
}

/// A renewed token proves nothing where it was seen first, as long as nobody can be asked: neither one that only polls, nor
/// one that shows its user, nor one that was refused. Where nobody else knows of it, it does.
#[test]
fn a_renewed_token_revives_nothing() {
    for how in 0..3 {
        let (here, there, mut store) = (shared(), shared(), None);
        there.admitted(&name(), renewed(0), at(0), Activity::User, &TERMS);
        told(&there, 0, &mut store);
        match how {
            0 => here.resumed(&name(), renewed(19), at(20), Activity::None, &TERMS),
            1 => here.resumed(&name(), renewed(19), at(20), Activity::User, &TERMS),
            _ => here.refused_unheard(&name(), renewed(19), at(20), Reason::SessionAbsoluteTimeout, &TERMS),
        };
        told(&here, 20, &mut store);
        for sessions in [there, here] {
            assert!(sessions.learn(name().print, store, at(21), &TERMS));
            let (_, quiet, silence) = sight(&sessions, 21);
            assert!(quiet.max(silence) >= 20, "{how}: {quiet} {silence}");
        }
    }
    let here = shared();
    here.resumed(&name(), renewed(19), at(20), Activity::User, &TERMS);
    assert!(here.learn(name().print, None, at(21), &TERMS));
    assert_eq!(sight(&here, 21), (Basis::Held, 1, 1));
}
