//! A disk that is full, or that fails: what is not kept is not acknowledged, and what was acknowledged stays kept.

use crate::disk::Memory;
use crate::world::{LEARNED, World, ids, open_feed, token, voice};
use curfew::decide::revocation::Freshness;
use curfew::state::clock::{Clock, SystemClock};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The disk is full after any number of bytes, and has room again later.
#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    for room in (0..700).step_by(13) {
        for uncuttable in [false, true] {
            let disk = Memory::default();
            let world = World::start(disk.clone()).unwrap();
            disk.inside().room = Some(room);
            disk.inside().uncuttable = uncuttable;
            let mut acknowledged = BTreeSet::new();
            for id in 0..12 {
                if world.accept([id]).await.is_ok() {
                    acknowledged.insert(id);
                }
            }
            assert!(acknowledged.len() < 12 && world.journal.standing().failing, "{room}");
            disk.inside().room = None;
            for id in 20..23 {
                world.accept([id]).await.unwrap();
                acknowledged.insert(id);
            }
            assert!(!world.journal.standing().failing);
            drop(world);
            disk.inside().uncuttable = false;
            let kept = World::start(disk).unwrap().ids();
            assert!(kept.is_superset(&acknowledged), "{room}: {acknowledged:?} {kept:?}");
            assert!(kept.is_subset(&(0..23).collect()), "{room}: {kept:?}");
        }
    }
}

/// After a sync that failed, nobody knows what is on the disk: the file is not written any more.
#[tokio::test]
async fn a_sync_that_failed_is_never_taken_for_one_that_did_not() {
    for bad in 1..4 {
        let disk = Memory::default();
        let world = World::start(disk.clone()).unwrap();
        world.accept([1]).await.unwrap();
        disk.inside().bad_syncs = bad;
        for id in 0..bad as u64 {
            assert!(world.accept([10 + id]).await.is_err());
        }
        world.accept([2]).await.unwrap();
        assert!(disk.files().keys().filter(|name| name.starts_with("journal")).count() > 1);
        drop(world);
        let kept = World::start(disk).unwrap().ids();
        assert!(kept.contains(&1) && kept.contains(&2), "{kept:?}");
    }
}

/// What was polled and could not be written is not skipped by a later cursor: a snapshot makes good for it.
#[tokio::test]
async fn a_poll_that_was_not_written_is_not_skipped() {
    let disk = Memory::default();
    let world = World::start(disk.clone()).unwrap();
    world.poll(0..10, "1");
    world.accept([1000]).await.unwrap();
    disk.inside().bad_syncs = 1;
    world.poll(10..20, "2");
    while world.journal.standing().failures == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    world.poll(20..30, "3");
    world.accept([1001]).await.unwrap();
    // At any instant, what the cursor says was said before is there.
    let now = World::start(Memory::of(disk.files())).unwrap();
    let upto = now.cursor().unwrap().parse::<u64>().unwrap() * 10;
    assert!(now.ids().is_superset(&(0..upto).collect()), "{:?} {:?}", now.cursor(), now.ids());
    while world.journal.standing().behind {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.poll(30..40, "4");
    drop(world);
    let world = World::start(disk).unwrap();
    assert_eq!((world.cursor().as_deref(), world.ids()), (Some("4"), (0..40).chain([1000, 1001]).collect()));
}

/// Many who wait at once share a sync.
#[tokio::test]
async fn many_share_one_sync() {
    let dir = tempfile::tempdir().unwrap();
    let folder = curfew::state::journal::disk::Folder::lock(dir.path()).unwrap();
    let world = Arc::new(World::start(folder).unwrap());
    let tasks: Vec<_> = (0..2_000)
        .map(|id| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.accept([id]).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let standing = world.journal.standing();
    let syncs: u64 = standing.sync.iter().map(|(_, count)| count).sum();
    assert!(syncs < 1_000, "{syncs}");
    assert_eq!(standing.records, 2_000);
    let locked = curfew::state::journal::disk::Folder::lock(dir.path()).map(|_| ()).unwrap_err();
    assert_eq!(locked.kind(), std::io::ErrorKind::ResourceBusy);
}

/// A journal that grows becomes a snapshot, again and again, while it is written.
#[tokio::test]
async fn a_journal_does_not_grow_for_ever() {
    let disk = Memory::default();
    let world = World::start(disk.clone()).unwrap();
    for round in 0..40_u64 {
        // The same 20,000 entries: 340 kB each time.
        world.accept(0..20_000).await.unwrap();
        world.accept([100_000 + round]).await.unwrap();
    }
    world.snapshot_after(0).await;
    assert!(world.journal.standing().bytes < 13 << 20, "{:?}", world.journal.standing());
    let ids = world.ids();
    drop(world);
    assert_eq!(World::start(disk).unwrap().ids(), ids);
}

/// A source comes with a reload, and what it said before cannot be read: it is not taken for whole, nothing of it is made
/// void, and it is read as soon as it can be.
#[tokio::test]
async fn what_cannot_be_read_is_missed_and_not_made_void() {
    let (disk, clock) = (Memory::default(), SystemClock::start());
    let former = World::of(disk.clone(), "events", 100).unwrap();
    former.accept(0..3).await.unwrap();
    former.lift(1).await.unwrap();
    drop(former);
    let world = World::of(disk.clone(), "other", 100).unwrap();
    world.accept([100]).await.unwrap();
    disk.inside().unreadable = true;
    let feed = open_feed(&world.set, "events", 100);
    let account = world.journal.take_up(vec![(voice("events"), Arc::clone(&feed))]).remove(0);
    [&feed, &world.feed].iter().for_each(|feed| feed.heard(clock.now()));
    let freshness = || world.set.freshness(&"corp".into(), clock.now());
    assert!(!feed.standing(clock.now()).complete && matches!(freshness(), Freshness::Never { .. }));
    // Enforced, and not told to be kept; what the journal knows to be lifted is not what was said since.
    for id in [1, 9] {
        world.set.add(&feed, &token(id), LEARNED).unwrap();
        assert!(account.turn().added(&[token(id)], LEARNED).kept().await.is_err());
    }
    // A snapshot is due.
    world.account.turn().exchanged(1, LEARNED, None);
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!((world.journal.standing().snapshots, matches!(freshness(), Freshness::Never { .. })), (0, true));
    disk.inside().unreadable = false;
    let all: BTreeSet<u64> = [0, 1, 2, 9, 100].into();
    let since = std::time::Instant::now();
    while !feed.standing(clock.now()).complete {
        assert!(since.elapsed().as_secs() < 20, "{:?}", ids(&world.set));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(ids(&world.set), all);
    world.set.add(&feed, &token(10), LEARNED).unwrap();
    account.turn().added(&[token(10)], LEARNED).kept().await.unwrap();
    world.snapshot_after(0).await;
    drop(world);
    let again = World::of(disk, "events", 100).unwrap();
    assert_eq!(again.ids(), [0, 1, 2, 9, 10].into());
}

/// If the thread that writes dies, everybody is told that nothing is kept, and nobody waits for ever.
#[tokio::test]
async fn a_journal_whose_thread_died_keeps_nobody_waiting() {
    let disk = Memory::default();
    let world = World::start(disk.clone()).unwrap();
    world.accept([1]).await.unwrap();
    disk.inside().cursed = true;
    let bound = std::time::Duration::from_secs(20);
    for id in 2..5 {
        assert!(tokio::time::timeout(bound, world.accept([id])).await.expect("an answer").is_err());
    }
    assert!(world.journal.standing().failing);
    let feed = open_feed(&world.set, "more", 10);
    let recovered = tokio::task::spawn_blocking(move || world.journal.recover(vec![(voice("events"), feed)]).map(drop));
    tokio::time::timeout(bound, recovered).await.expect("an end").unwrap().unwrap();
}

/// A new file that could be neither made durable nor removed is in nobody's way.
#[tokio::test]
async fn a_file_that_cannot_be_removed_does_not_stop_the_journal() {
    let disk = Memory::default();
    let world = World::start(disk.clone()).unwrap();
    disk.inside().bad_syncs = 1;
    disk.inside().unremovable = true;
    assert!(world.accept([1]).await.is_err());
    world.accept([2]).await.unwrap();
    world.accept([3]).await.unwrap();
    assert!(!world.journal.standing().failing);
    drop(world);
    disk.inside().unremovable = false;
    let world = World::start(disk).unwrap();
    assert!(world.ids().is_superset(&[2, 3].into()));
    world.accept([4]).await.unwrap();
}
