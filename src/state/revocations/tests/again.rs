//! What operators say again is learned again, and nobody misses it meanwhile.

use super::*;

#[test]
fn what_is_said_again_is_learned_again_by_who_lift_by_time() {
    for target in [Target::Subject(print(3)), Target::Issuer] {
        for cutoff in [Cutoff::Always, Cutoff::UpTo(secs(900))] {
            for (by_time, learned) in [(true, 700), (false, 500)] {
                let set = Revocations::default();
                let feed = open(&set, "feed", 1, None);
                by_time.then(|| feed.lift_by_time());
                for at in [500, 700, 600] {
                    set.add(&feed, &revoked(target, cutoff), secs(at)).unwrap();
                }
                let known = set.of_source(&feed, target).unwrap();
                assert_eq!((known.cutoff, known.learned), (cutoff, secs(learned)), "{target:?}");
                assert!(set.standing(at(0))[0].entries <= 1 && set.lift(&feed, target));
                assert_eq!(set.look_up(&corp(), &handles()), Entries::default(), "one entry, not two");
            }
        }
    }
}

#[test]
fn whoever_looks_meanwhile_finds_it() {
    let (set, ended) = (Arc::new(Revocations::default()), Arc::new(AtomicBool::new(false)));
    let feed = open(&set, "operator", 10, None);
    feed.lift_by_time();
    let what = revoked(Target::Subject(print(3)), Cutoff::Always);
    set.add(&feed, &what, LEARNED).unwrap();
    let reader = {
        let (set, ended) = (Arc::clone(&set), Arc::clone(&ended));
        std::thread::spawn(move || {
            while !ended.load(Ordering::Acquire) {
                assert!(set.look_up(&corp(), &handles()).subject.is_some(), "for a moment it was not there");
            }
        })
    };
    (0..20_000).for_each(|round| _ = set.add(&feed, &what, secs(600 + round)).unwrap());
    ended.store(true, Ordering::Release);
    reader.join().unwrap();
}
