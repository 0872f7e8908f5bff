//! How much sessions take, and what happens when there are too many.

use crate::sessions::Random;
use curfew::decide::session::{Basis, Knowledge, OnFull, Shown};
use curfew::decide::time::{Moment, Timestamp};
use curfew::state::sessions::{Activity, Counts, Sessions, Terms};
use std::time::{Duration, Instant};

fn at(second: u64) -> Moment {
    let wall = Timestamp::from_secs(1_800_000_000 + i64::try_from(second).unwrap());
    Moment { wall, steady: Duration::from_secs(second) }
}

fn shown(second: i64) -> Shown {
    let at = Some(Timestamp::from_secs(1_800_000_000 + second));
    Shown { signed_in: at, issued: at }
}

fn terms(max: usize) -> Terms {
    Terms { max, remember: Duration::from_secs(3600), absolute: None, on_full: OnFull::Deny }
}

/// The task asks for at most 150 bytes.
#[test]
fn a_million_sessions() {
    const MANY: usize = 1_000_000;
    let (store, mut random, terms) = (Sessions::default(), Random(7), terms(MANY));
    let began = Instant::now();
    let mut worst = 0.0_f64;
    let mut names = Vec::new();
    for nth in 1..=MANY {
        let name = random.name();
        store.admitted(&name, shown(0), at(1), Activity::User, &terms);
        if nth % 1000 == 0 {
            names.push(name);
        }
        if nth % 50_000 == 0 {
            worst = worst.max(store.bytes() as f64 / nth as f64);
        }
    }
    let each = store.bytes() as f64 / MANY as f64;
    let put = began.elapsed().as_nanos() / MANY as u128;
    let began = Instant::now();
    let found = names
        .iter()
        .cycle()
        .take(1_000_000)
        .filter(|name| matches!(store.known(name, shown(0), at(2), &terms), Knowledge::Known(_, Basis::Held, _)));
    assert_eq!(found.count(), 1_000_000);
    let look = began.elapsed().as_nanos() / 1_000_000;
    println!(
        "{MANY} sessions: {each:.1} bytes each, at most {worst:.1} on the way; {put} ns to add, {look} ns to look"
    );
    assert!(worst < 105.0, "{worst}");
    assert_eq!(store.counts(), Counts { held: MANY, ..Counts::default() });
}

/// One more than there is room for is not kept, and that is told; nothing that is held gives way. What is over does.
#[test]
fn too_many_sessions() {
    let (store, mut random, terms) = (Sessions::default(), Random(9), terms(10_000));
    let first: Vec<_> = (0..10_000).map(|_| random.name()).collect();
    first.iter().for_each(|name| _ = store.admitted(name, shown(0), at(1), Activity::User, &terms));
    let bytes = store.bytes();
    for _ in 0..100_000 {
        let name = random.name();
        assert!(matches!(store.known(&name, shown(0), at(2), &terms), Knowledge::NoRoom(_)));
        store.admitted(&name, shown(0), at(2), Activity::User, &terms);
    }
    assert_eq!((store.counts().held, store.bytes()), (10_000, bytes));
    assert!(store.counts().unkept >= 100_000);
    let held = |name| matches!(store.known(name, shown(0), at(3), &terms), Knowledge::Known(_, Basis::Held, _));
    assert!(first.iter().all(held));
    // An hour later, and as long as clocks may differ, all of them are over: whoever comes finds room, after a little.
    let late = at(1 + 3600 + 302);
    let fresh = shown(3900);
    let found = (0..2_000).any(|_| matches!(store.known(&random.name(), fresh, late, &terms), Knowledge::Known(..)));
    assert!(found, "{:?}", store.counts());
    for _ in 0..20_000 {
        let name = random.name();
        if let Knowledge::Known(..) = store.known(&name, fresh, late, &terms) {
            store.admitted(&name, fresh, late, Activity::User, &terms);
        }
    }
    let kept = first
        .iter()
        .filter(|name| matches!(store.known(name, shown(0), late, &terms), Knowledge::Known(_, Basis::Held, _)));
    println!("{} of the first are still there, {} are held", kept.count(), store.counts().held);
    assert!(store.counts().held <= 10_000);
}

/// Where issuers stand in for what finds no room, no more is remembered either: it is told that they are to be asked.
#[test]
fn too_many_sessions_that_issuers_are_asked_about() {
    let terms = Terms { on_full: OnFull::Introspect, ..terms(1_000) };
    let (store, mut random) = (Sessions::default(), Random(11));
    let (mut asked, mut bytes) = (0, 0);
    for nth in 0..200_000_u64 {
        bytes = if nth == 1_000 { store.bytes() } else { bytes };
        let (name, now) = (random.name(), at(60 + nth / 5_000));
        match store.known(&name, shown(60), now, &terms) {
            Knowledge::Known(_, Basis::Unkept, sight) => {
                assert_eq!(
                    sight.quiet,
                    i64::try_from(nth / 5_000).unwrap() * 1000,
                    "what the token proves, and never now"
                );
                asked += 1;
            }
            known => assert!(nth < 1_000 && matches!(known, Knowledge::Known(_, Basis::Token, _)), "{known:?}"),
        }
        store.admitted(&name, shown(60), now, Activity::User, &terms);
    }
    assert_eq!((asked, store.counts().held), (199_000, 1_000));
    assert_eq!(store.bytes(), bytes);
}

/// Where every policy has an absolute limit, a session is forgotten once the sign-in that its tokens tell is enough.
#[test]
fn it_is_kept_for_as_long_as_its_tokens_could_pass() {
    let (store, mut random) = (Sessions::default(), Random(3));
    let terms = Terms { absolute: Some(Duration::from_secs(8 * 3600)), ..terms(100_000) };
    let name = random.name();
    store.admitted(&name, shown(0), at(0), Activity::User, &terms);
    let flood = |random: &mut Random, now: Moment| {
        for _ in 0..60_000 {
            let none = Shown { signed_in: None, ..shown(0) };
            store.admitted(&random.name(), none, now, Activity::None, &terms);
        }
    };
    let held = |now| matches!(store.known(&name, shown(0), now, &terms), Knowledge::Known(_, Basis::Held, _));
    flood(&mut random, at(8 * 3600 + 299));
    assert!(held(at(8 * 3600 + 299)));
    flood(&mut random, at(8 * 3600 + 310));
    assert!(!held(at(8 * 3600 + 310)));
}
