//! The look through all sessions, by a hand-set clock.

use super::*;
use crate::decide::id::Fingerprint;
use crate::decide::session::{KeySource, OnFull, Shown};
use crate::decide::time::Timestamp;
use crate::state::clock::HandClock;
use crate::state::sessions::{Activity, Name, Terms};

const MINUTE: Duration = Duration::from_secs(60);
const TERMS: Terms = Terms { max: 10_000, remember: Duration::from_secs(7200), absolute: None, on_full: OnFull::Deny };

/// Of four tables, so that each of them is looked at in several parts.
fn name(number: u16) -> Name {
    let mut print = [0; 16];
    print[0] = (number % 4) as u8;
    print[2..4].copy_from_slice(&(number + 1).to_le_bytes());
    print[8..12].copy_from_slice(&u32::from(number).wrapping_mul(2_654_435_769).to_le_bytes());
    Name { print: Fingerprint(print), source: KeySource::Claim }
}

fn sees(sessions: &Sessions, clock: &HandClock, numbers: std::ops::Range<u16>) {
    let (now, shown) = (clock.now(), Shown { signed_in: None, issued: Some(clock.now().wall) });
    numbers.for_each(|number| {
        sessions.admitted(&name(number), shown, now, Activity::User, &TERMS);
    });
}

/// As often as it takes, and as the pace of it is.
fn round(sessions: &Sessions, clock: &HandClock, places: usize) -> (usize, Looked) {
    let mut rounds = Rounds::default();
    for calls in 1.. {
        rounds.go_on(sessions, clock, places);
        if rounds.table == 0 && rounds.place == 0 {
            return (calls, sessions.looked_through());
        }
        assert!(calls < 100_000, "it does not end");
    }
    unreachable!("it was asserted")
}

/// Without one new session, all that is over goes, and nothing else; who was idle is counted, by how long.
#[test]
fn what_is_over_goes_though_nothing_comes() {
    let (sessions, clock) = (Sessions::default(), HandClock::at(Timestamp::from_secs(1_000_000)));
    clock.advance(MINUTE);
    sees(&sessions, &clock, 0..3000);
    clock.advance(10 * MINUTE);
    sees(&sessions, &clock, 2000..4000);
    assert_eq!(round(&sessions, &clock, usize::MAX).1.idle, [2000, 2000, 0, 0, 0]);
    clock.advance(5 * MINUTE);
    assert_eq!(round(&sessions, &clock, usize::MAX).1.idle, [4000, 4000, 2000, 0, 0]);
    assert_eq!((sessions.counts().held, sessions.counts().forgotten), (4000, 0));
    // The first ones are over, by two hours and what is added for clocks.
    clock.advance(Duration::from_secs(7200) - 5 * MINUTE);
    let full = sessions.bytes();
    round(&sessions, &clock, usize::MAX);
    assert_eq!((sessions.counts().held, sessions.counts().forgotten), (2000, 2000));
    // What moves up while others go may be counted twice, and is not the next time.
    assert_eq!(round(&sessions, &clock, usize::MAX).1.idle, [2000, 2000, 2000, 2000, 0]);
    clock.advance(Duration::from_secs(7200));
    assert_eq!(round(&sessions, &clock, usize::MAX).1.idle, [0; 5]);
    assert_eq!((sessions.counts().held, sessions.counts().forgotten), (0, 4000));
    assert!(sessions.bytes() < full, "the memory is given back");
}

/// It comes to its end however little is looked at in one go, and finds the same.
#[test]
fn it_is_done_in_steps() {
    let (sessions, clock) = (Sessions::default(), HandClock::at(Timestamp::from_secs(1_000_000)));
    sees(&sessions, &clock, 0..5000);
    clock.advance(5 * MINUTE);
    let (calls, whole) = round(&sessions, &clock, usize::MAX);
    assert_eq!((calls, whole.idle), (1, [5000, 5000, 0, 0, 0]));
    let (calls, steps) = round(&sessions, &clock, 1000);
    assert!((20..60).contains(&calls), "{calls}");
    assert_eq!(steps, whole);
    assert_eq!(round(&Sessions::default(), &clock, 65_536).0, 1, "looking at nothing is quick");
}
