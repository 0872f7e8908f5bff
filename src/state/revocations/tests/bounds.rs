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

/// Whatever breaks off, and however often: no more than twice what the source may hold is held, nothing leaves that it
/// said before, and nothing comes and goes.
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
        // Said twice, it counts once.
        let said = |snapshot: &mut Snapshot<'_>| {
            (0..90).filter(|name| snapshot.put(&token(attempt * 100 + name)).unwrap()).count()
        };
        assert_eq!((said(&mut snapshot), said(&mut snapshot)), (90, 0), "attempt {attempt}");
        assert_eq!((set.standing(at(1))[0].entries, snapshot.counts()), (if attempt == 1 { 180 } else { 200 }, 90));
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

/// So much cannot wait for the end of a snapshot: it is incomplete until it is said once more, and then it has its room.
#[test]
fn what_there_is_no_room_for_is_said_once_more() {
    let set = Revocations::default();
    let max = u32::try_from(crate::state::revocations::snapshot::WAITING).unwrap() + 1;
    let feed = open(&set, "feed", max as usize, None);
    let token = |name: u32| {
        let mixed = u128::from(name).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        revoked(Target::Token(Fingerprint(mixed.to_be_bytes())), Cutoff::Always)
    };
    let all = |from: u32| (from..from + max).map(token);
    set.replace(&feed, all(0), LEARNED).unwrap();
    let mut snapshot = set.begin(&feed, LEARNED).unwrap();
    all(max).for_each(|what| _ = snapshot.put(&what).unwrap());
    drop(snapshot);
    for (taken, entries) in [(Err(Full(max as usize)), max as usize - 1), (Ok(()), max as usize)] {
        assert_eq!(set.replace(&feed, all(2 * max), LEARNED), taken);
        let standing = &set.standing(at(1))[0];
        assert_eq!((standing.entries, standing.complete, feed.said()), (entries, taken.is_ok(), entries));
        assert_eq!(feed.is_stated(), taken.is_ok(), "nobody has written down what it brought");
    }
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
    snapshot.finish().unwrap();
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

/// What there was no room for, and is said besides while it comes in, is there, and counts once.
#[test]
fn what_was_said_besides_stays() {
    let set = Revocations::default();
    let feed = open(&set, "feed", 1, None);
    (0..2).for_each(|name| _ = set.begin(&feed, LEARNED).unwrap().put(&token(name)));
    let mut snapshot = set.begin(&feed, LEARNED).unwrap();
    assert_eq!((snapshot.put(&token(2)), set.standing(at(1))[0].entries), (Ok(true), 2));
    set.restore(&feed, &token(2), LEARNED);
    assert_eq!((snapshot.put(&token(2)), snapshot.counts()), (Ok(false), 1));
    assert_eq!(snapshot.finish(), Ok(()));
    assert_eq!((set.standing(at(1))[0].entries, set.standing(at(1))[0].complete), (1, true));
}

/// What was said before a restart was said, though the bound was lowered since: who says nothing now has shrunk.
#[test]
fn what_is_read_back_past_the_bound_was_said() {
    let set = Revocations::default();
    let feed = open(&set, "feed", 3, None);
    assert_eq!(set.replay(&feed, (0..5).map(token), LEARNED), Err(Full(3)));
    assert_eq!(feed.said(), 3);
}
