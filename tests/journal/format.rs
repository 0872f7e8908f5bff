//! The files: whatever is torn off or damaged, nothing is invented, and nothing that was kept is lost unsaid.

use crate::disk::Memory;
use crate::world::{CHECK, LEARNED, World, ids, open_feed, token, voice};
use curfew::decide::revocation::Cutoff;
use curfew::decide::time::Timestamp;
use curfew::state::journal::{Journal, JournalError, Voice};
use curfew::state::revocations::{Known, Revocations, Revoked, Target};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Nine groups of three entries.
async fn written() -> BTreeMap<String, Vec<u8>> {
    let disk = Memory::default();
    let world = World::start(disk.clone()).unwrap();
    for group in 0..9 {
        world.accept(group * 3..group * 3 + 3).await.unwrap();
    }
    drop(world);
    disk.files()
}

fn the_journal(files: &mut BTreeMap<String, Vec<u8>>) -> &mut Vec<u8> {
    assert_eq!(files.len(), 1);
    files.values_mut().next().unwrap()
}

#[tokio::test]
async fn every_prefix_of_a_journal_is_a_prefix_of_what_was_said() {
    let files = written().await;
    let length = files.values().next().unwrap().len();
    let mut last = 0;
    for cut in 0..=length {
        let mut files = files.clone();
        the_journal(&mut files).truncate(cut);
        let disk = Memory::of(files);
        let world = World::start(disk.clone()).unwrap();
        let ids = world.ids();
        let count = ids.len() as u64;
        assert!(count >= last && count.is_multiple_of(3), "{cut}: {count}");
        assert_eq!(ids, (0..count).collect(), "{cut}");
        last = count;
        // What is accepted after the torn end is kept, and the end is not torn any more.
        world.accept([100 + cut as u64]).await.unwrap();
        drop(world);
        let again = World::start(disk).unwrap();
        assert_eq!(again.ids(), ids.into_iter().chain([100 + cut as u64]).collect::<BTreeSet<u64>>());
    }
    assert_eq!(last, 27);
}

#[tokio::test]
async fn no_byte_that_flips_invents_or_hides_an_entry() {
    let files = written().await;
    let journal = files.values().next().unwrap();
    let (mut refused, mut cut) = (0, 0);
    for (at, bit) in (0..journal.len()).flat_map(|at| [0, 3, 7].map(|bit| (at, bit))) {
        let mut files = files.clone();
        the_journal(&mut files)[at] ^= 1 << bit;
        match World::start(Memory::of(files)) {
            Ok(world) => {
                let ids = world.ids();
                assert_eq!(ids, (0..ids.len() as u64).collect(), "{at}");
                // Only the last group may have been torn while it was written; the one before was whole.
                assert!(ids.len() >= 21, "{at}: {}", ids.len());
                cut += 1;
            }
            Err(JournalError::Damaged { .. } | JournalError::Version(_)) => refused += 1,
            Err(other) => panic!("{at}: {other}"),
        }
    }
    assert!(refused > cut, "{refused} {cut}");
}

/// What was acknowledged once, and is behind a header that was damaged since, is not thrown away with it.
#[tokio::test]
async fn a_damaged_header_does_not_make_void_what_follows_it() {
    let disk = Memory::default();
    let world = World::start(disk.clone()).unwrap();
    world.accept([1]).await.unwrap();
    drop(world);
    let files = disk.files();
    for at in 0..48 {
        let mut files = files.clone();
        the_journal(&mut files)[at] ^= 1;
        let opened = World::start(Memory::of(files)).map(|world| world.ids());
        assert!(
            matches!(opened, Err(JournalError::Damaged { .. } | JournalError::Version(_))),
            "{at}: {:?}",
            opened.ok()
        );
    }
    // Half a header, with nothing behind it, was never more.
    let mut files = files.clone();
    the_journal(&mut files).truncate(47);
    assert_eq!(World::start(Memory::of(files)).unwrap().ids().len(), 0);
}

/// As a version wrote them that did not say whether a source is told: read by whoever has that name now; and if nobody has,
/// it is known that something was said. They are written anew at once.
#[tokio::test]
async fn files_of_an_older_version_are_read() {
    let mut files = written().await;
    let journal = the_journal(&mut files);
    journal[7] = b'1';
    let crc = crc32fast::hash(&journal[..44]).to_le_bytes();
    journal[44..48].copy_from_slice(&crc);
    let disk = Memory::of(files);
    for is_told in [true, false] {
        let disk = Memory::of(disk.files());
        let set = Arc::new(Revocations::default());
        let clock = Arc::new(curfew::state::clock::SystemClock::start());
        let journal = Journal::open(Box::new(disk.clone()), CHECK, Arc::clone(&set), clock).unwrap();
        assert_eq!(journal.former(&[]), [voice("events")]);
        let opened = vec![(Voice::of_source("events", &voice("").iss, is_told), open_feed(&set, "events", 100))];
        assert_eq!(journal.former(&opened), []);
        journal.recover(opened).unwrap();
        assert_eq!(ids(&set).len(), 27);
        let began = std::time::Instant::now();
        while journal.standing().snapshots == 0 {
            assert!(began.elapsed().as_secs() < 20, "no snapshot came");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        drop(journal);
        // By now it is told apart.
        let set = Arc::new(Revocations::default());
        let clock = Arc::new(curfew::state::clock::SystemClock::start());
        let journal = Journal::open(Box::new(disk), CHECK, Arc::clone(&set), clock).unwrap();
        let other = vec![(Voice::of_source("events", &voice("").iss, !is_told), open_feed(&set, "events", 100))];
        assert_eq!(journal.former(&other).len(), usize::from(is_told));
        journal.recover(other).unwrap();
        assert_eq!(ids(&set).len(), 0);
    }
}

#[tokio::test]
async fn another_key_is_refused() {
    let files = written().await;
    let set = Arc::new(Revocations::default());
    let clock = Arc::new(curfew::state::clock::SystemClock::start());
    let opened = curfew::state::journal::Journal::open(Box::new(Memory::of(files)), [8; 16], set, clock);
    assert!(matches!(opened.map(|_| ()), Err(JournalError::Key)));
}

/// Two files of which the first is taken away, and a snapshot that is cut short.
#[tokio::test]
async fn what_is_missing_is_told() {
    let disk = Memory::of(written().await);
    let world = World::start(disk.clone()).unwrap();
    world.accept([50]).await.unwrap();
    drop(world);
    let mut files = disk.files();
    assert_eq!(files.len(), 2);
    files.pop_first();
    assert!(matches!(World::start(Memory::of(files)).map(|_| ()), Err(JournalError::Damaged { .. })));

    let world = World::start(disk.clone()).unwrap();
    world.account.turn().exchanged(1, LEARNED, None);
    world.snapshot_after(0).await;
    drop(world);
    let files = disk.files();
    let name = files.keys().find(|name| name.starts_with("snapshot")).unwrap().clone();
    let whole = files[&name].len();
    for cut in (0..whole).step_by(7) {
        let mut files = files.clone();
        files.get_mut(&name).unwrap().truncate(cut);
        assert!(matches!(World::start(Memory::of(files)).map(|_| ()), Err(JournalError::Damaged { .. })), "{cut}");
    }
    let ids: BTreeSet<u64> = (0..27).chain([50]).collect();
    assert_eq!(World::start(Memory::of(files)).unwrap().ids(), ids);
}

/// A source that is not there any more: its words are kept for it, until a snapshot is made without it.
#[tokio::test]
async fn what_nobody_said_is_dropped_at_the_next_snapshot() {
    let disk = Memory::of(written().await);
    drop(World::of(disk.clone(), "another", 10).unwrap());
    assert_eq!(World::start(disk.clone()).unwrap().ids().len(), 27);
    let world = World::of(disk.clone(), "another", 10).unwrap();
    // A source that comes later, while the gateway runs, finds its own.
    let feed = open_feed(&world.set, "events", 100);
    let accounts = world.journal.recover(vec![(voice("events"), feed.clone())]).unwrap();
    assert_eq!(world.ids().len(), 27);
    world.journal.leave(&accounts[0]);
    world.set.close(&feed);
    world.account.turn().exchanged(1, LEARNED, Some(b"7"));
    world.snapshot_after(0).await;
    drop(world);
    assert_eq!(World::start(disk.clone()).unwrap().ids().len(), 0);
    assert_eq!(World::of(disk, "another", 10).unwrap().cursor().as_deref(), Some("7"));
}

/// Where nothing but the cursor moved, the whole set is not written anew for it.
#[tokio::test]
async fn a_cursor_that_moved_alone_is_one_small_record() {
    let disk = Memory::default();
    let world = World::start(disk.clone()).unwrap();
    world.account.turn().exchanged(1, LEARNED, Some(b"1"));
    world.snapshot_after(0).await;
    world.account.turn().exchanged(1, LEARNED, Some(b"2"));
    world.accept([7]).await.unwrap();
    let standing = world.journal.standing();
    assert_eq!((standing.snapshots, standing.behind, standing.records), (1, false, 2));
    drop(world);
    let world = World::start(disk).unwrap();
    assert_eq!((world.cursor().as_deref(), world.ids()), (Some("2"), BTreeSet::from([7])));
}

#[tokio::test]
async fn a_cursor_never_says_more_than_is_held() {
    let disk = Memory::default();
    let world = World::start(disk.clone()).unwrap();
    world.replace(0..100, "1");
    world.poll(100..120, "2");
    world.lift(3).await.unwrap();
    drop(world);
    let world = World::start(disk.clone()).unwrap();
    assert_eq!((world.cursor().as_deref(), world.ids()), (Some("2"), (0..120).filter(|id| *id != 3).collect()));
    // One that may hold less than it was told must be told all of it again.
    drop(world);
    let small = World::of(disk.clone(), "events", 50).unwrap();
    assert_eq!(small.cursor(), None);
    drop(small);
    let world = World::start(disk.clone()).unwrap();
    world.replace(200..210, "3");
    let records = world.journal.standing().records;
    world.replace((200..210).rev(), "3");
    world.accept([]).await.unwrap();
    drop(world);
    let world = World::start(disk).unwrap();
    assert!(records <= 1, "what is the same is not written again: {records}");
    assert_eq!((world.cursor().as_deref(), world.ids()), (Some("3"), (200..210).collect()));
}

fn any_entry() -> impl Strategy<Value = Revoked> {
    let cutoff = (0..3_u8, 0..2_000_000_000_000_i64).prop_map(|(shape, ms)| match shape {
        0 => Cutoff::Always,
        1 => Cutoff::Before(Timestamp::from_millis(ms)),
        _ => Cutoff::UpTo(Timestamp::from_millis(ms)),
    });
    let until = proptest::option::of((2_500_000_000..4_000_000_000_i64).prop_map(Timestamp::from_secs));
    (0..6_u8, 0..6_u64, cutoff, until).prop_map(|(level, id, cutoff, until)| {
        let Target::Token(print) = token(id).target else { unreachable!() };
        let targets = [
            Target::Token(print),
            Target::Session(print),
            Target::Subject(print),
            Target::Client(print),
            Target::Claim(print),
            Target::Issuer,
        ];
        Revoked { target: targets[usize::from(level)], cutoff, until }
    })
}

fn all(set: &Revocations) -> Vec<Known> {
    let mut all = Vec::new();
    (0..Revocations::STEPS).for_each(|step| set.held(step, |known| all.push(known)));
    all.sort_by_key(|known| format!("{known:?}"));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// After a restart the set is the same, whatever was done to it, and whether a snapshot was made in between.
    #[test]
    fn the_set_is_the_same_after_a_restart(
        steps in proptest::collection::vec((0..4_u8, proptest::collection::vec(any_entry(), 1..5)), 1..8),
        snapshot in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let disk = Memory::default();
        let world = World::start(disk.clone()).unwrap();
        for (number, (manner, entries)) in steps.iter().enumerate() {
            let (turn, cursor) = (world.account.turn(), number.to_string());
            match manner {
                0 => {
                    world.set.replace(&world.feed, entries.iter().copied(), LEARNED).unwrap();
                    turn.replaced(entries, number as u128, LEARNED, Some(cursor.as_bytes()));
                }
                1 => {
                    world.set.lift(&world.feed, entries[0].target);
                    runtime.block_on(turn.lifted(&[entries[0].target], LEARNED).kept()).unwrap();
                }
                _ => {
                    entries.iter().for_each(|what| _ = world.set.add(&world.feed, what, LEARNED).unwrap());
                    runtime.block_on(turn.added(entries, LEARNED).kept()).unwrap();
                }
            }
        }
        if snapshot {
            world.account.turn().exchanged(u128::MAX, LEARNED, Some(b"end"));
            runtime.block_on(world.snapshot_after(0));
        }
        let before = all(&world.set);
        drop(world);
        let world = World::start(disk).unwrap();
        prop_assert_eq!(all(&world.set), before);
    }
}

/// By a clock that is ahead when the machine starts, nothing is thrown away: it leaves when the clock is believed.
#[tokio::test]
async fn what_is_over_by_the_clock_is_read_all_the_same() {
    let disk = Memory::default();
    let world = World::start(disk.clone()).unwrap();
    let over = Revoked { until: Some(Timestamp::from_secs(1)), ..token(1) };
    let turn = world.account.turn();
    world.set.add(&world.feed, &over, LEARNED).unwrap();
    turn.added(&[over], LEARNED).kept().await.unwrap();
    drop(world);
    assert_eq!(World::start(disk).unwrap().ids(), [1].into());
}
