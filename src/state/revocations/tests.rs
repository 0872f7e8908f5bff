//! Does the set hold what its sources said, each its own, and never less than that?

use super::*;
use crate::decide::id::{Fingerprint, IssuerName, SourceName};
use crate::decide::revocation::{Cutoff, Entries, Freshness, Handles};
use crate::decide::time::{Moment, Timestamp};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

mod again;
mod bounds;
mod closed;
mod instead;
mod oracle;
mod readers;

const LEARNED: Timestamp = Timestamp::from_secs(500);

fn print(name: u8) -> Fingerprint {
    Fingerprint([name; 16])
}

fn secs(s: i64) -> Timestamp {
    Timestamp::from_secs(s)
}

fn at(s: u64) -> Moment {
    Moment { wall: secs(s as i64), steady: Duration::from_secs(s) }
}

fn corp() -> IssuerName {
    "corp".into()
}

fn open(set: &Revocations, name: &str, max_entries: usize, max_s: Option<u64>) -> Arc<Feed> {
    let bounds = Bounds { max_entries, max_staleness: max_s.map(Duration::from_secs) };
    set.open(&SourceName::from(name), &corp(), bounds).unwrap()
}

fn revoked(target: Target, cutoff: Cutoff) -> Revoked {
    Revoked { target, cutoff, until: None }
}

fn token(name: u8) -> Revoked {
    revoked(Target::Token(print(name)), Cutoff::Always)
}

fn handles() -> Handles {
    let claims = [print(6), print(5)].into();
    Handles { token: print(1), session: Some(print(2)), subject: Some(print(3)), client: Some(print(4)), claims }
}

fn cutoffs(entries: Entries) -> [Option<Cutoff>; 6] {
    [entries.token, entries.session, entries.subject, entries.client, entries.claim, entries.issuer]
        .map(|one| one.map(|one| one.cutoff))
}

#[test]
fn each_level_is_its_own() {
    let set = Revocations::default();
    assert_eq!(set.look_up(&corp(), &handles()), Entries::default());
    let feed = open(&set, "feed", 100, None);
    let levels = [
        Target::Token(print(1)),
        Target::Session(print(2)),
        Target::Subject(print(3)),
        Target::Client(print(4)),
        Target::Claim(print(5)),
        Target::Issuer,
    ];
    for (level, target) in levels.into_iter().enumerate() {
        let set = Revocations::default();
        let feed = open(&set, "feed", 100, None);
        set.add(&feed, &revoked(target, Cutoff::Always), LEARNED).unwrap();
        let found = cutoffs(set.look_up(&corp(), &handles()));
        assert!(found.iter().enumerate().all(|(other, found)| found.is_some() == (other == level)), "{target:?}");
    }
    // The same bytes at another level are another name.
    set.add(&feed, &revoked(Target::Session(print(1)), Cutoff::Always), LEARNED).unwrap();
    assert_eq!(set.look_up(&corp(), &handles()), Entries::default());
    // Another issuer's cut-off is not ours.
    set.add(&feed, &revoked(Target::Issuer, Cutoff::Always), LEARNED).unwrap();
    assert_eq!(set.look_up(&"other".into(), &handles()).issuer, None);
}

/// One source never hides, loosens or takes back what another one says.
#[test]
fn sources_do_not_hide_each_other() {
    let set = Revocations::default();
    let (one, two) = (open(&set, "one", 100, None), open(&set, "two", 100, None));
    let subject = |cutoff| revoked(Target::Subject(print(3)), cutoff);
    set.add(&one, &subject(Cutoff::Before(secs(100))), LEARNED).unwrap();
    set.replace(&two, [subject(Cutoff::Before(secs(200))), token(1)], LEARNED).unwrap();
    let entry = set.look_up(&corp(), &handles()).subject.unwrap();
    assert_eq!((entry.cutoff, entry.source, entry.learned), (Cutoff::Before(secs(200)), two.id, LEARNED));
    set.replace(&two, [], LEARNED).unwrap();
    assert_eq!(
        cutoffs(set.look_up(&corp(), &handles())),
        [None, None, Some(Cutoff::Before(secs(100))), None, None, None]
    );
    set.close(&one);
    assert_eq!(set.look_up(&corp(), &handles()), Entries::default());
    assert_eq!((set.source_name(one.id), set.source_name(two.id)), (None, Some("two".into())));
    assert_eq!(open(&set, "three", 1, None).id, one.id);
}

/// A delta only makes stricter; a snapshot says it all anew.
#[test]
fn deltas_merge_and_snapshots_replace() {
    let set = Revocations::default();
    let feed = open(&set, "feed", 100, None);
    let subject = |at| revoked(Target::Subject(print(3)), Cutoff::Before(secs(at)));
    let issuer = |at| revoked(Target::Issuer, Cutoff::UpTo(secs(at)));
    let found = || {
        let entries = set.look_up(&corp(), &handles());
        (entries.subject.and_then(|one| one.cutoff.instant()), entries.issuer.and_then(|one| one.cutoff.instant()))
    };
    set.add(&feed, &subject(200), LEARNED).unwrap();
    set.add(&feed, &subject(100), LEARNED).unwrap();
    set.add(&feed, &issuer(20), LEARNED).unwrap();
    set.add(&feed, &issuer(10), LEARNED).unwrap();
    assert_eq!(found(), (Some(secs(200)), Some(secs(20))));
    set.replace(&feed, [subject(50), subject(60), subject(40), issuer(5)], LEARNED).unwrap();
    assert_eq!(found(), (Some(secs(60)), Some(secs(5))));
    set.replace(&feed, [token(1)], LEARNED).unwrap();
    assert_eq!(found(), (None, None));
    assert_eq!(set.standing(at(0))[0].entries, 1);
}

/// While a snapshot replaces another, what is in both is never missing.
#[test]
fn a_snapshot_leaves_no_window() {
    let set = Arc::new(Revocations::default());
    let feed = open(&set, "feed", 10_000, None);
    let all = || (0..2_000_u16).map(|n| token((n % 250) as u8));
    set.replace(&feed, all(), LEARNED).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (set, done) = (Arc::clone(&set), Arc::clone(&done));
        std::thread::spawn(move || {
            let mut looks = 0_u64;
            while !done.load(Ordering::Relaxed) || looks == 0 {
                assert!(set.look_up(&corp(), &handles()).token.is_some());
                looks += 1;
            }
        })
    };
    (0..200).for_each(|_| set.replace(&feed, all(), LEARNED).unwrap());
    done.store(true, Ordering::Relaxed);
    reader.join().unwrap();
}

#[test]
fn a_source_past_its_bound_is_incomplete_and_forgets_nothing() {
    let set = Revocations::default();
    let feed = open(&set, "feed", 2, None);
    feed.heard(at(1));
    assert_eq!(set.add(&feed, &token(1), LEARNED), Ok(true));
    assert_eq!(set.add(&feed, &token(2), LEARNED), Ok(true));
    assert_eq!(set.add(&feed, &token(1), LEARNED), Ok(false));
    assert!(matches!(set.freshness(&corp(), at(1)), Freshness::Heard { .. }));
    assert_eq!(set.add(&feed, &token(3), LEARNED), Err(Full(2)));
    assert_eq!(set.freshness(&corp(), at(1)), Freshness::Never { source: feed.id });
    assert_eq!(set.replace(&feed, [token(4), token(5), token(6)], LEARNED), Err(Full(2)));
    assert!(set.look_up(&corp(), &handles()).token.is_some());
    // After a snapshot that failed, a delta still only makes stricter.
    let loose = revoked(Target::Token(print(1)), Cutoff::Before(secs(1)));
    set.add(&feed, &loose, LEARNED).unwrap();
    assert_eq!(set.look_up(&corp(), &handles()).token.unwrap().cutoff, Cutoff::Always);
    set.replace(&feed, [token(7), token(7), token(8)], LEARNED).unwrap();
    assert!(matches!(set.freshness(&corp(), at(1)), Freshness::Heard { .. }));
    assert_eq!((set.look_up(&corp(), &handles()).token, set.standing(at(1))[0].entries), (None, 2));
}

#[test]
fn entries_leave_when_no_token_needs_them() {
    let set = Revocations::default();
    let feed = open(&set, "feed", 100, None);
    let until = |target, s| Revoked { target, cutoff: Cutoff::Always, until: Some(secs(s)) };
    set.add(&feed, &until(Target::Token(print(1)), 1_000), LEARNED).unwrap();
    set.add(&feed, &until(Target::Token(print(1)), 900), LEARNED).unwrap();
    set.add(&feed, &until(Target::Issuer, 1_000), LEARNED).unwrap();
    set.add(&feed, &token(9), LEARNED).unwrap();
    let purge = |s| (0..Revocations::PURGE_STEPS).for_each(|_| set.purge_step(secs(s)));
    purge(1_299);
    let found = set.look_up(&corp(), &handles());
    assert!(found.token.is_some() && found.issuer.is_some());
    purge(1_300);
    assert_eq!(set.look_up(&corp(), &handles()), Entries::default());
    purge(i64::MAX / 1000);
    assert_eq!(set.standing(at(0))[0].entries, 1);
}

#[test]
fn freshness_is_that_of_the_source_nearest_to_being_stale() {
    let set = Revocations::default();
    assert_eq!(set.freshness(&corp(), at(9)), Freshness::Unfed);
    let (slow, fast) = (open(&set, "slow", 1, Some(100)), open(&set, "fast", 1, Some(10)));
    slow.heard(at(1));
    assert_eq!(set.freshness(&corp(), at(9)), Freshness::Cold { source: fast.id, stale: false });
    assert_eq!(set.freshness(&corp(), at(102)), Freshness::Cold { source: fast.id, stale: true });
    assert_eq!(set.freshness(&"other".into(), at(9)), Freshness::Unfed);
    fast.heard(at(8));
    let heard = |age, max, source: &Feed| Freshness::Heard {
        age: Duration::from_secs(age),
        max: Some(Duration::from_secs(max)),
        source: source.id,
    };
    assert_eq!(set.freshness(&corp(), at(9)), heard(1, 10, &fast));
    fast.heard(at(99));
    fast.heard(at(50));
    assert_eq!(set.freshness(&corp(), at(100)), heard(99, 100, &slow));
    slow.rebound(Bounds { max_entries: 1, max_staleness: None });
    assert_eq!(set.freshness(&corp(), at(100)), heard(1, 10, &fast));
}

/// A feed that is filled from others, and one that counts no entries, tell no bound.
#[test]
fn a_bound_is_told_where_there_is_one() {
    let set = Revocations::default();
    for (place, (most, told)) in [(Bounds::ALL, None), (0, None), (5, Some(5))].into_iter().enumerate() {
        assert_eq!(open(&set, &place.to_string(), most, None).standing(at(1)).max_entries, told);
    }
}

fn any_revoked() -> impl Strategy<Value = Revoked> {
    let target = (0..6_u8, 0..4_u8).prop_map(|(level, name)| match level {
        0 => Target::Token(print(name)),
        1 => Target::Session(print(name)),
        2 => Target::Subject(print(name)),
        3 => Target::Client(print(name)),
        4 => Target::Claim(print(name)),
        _ => Target::Issuer,
    });
    let cutoff = (0..3_u8, 0..5_000_i64).prop_map(|(shape, ms)| match shape {
        0 => Cutoff::Always,
        1 => Cutoff::Before(Timestamp::from_millis(ms)),
        _ => Cutoff::UpTo(Timestamp::from_millis(ms)),
    });
    let until = proptest::option::of((0..9_i64).prop_map(secs));
    (target, cutoff, until).prop_map(|(target, cutoff, until)| Revoked { target, cutoff, until })
}

fn any_handles() -> impl Strategy<Value = Handles> {
    let name = || proptest::option::of((0..4_u8).prop_map(print));
    let claims = proptest::collection::vec((0..4_u8).prop_map(print), 0..3).prop_map(Vec::into_boxed_slice);
    (0..4_u8, name(), name(), name(), claims).prop_map(|(token, session, subject, client, claims)| Handles {
        token: print(token),
        session,
        subject,
        client,
        claims,
    })
}

fn hits(entries: Entries, issued: Option<Timestamp>) -> [bool; 6] {
    cutoffs(entries).map(|cutoff| cutoff.is_some_and(|cutoff| cutoff.hits(issued)))
}

proptest! {
    /// Feeds may arrive in any order: which tokens are hit does not depend on it.
    #[test]
    fn deltas_in_any_order_give_the_same_set(
        all in proptest::collection::vec(any_revoked(), 0..12)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        handles in any_handles(),
        issued in 0..6_000_i64,
    ) {
        let (one, two) = (Revocations::default(), Revocations::default());
        for (set, entries) in [(&one, &all.0), (&two, &all.1)] {
            let feed = open(set, "feed", 100, None);
            entries.iter().for_each(|entry| _ = set.add(&feed, entry, LEARNED).unwrap());
            (0..Revocations::PURGE_STEPS).for_each(|_| set.purge_step(secs(304)));
        }
        let issued = Some(Timestamp::from_millis(issued));
        prop_assert_eq!(hits(one.look_up(&corp(), &handles), issued), hits(two.look_up(&corp(), &handles), issued));
    }

    /// More revocations never admit more, whichever source they come from.
    #[test]
    fn more_revocations_never_admit_more(
        all in proptest::collection::vec((any_revoked(), any::<bool>()), 1..12),
        handles in any_handles(),
        issued in proptest::option::of(0..6_000_i64),
    ) {
        let set = Revocations::default();
        let feeds = [open(&set, "one", 100, None), open(&set, "two", 100, None)];
        let issued = issued.map(Timestamp::from_millis);
        let mut before = [false; 6];
        for (entry, second) in all {
            set.add(&feeds[usize::from(second)], &entry, LEARNED).unwrap();
            let after = hits(set.look_up(&corp(), &handles), issued);
            prop_assert!(before.iter().zip(after).all(|(before, after)| !before || after));
            before = after;
        }
    }
}
