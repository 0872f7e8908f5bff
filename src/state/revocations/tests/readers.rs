//! Are readers never misled by what writers do meanwhile?

use super::*;

fn many(number: u32) -> Revoked {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&blake3::hash(&number.to_be_bytes()).as_bytes()[..16]);
    revoked(Target::Token(Fingerprint(bytes)), Cutoff::Always)
}

fn is_revoked(set: &Revocations, number: u32) -> bool {
    let Target::Token(token) = many(number).target else { return false };
    set.look_up(&corp(), &Handles { token, ..Handles::default() }).token.is_some()
}

/// Tables grow, shrink and are made anew while they are read: what stays is never missing, what never was is never found.
#[test]
fn readers_are_never_misled() {
    const MANY: u32 = 30_000;
    let set = Arc::new(Revocations::default());
    let (one, two) = (open(&set, "one", 1 << 20, None), open(&set, "two", 1 << 20, None));
    (0..MANY / 10).for_each(|number| _ = set.add(&one, &many(number), LEARNED).unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (set, done) = (Arc::clone(&set), Arc::clone(&done));
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                (0..MANY / 10).for_each(|number| assert!(is_revoked(&set, number)));
                (2 * MANY..2 * MANY + 5_000).for_each(|number| assert!(!is_revoked(&set, number)));
            }
        })
    };
    for round in 0..3 {
        set.replace(&two, (MANY / 10..MANY + round).map(many), LEARNED).unwrap();
        set.replace(&one, (0..MANY / 10).map(many), LEARNED).unwrap();
        assert!((0..MANY).all(|number| is_revoked(&set, number)));
        let full = set.holdings().bytes;
        set.replace(&two, [], LEARNED).unwrap();
        assert!(set.holdings().bytes * 3 < full && !is_revoked(&set, MANY - 1));
    }
    done.store(true, Ordering::Relaxed);
    reader.join().unwrap();
    set.close(&one);
    assert_eq!((set.holdings().tokens, set.holdings().bytes), (0, 0));
}

/// What a source says of one token at first and in the end: it goes from table to table, and is never missing.
#[test]
fn an_entry_that_is_told_anew_is_never_missing() {
    let set = Arc::new(Revocations::default());
    let feed = open(&set, "feed", 100, None);
    let told = |cutoff| [revoked(Target::Token(print(1)), cutoff)];
    set.replace(&feed, told(Cutoff::Always), LEARNED).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (set, done) = (Arc::clone(&set), Arc::clone(&done));
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                assert!(set.look_up(&corp(), &handles()).token.is_some());
            }
        })
    };
    for s in 0..300 {
        set.replace(&feed, told(Cutoff::Before(secs(s))), LEARNED).unwrap();
        set.add(&feed, &told(Cutoff::UpTo(secs(s + 1)))[0], LEARNED).unwrap();
        set.replace(&feed, told(Cutoff::Always), LEARNED).unwrap();
    }
    done.store(true, Ordering::Relaxed);
    reader.join().unwrap();
}

/// More sources than a compact entry can name.
#[test]
fn any_source_can_revoke() {
    let set = Revocations::default();
    let feeds: Vec<_> = (0..300).map(|_| open(&set, "feed", 9, None)).collect();
    feeds.iter().for_each(|feed| _ = set.add(feed, &token(1), LEARNED).unwrap());
    let known = set.named(&corp(), &handles());
    assert_eq!(known.len(), 300);
    assert!(feeds.iter().all(|feed| known.iter().any(|known| known.source == feed.id)));
    assert!(feeds.iter().skip(1).all(|feed| set.lift(feed, Target::Token(print(1)))));
    assert_eq!(set.look_up(&corp(), &handles()).token.map(|entry| entry.source), Some(feeds[0].id));
}
