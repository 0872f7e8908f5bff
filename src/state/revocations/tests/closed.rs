//! A feed that was closed has no word any more, though somebody writes for it still and its index is another one's.

use super::*;

#[test]
fn who_writes_for_a_feed_that_was_closed_touches_no_other() {
    for target in [Target::Token(print(1)), Target::Subject(print(3)), Target::Issuer] {
        let set = Revocations::default();
        let (old, stays) = (open(&set, "old", 10, None), open(&set, "stays", 10, None));
        let what = revoked(target, Cutoff::UpTo(secs(9)));
        set.add(&old, &token(7), LEARNED).unwrap();
        let mut snapshot = set.begin(&old, LEARNED).unwrap();
        snapshot.put(&token(8)).unwrap();
        set.close(&old);
        let new = open(&set, "new", 2, None);
        assert_eq!(new.id, old.id);
        let found = || cutoffs(set.look_up(&corp(), &handles())).into_iter().flatten().next();
        assert!(snapshot.put(&what).is_err() && set.add(&old, &what, LEARNED).is_err());
        assert_eq!(found(), None, "{target:?}");
        // A snapshot of the new one is not that of the old one, which fails meanwhile.
        let mut other = set.begin(&new, LEARNED).unwrap();
        other.put(&what).unwrap();
        drop(snapshot);
        other.finish().unwrap();
        assert_eq!(found(), Some(what.cutoff), "{target:?}");
        set.instead(&old, &revoked(target, Cutoff::UpTo(secs(1))), LEARNED);
        assert!(!set.lift(&old, target));
        set.begin(&old, LEARNED).into_iter().for_each(|snapshot| _ = snapshot.finish());
        assert_eq!(found(), Some(what.cutoff), "{target:?}");
        // Nor is anything left of which somebody counts.
        let own = usize::from(target != Target::Issuer);
        assert_eq!(set.standing(at(0)).iter().map(|one| one.entries).collect::<Vec<_>>(), [own, 0], "{target:?}");
        assert!(set.lift(&new, target));
        assert_eq!((new.standing(at(0)).entries, stays.standing(at(0)).entries), (0, 0));
    }
}

/// Whoever misses an entry because its feed is being closed does not find the issuer's knowledge fresh.
#[test]
fn what_leaves_with_a_feed_is_not_known_to_be_absent() {
    let (set, ended) = (Arc::new(Revocations::default()), Arc::new(AtomicBool::new(false)));
    let first = open(&set, "first", 1000, None);
    let looks = {
        let (set, ended) = (Arc::clone(&set), Arc::clone(&ended));
        std::thread::spawn(move || {
            while !ended.load(Ordering::Acquire) {
                let missing = set.look_up(&corp(), &handles()).token.is_none();
                let freshness = set.freshness(&corp(), at(1));
                assert!(!missing || !matches!(freshness, Freshness::Heard { .. } | Freshness::Unfed), "{freshness:?}");
            }
        })
    };
    let mut feed = first;
    for round in 0..300 {
        (0..250).for_each(|name| _ = set.add(&feed, &token(name), LEARNED).unwrap());
        feed.heard(at(1));
        let next = open(&set, &format!("next-{round}"), 1000, None);
        set.close(&feed);
        feed = next;
    }
    ended.store(true, Ordering::Release);
    looks.join().unwrap();
}
