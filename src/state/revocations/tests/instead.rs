//! Is a block lowered to a cut-off without a moment at which neither holds?

use super::*;

#[test]
fn a_block_becomes_a_cutoff_and_nobody_sees_neither() {
    for target in [Target::Subject(print(3)), Target::Issuer] {
        let set = Revocations::default();
        let (feed, other) = (open(&set, "ssf", 10, None), open(&set, "other", 10, None));
        let cutoff = Cutoff::UpTo(secs(900));
        set.add(&feed, &revoked(target, Cutoff::Always), LEARNED).unwrap();
        set.instead(&feed, &revoked(target, cutoff), LEARNED);
        let found = || cutoffs(set.look_up(&corp(), &handles())).into_iter().flatten().next();
        assert_eq!(found(), Some(cutoff), "{target:?}");
        set.instead(&feed, &revoked(target, Cutoff::UpTo(secs(800))), LEARNED);
        assert_eq!(found(), Some(Cutoff::UpTo(secs(800))), "{target:?}");
        // What another source says stays.
        set.add(&other, &revoked(target, Cutoff::Always), LEARNED).unwrap();
        set.instead(&feed, &revoked(target, cutoff), LEARNED);
        assert_eq!(found(), Some(Cutoff::Always), "{target:?}");
        assert!(set.lift(&other, target));
        assert_eq!(found(), Some(cutoff), "{target:?}");
    }
}

#[test]
fn whoever_looks_meanwhile_finds_one_of_the_two() {
    let (set, ended) = (Arc::new(Revocations::default()), Arc::new(AtomicBool::new(false)));
    let feed = open(&set, "ssf", 10, None);
    let target = Target::Subject(print(3));
    set.add(&feed, &revoked(target, Cutoff::Always), LEARNED).unwrap();
    let reader = {
        let (set, ended) = (Arc::clone(&set), Arc::clone(&ended));
        std::thread::spawn(move || {
            while !ended.load(Ordering::Acquire) {
                assert!(set.look_up(&corp(), &handles()).subject.is_some(), "for a moment nothing held");
            }
        })
    };
    for round in 0..20_000 {
        set.instead(&feed, &revoked(target, Cutoff::UpTo(secs(round))), LEARNED);
        set.add(&feed, &revoked(target, Cutoff::Always), LEARNED).unwrap();
    }
    ended.store(true, Ordering::Release);
    reader.join().unwrap();
}
