//! An activity that waits until others were asked.

use super::super::{Desk, Sessions};
use super::*;
use crate::decide::id::Fingerprint;
use crate::decide::session::{KeySource, Knowledge, Life, OnFull, Sight};
use crate::decide::time::Timestamp;
use crate::state::clock::{Clock, HandClock};
use std::time::Duration;

const TERMS: Terms = Terms { max: 100, remember: Duration::from_secs(3600), absolute: None, on_full: OnFull::Deny };

fn at(second: u64) -> Moment {
    let wall = Timestamp::from_secs(1_000_000).plus(Duration::from_secs(second));
    Moment { wall, steady: Duration::from_secs(1_000 + second) }
}

fn used(second: u64, on_state_loss: OnStateLoss) -> Used {
    let name = Name { print: Fingerprint([7; 16]), source: KeySource::Claim };
    Used {
        name,
        shown: Shown { signed_in: None, issued: Some(at(0).wall) },
        at: at(second),
        terms: TERMS,
        on_state_loss,
    }
}

fn sight(sessions: &Sessions, second: u64) -> (i64, i64) {
    let Used { name, shown, .. } = used(0, OnStateLoss::Deny);
    let known = sessions.known(&name, shown, at(second), &TERMS);
    let Knowledge::Known(.., Sight { quiet, silence, .. }) = known else { panic!("{known:?}") };
    (quiet / 1000, silence / 1000)
}

fn desk() -> (Arc<Sessions>, Desk) {
    let (sessions, first) = (Arc::new(Sessions::default()), used(0, OnStateLoss::Deny));
    sessions.admitted(&first.name, first.shown, first.at, Activity::User, &TERMS);
    let desk = Desk::new(Arc::clone(&sessions), Arc::new(HandClock::default()), TERMS);
    desk.set_open(true);
    (sessions, desk)
}

/// Somebody else broke the silence, or nobody did: what is remembered is what was.
#[test]
fn a_silence_is_one_if_nobody_else_broke_it() {
    for (theirs, silence) in [(Some(1_090_000), 90), (None, 100)] {
        let ((sessions, desk), used) = (desk(), used(100, OnStateLoss::Deny));
        let mut questions = desk.take().unwrap();
        desk.used(used);
        assert_eq!(sight(&sessions, 100), (100, 0), "nothing is told before others are asked");
        let question = questions.try_recv().unwrap();
        assert!(!question.is_over());
        let theirs = theirs.map(|last| Life { last, silence: 90_000, broken: last, ..Life::default() });
        assert!(sessions.learn(used.name.print, theirs, at(100), &TERMS));
        question.answered(true);
        assert_eq!(sight(&sessions, 101), (1, silence));
    }
}

/// Nobody can be asked: what the policy says holds, and no silence is remembered that may have been none.
#[test]
fn where_nobody_can_be_asked() {
    for (loss, quiet) in [(OnStateLoss::Deny, 101), (OnStateLoss::Local, 1), (OnStateLoss::Allow, 1)] {
        for open in [true, false] {
            let (sessions, desk) = desk();
            desk.set_open(open);
            desk.used(used(100, loss));
            // Whoever asks is gone.
            drop(desk.take());
            assert_eq!(sight(&sessions, 101), (quiet, 0), "{loss:?}");
            assert_eq!(desk.counts().went_without.iter().sum::<u64>(), u64::from(!open));
        }
    }
}

/// What came of an activity's question is told to who decides whether it is worth to ask: the one that is let through while
/// nobody answers is not spent in vain.
#[test]
fn its_answer_counts_as_any_other() {
    let (sessions, used) = (Arc::new(Sessions::default()), used(100, OnStateLoss::Local));
    let clock = Arc::new(HandClock::default());
    let desk = Desk::new(sessions, Arc::clone(&clock) as Arc<dyn Clock>, TERMS);
    desk.set_open(true);
    let mut questions = desk.take().unwrap();
    for _ in 0..5 {
        desk.used(used);
        drop(questions.try_recv().unwrap());
    }
    desk.used(used);
    assert!(questions.try_recv().is_err(), "nobody answered five in a row");
    clock.advance(Duration::from_secs(1));
    desk.used(used);
    questions.try_recv().unwrap().answered(true);
    desk.used(used);
    assert!(questions.try_recv().is_ok(), "the next one may see for itself");
}
