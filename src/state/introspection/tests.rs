//! The desk: one question for all, answers that are kept for as long as they count, and nothing without a bound.

use super::{Desk, Inquiries, Inquiry, Limits, Outcome, Question};
use crate::decide::claims::{Claims, Token, TokenType};
use crate::decide::id::KeyId;
use crate::decide::introspection::{Answer, Had, Told};
use crate::decide::revocation::Handles;
use crate::decide::rules::Algorithm;
use crate::decide::time::{Moment, Timestamp};
use crate::state::clock::HandClock;
use crate::state::fingerprint::Fingerprints;
use crate::state::verified::{IssuerPlace, Verified};
use std::sync::Arc;
use std::time::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn at(steady: u64) -> Moment {
    Moment { wall: Timestamp::from_secs(1000), steady: secs(steady) }
}

fn verified() -> Arc<Verified> {
    let token = Token {
        kind: TokenType::AccessToken,
        algorithm: Algorithm::ES256,
        key: KeyId::from("k"),
        key_header: false,
        claims: Ok(Claims::default()),
        handles: Handles::default(),
    };
    Arc::new(Verified::new(token, 0, IssuerPlace(0)))
}

fn desk(in_flight: usize) -> (Arc<Desk>, Inquiries) {
    let (active_for, inactive_for, timeout) = (secs(10), secs(60), secs(2));
    let limits = Limits { active_for, inactive_for, entries: 1000, in_flight, timeout, failures: 2, pause: secs(5) };
    let (desk, inquiries) = Desk::new(&limits, Arc::new(Fingerprints::random().unwrap()));
    (Arc::new(desk), inquiries)
}

async fn ask(desk: &Desk, token: &str, now: u64, lifts: u64) -> Told {
    let clock = HandClock::at(Timestamp::from_secs(1000));
    desk.ask(Question { token, verified: &verified(), now: at(now), lifts, clock: &clock }).await
}

/// Asks, and has the question answered.
async fn told(desk: &Desk, inquiries: &mut Inquiries, now: u64, lifts: u64, outcome: Outcome) -> (Answer, bool) {
    let settled = async {
        let inquiry: Inquiry = inquiries.recv().await.unwrap();
        desk.settle(inquiry, outcome, secs(now));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        told = ask(desk, "t", now, lifts) => (told.answer, matches!(told.had, Had::Cached(_))),
        () = settled => unreachable!(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_until_it_is_old_or_something_was_taken_back() {
    let (desk, mut inquiries) = desk(8);
    let none = Outcome::Active(None);
    assert_eq!(told(&desk, &mut inquiries, 1, 0, none).await, (Answer::Active, false));
    assert_eq!(told(&desk, &mut inquiries, 10, 0, Outcome::Inactive).await, (Answer::Active, true));
    assert_eq!(told(&desk, &mut inquiries, 10, 1, Outcome::Inactive).await, (Answer::Inactive, false), "taken back");
    assert_eq!(told(&desk, &mut inquiries, 69, 1, none).await, (Answer::Inactive, true));
    assert_eq!(told(&desk, &mut inquiries, 69, 2, none).await, (Answer::Active, false), "let in again");
    assert_eq!(told(&desk, &mut inquiries, 79, 2, Outcome::Inactive).await, (Answer::Inactive, false), "too old");
    // What cannot be told is not kept.
    let odd = Outcome::Odd("odd");
    assert_eq!(told(&desk, &mut inquiries, 200, 2, odd).await, (Answer::Unknown("odd"), false));
    assert_eq!(told(&desk, &mut inquiries, 200, 2, none).await, (Answer::Active, false));
    let stands = desk.standing();
    assert_eq!((stands.active, stands.inactive, stands.unknown, stands.cached), (3, 2, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn many_wait_for_one_question_and_nobody_for_ever() {
    let (desk, mut inquiries) = desk(2);
    let wait = |token: &'static str| {
        let desk = Arc::clone(&desk);
        tokio::spawn(async move { ask(&desk, token, 1, 0).await.answer })
    };
    let waiting: Vec<_> = (0..9).map(|_| wait("t")).collect();
    let inquiry = inquiries.recv().await.unwrap();
    let other = wait("u");
    let _kept = inquiries.recv().await.unwrap();
    assert_eq!(ask(&desk, "v", 1, 0).await.answer, Answer::Unknown("too many questions are open"));
    desk.settle(inquiry, Outcome::Active(None), secs(1));
    for one in waiting {
        assert_eq!(one.await.unwrap(), Answer::Active);
    }
    assert_eq!(other.await.unwrap(), Answer::Unknown("no answer in time"));
    // Whoever asked is gone: who waits learns it at once, and the next one asks anew.
    let lost = wait("v");
    drop(inquiries.recv().await.unwrap());
    assert_eq!(lost.await.unwrap(), Answer::Unknown("the question was lost"));
    let again = wait("v");
    desk.settle(inquiries.recv().await.unwrap(), Outcome::Inactive, secs(1));
    assert_eq!(again.await.unwrap(), Answer::Inactive);
    assert_eq!((desk.standing().busy, desk.standing().active), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn after_failures_nobody_is_asked_for_a_while() {
    let (desk, mut inquiries) = desk(2);
    for _ in 0..2 {
        let failed = told(&desk, &mut inquiries, 1, 0, Outcome::Failed("down")).await;
        assert_eq!(failed, (Answer::Unknown("down"), false));
    }
    let alone = Answer::Unknown("its issuer failed too often, and is left alone for a while");
    assert_eq!(ask(&desk, "t", 5, 0).await.answer, alone);
    assert!(desk.standing().open && desk.standing().paused == 1);
    assert_eq!(told(&desk, &mut inquiries, 6, 0, Outcome::Active(None)).await, (Answer::Active, false));
    assert!(!desk.standing().open);
}
