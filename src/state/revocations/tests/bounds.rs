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
