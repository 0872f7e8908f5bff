//! What becomes of the bound of a source.

use super::*;

/// Whoever was refused an event says it again: nothing is missing of what was acknowledged.
#[test]
fn a_refused_event_makes_nothing_incomplete() {
    let set = Revocations::default();
    let feed = open(&set, "feed", 1, None);
    feed.heard(at(1));
    assert_eq!(set.offer(&feed, &token(1), LEARNED), Ok(true));
    assert_eq!(set.offer(&feed, &token(2), LEARNED), Err(Full(1)));
    assert_eq!(set.offer(&feed, &token(1), LEARNED), Ok(false));
    assert!(matches!(set.freshness(&corp(), at(1)), Freshness::Heard { .. }));
    feed.rebound(Bounds { max_entries: 2, max_staleness: None });
    assert_eq!(set.offer(&feed, &token(2), LEARNED), Ok(true));
    feed.rebound(Bounds { max_entries: 1, max_staleness: None });
    set.restore(&feed, &token(3), LEARNED);
    assert_eq!((set.standing(at(1))[0].entries, set.standing(at(1))[0].complete), (3, true));
}

/// Whatever breaks off, and however often: no more than twice what the source may hold stays, and nothing leaves that it
/// said before.
#[test]
fn snapshots_that_break_off_do_not_pile_up() {
    let set = Revocations::default();
    let feed = open(&set, "feed", 100, None);
    let token = |name: u16| {
        let [high, low] = name.to_be_bytes();
        revoked(
            Target::Token(Fingerprint([high, low, low, high, low, high, 1, low, high, 7, low, high, 2, 3, low, high])),
            Cutoff::Always,
        )
    };
    set.replace(&feed, (0..90).map(token), LEARNED).unwrap();
    for attempt in 1..6_u16 {
        let mut snapshot = set.begin(&feed, LEARNED).unwrap();
        (0..90).for_each(|name| _ = snapshot.put(&token(attempt * 100 + name)).unwrap());
        assert!(set.standing(at(1))[0].entries <= 290);
        drop(snapshot);
        assert_eq!(set.standing(at(1))[0].entries, if attempt == 1 { 180 } else { 200 }, "attempt {attempt}");
    }
    let has = |name: u16| {
        let Target::Token(token) = token(name).target else { return false };
        set.look_up(&corp(), &Handles { token, ..Handles::default() }).token.is_some()
    };
    assert!((0..90).all(has), "what was said before");
    // One that is whole has its room, be all of it new.
    set.replace(&feed, (600..700).map(token), LEARNED).unwrap();
    assert!((600..700).all(has) && !(0..600).any(has));
    assert_eq!((set.standing(at(1))[0].entries, set.standing(at(1))[0].complete), (100, true));
}

/// What a snapshot says twice, and what nobody needs any more, is not counted; nor what is left of one that broke off.
#[test]
fn a_snapshot_counts_what_differs_and_is_needed() {
    let set = Revocations::default();
    let feed = open(&set, "feed", 100, None);
    let mut snapshot = set.begin(&feed, LEARNED).unwrap();
    for what in [token(1), token(1), token(2), Revoked { until: Some(secs(100)), ..token(3) }] {
        snapshot.put(&what).unwrap();
    }
    assert_eq!(snapshot.counts(), 2);
    snapshot.finish();
    assert_eq!(feed.said(), 3);
    let mut snapshot = set.begin(&feed, LEARNED).unwrap();
    (10..20).for_each(|name| _ = snapshot.put(&token(name)).unwrap());
    drop(snapshot);
    assert_eq!((set.standing(at(1))[0].entries, feed.said()), (13, 3));
    set.replace(&feed, (10..20).map(token), LEARNED).unwrap();
    assert_eq!(feed.said(), 10);
}

/// What is said again and again, and is more than there is room for, is new once, and stays.
#[test]
fn what_a_failed_snapshot_brought_does_not_come_and_go() {
    let set = Revocations::default();
    let feed = open(&set, "feed", 10, None);
    set.replace(&feed, (0..10).map(token), LEARNED).unwrap();
    for attempt in 0..3 {
        let mut snapshot = set.begin(&feed, LEARNED).unwrap();
        // The eleventh stands first.
        let news = std::iter::once(10).chain(0..9).map(|name| snapshot.put(&token(name)).unwrap());
        assert_eq!(news.filter(|news| *news).count(), usize::from(attempt == 0));
        assert_eq!(snapshot.put(&token(9)), Err(Full(10)));
        drop(snapshot);
        assert_eq!((set.standing(at(1))[0].entries, feed.said()), (11, 10));
    }
}

/// What a snapshot brought and another one says besides is not given back with it.
#[test]
fn what_was_said_besides_stays() {
    let set = Revocations::default();
    let feed = open(&set, "feed", 1, None);
    (0..2).for_each(|name| _ = set.begin(&feed, LEARNED).unwrap().put(&token(name)));
    for (said, entries) in [(false, 2), (true, 3)] {
        let mut snapshot = set.begin(&feed, LEARNED).unwrap();
        assert_eq!(snapshot.put(&token(2)), Ok(true));
        if said {
            assert_eq!(set.offer(&feed, &token(2), LEARNED), Ok(false));
        }
        drop(snapshot);
        assert_eq!(set.standing(at(1))[0].entries, entries);
    }
}

/// What was said before a restart was said, though the bound was lowered since: who says nothing now has shrunk.
#[test]
fn what_is_read_back_past_the_bound_was_said() {
    let set = Revocations::default();
    let feed = open(&set, "feed", 3, None);
    assert_eq!(set.replay(&feed, (0..5).map(token), LEARNED), Err(Full(3)));
    assert_eq!(feed.said(), 3);
}
