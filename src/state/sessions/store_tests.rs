//! How long a session is needed, by a hand-set clock.

use super::*;
use crate::decide::session::{KeySource, OnFull};
use crate::decide::time::{Timestamp, millis};
use std::time::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const TERMS: Terms = Terms { max: 100, remember: secs(7200), absolute: Some(secs(3600)), on_full: OnFull::Deny };

fn at(second: u64) -> Moment {
    Moment { wall: Timestamp::from_secs(1_000_000).plus(secs(second)), steady: secs(1_000 + second) }
}

/// One of the same table as all others.
fn name(number: u8) -> Name {
    let mut print = [number; 16];
    print[..2].fill(7);
    Name { print: Fingerprint(print), source: KeySource::Claim }
}

/// Tokens of one session may tell when its user signed in, and others of it not: what the first ones proved still counts
/// against the others after the longest time that the session may have lasted.
#[test]
fn a_token_without_a_sign_in_does_not_begin_a_session_again_that_has_ended() {
    let sessions = Sessions::default();
    let told = Shown { signed_in: Some(at(0).wall), issued: Some(at(0).wall) };
    let untold = |second| Shown { signed_in: None, issued: Some(at(second).wall) };
    sessions.admitted(&name(1), told, at(0), Activity::User, &TERMS);
    sessions.admitted(&name(1), untold(3400), at(3500), Activity::User, &TERMS);
    // Others come, so that there is a look for what is over.
    for (number, second) in (2..6).zip([3910, 3920, 7000, 10_000]) {
        sessions.admitted(&name(number), untold(second), at(second), Activity::User, &TERMS);
        let known = sessions.known(&name(1), untold(second), at(second), &TERMS);
        let Knowledge::Known(_, basis, sight) = known else { panic!("{known:?}") };
        assert_eq!((basis, sight.age), (Basis::Held, millis(secs(second))), "{second}");
    }
    // It is remembered for so long, and no longer.
    sessions.admitted(&name(6), untold(11_100), at(11_100), Activity::User, &TERMS);
    let known = sessions.known(&name(1), untold(11_100), at(11_100), &TERMS);
    assert!(matches!(known, Knowledge::Known(_, Basis::Token, _)), "{known:?}");
}

/// One that has ended is remembered for as long as its tokens come, renewed or not, and for as long again: what a renewed one
/// proves would begin it anew.
#[test]
fn what_has_ended_is_not_forgotten_as_long_as_it_is_asked_for() {
    let sessions = Sessions::default();
    let renewed = |second| Shown { signed_in: None, issued: Some(at(second).wall) };
    sessions.admitted(&name(1), renewed(0), at(0), Activity::User, &TERMS);
    let mut ended = 0;
    for (number, second) in (2..).zip((5_000..40_000).step_by(5_000)) {
        // Others come, so that there is a look for what is over.
        sessions.admitted(&name(number), renewed(second), at(second), Activity::User, &TERMS);
        let known = sessions.known(&name(1), renewed(second), at(second), &TERMS);
        let Knowledge::Known(_, basis, sight) = known else { panic!("{known:?}") };
        assert_eq!((basis, sight.quiet), (Basis::Held, millis(secs(second))), "{second}");
        let turn = sessions.refused(&name(1), renewed(second), at(second), Reason::SessionIdleTimeout, &TERMS);
        ended += u32::from(turn == Turn::Ended);
        // A route that does not ask for it does not shorten that.
        sessions.admitted(&name(1), renewed(second), at(second), Activity::None, &TERMS);
    }
    assert_eq!(ended, 1);
    sessions.admitted(&name(99), renewed(42_600), at(42_600), Activity::User, &TERMS);
    let known = sessions.known(&name(1), renewed(42_600), at(42_600), &TERMS);
    assert!(matches!(known, Knowledge::Known(_, Basis::Token, _)), "nobody asked for it: {known:?}");
}

/// As long as its tokens come on a route that shows no user, it is remembered as well: by none of them it begins anew.
#[test]
fn what_is_polled_is_not_forgotten() {
    let sessions = Sessions::default();
    sessions.share(Some(super::super::Pace { interval: secs(90), strictest: secs(900) }));
    let renewed = |second| Shown { signed_in: None, issued: Some(at(second).wall) };
    sessions.admitted(&name(1), renewed(0), at(0), Activity::User, &TERMS);
    let mut told = Vec::new();
    for second in (0..40_000).step_by(600) {
        sessions.admitted(&name(1), renewed(second), at(second), Activity::None, &TERMS);
        told.extend(
            sessions.due(at(second), 9).into_iter().filter(|(print, _)| *print == name(1).print).map(|_| second),
        );
        // Others come, so that there is a look for what is over.
        sessions.admitted(&name(2), renewed(second), at(second), Activity::User, &Terms { remember: secs(1), ..TERMS });
        let known = sessions.known(&name(1), renewed(second), at(second), &TERMS);
        let Knowledge::Known(_, basis, sight) = known else { panic!("{known:?}") };
        assert_eq!((basis, sight.quiet), (Basis::Held, millis(secs(second))), "{second}");
    }
    // The others are told often enough not to forget it.
    assert!(told.windows(2).all(|pair| pair[1] - pair[0] <= 4_200) && told.len() > 9, "{told:?}");
}

/// Where no sign-in can be told from a renewed token, whoever tries again after an end would be locked out for as long as he
/// tries: there it is forgotten, so long after it was last used.
#[test]
fn who_cannot_show_a_sign_in_is_not_locked_out_for_good() {
    for (source, freed) in [(KeySource::Client, true), (KeySource::Claim, false)] {
        let (sessions, name_of) = (Sessions::default(), |number| Name { source, ..name(number) });
        let renewed = |second| Shown { signed_in: None, issued: Some(at(second).wall) };
        sessions.admitted(&name_of(1), renewed(0), at(0), Activity::User, &TERMS);
        for second in (1_000..8_000).step_by(1_000) {
            sessions.refused(&name_of(1), renewed(second), at(second), Reason::SessionIdleTimeout, &TERMS);
        }
        sessions.admitted(&name_of(2), renewed(8_000), at(8_000), Activity::User, &TERMS);
        let known = sessions.known(&name_of(1), renewed(8_000), at(8_000), &TERMS);
        assert_eq!(matches!(known, Knowledge::Known(_, Basis::Token, _)), freed, "{known:?}");
    }
}

/// One request for which there is no room counts once, whatever comes of it, and looking counts nothing.
#[test]
fn no_room_is_counted_once() {
    let shown = |second| Shown { signed_in: None, issued: Some(at(second).wall) };
    for (on_full, reason) in [
        (OnFull::Introspect, None),
        (OnFull::Deny, None),
        (OnFull::Introspect, Some(Reason::SessionIdleTimeout)),
        (OnFull::Deny, Some(Reason::SessionUnavailable)),
    ] {
        let (sessions, terms) = (Sessions::default(), Terms { max: 1, on_full, ..TERMS });
        sessions.admitted(&name(1), shown(0), at(0), Activity::User, &terms);
        let known = sessions.known(&name(2), shown(1), at(1), &terms);
        assert!(matches!(known, Knowledge::NoRoom(_) | Knowledge::Known(_, Basis::Unkept, _)));
        match reason {
            None => sessions.admitted(&name(2), shown(1), at(1), Activity::User, &terms),
            Some(reason) => sessions.refused(&name(2), shown(1), at(1), reason, &terms),
        };
        assert_eq!(sessions.counts().unkept, 1, "{on_full:?} {reason:?}");
    }
}
