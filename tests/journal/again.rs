//! A journal that cannot be read when a source is taken up: where the source goes on from, and when it is whole again.

use crate::disk::Memory;
use crate::world::{LEARNED, World, ids, open_feed, token, voice};
use curfew::decide::time::Timestamp;
use curfew::state::clock::{Clock, SystemClock};
use curfew::state::journal::Account;
use curfew::state::revocations::Feed;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn take_up(world: &World) -> (Arc<Feed>, Arc<Account>) {
    let feed = open_feed(&world.set, "events", 1000);
    let account = world.journal.take_up(vec![(voice("events"), Arc::clone(&feed))]).remove(0);
    (feed, account)
}

async fn until_whole(feed: &Feed) {
    let (clock, since) = (SystemClock::start(), Instant::now());
    while !feed.standing(clock.now()).complete {
        assert!(since.elapsed().as_secs() < 20, "it is never whole again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What the journal says that the source said is not what the source says: it is whole again when all of the journal was
/// read, with the journal's place.
#[tokio::test]
async fn a_snapshot_that_is_read_is_not_one_that_was_said() {
    let disk = Memory::default();
    let former = World::of(disk.clone(), "events", 100).unwrap();
    former.replace(0..3, "1");
    former.poll([5], "2");
    former.accept([6]).await.unwrap();
    drop(former);
    let world = World::of(disk.clone(), "other", 100).unwrap();
    disk.inside().unreadable = true;
    let (feed, account) = take_up(&world);
    disk.inside().unreadable = false;
    until_whole(&feed).await;
    assert_eq!((account.cursor().as_deref(), ids(&world.set)), (Some(&b"2"[..]), [0, 1, 2, 5, 6].into()));
}

/// What a source says while its journal is read stays, wherever the reading is: between two snapshots of its own too.
#[tokio::test]
async fn what_is_said_while_it_is_read_is_not_taken_back() {
    let disk = Memory::default();
    let former = World::of(disk.clone(), "events", 100).unwrap();
    former.replace(0..3, "1");
    former.accept([50]).await.unwrap();
    let between = disk.files().values().map(Vec::len).max().unwrap() as u64;
    former.replace(10..13, "2");
    former.accept([51]).await.unwrap();
    drop(former);
    let world = World::of(disk.clone(), "other", 100).unwrap();
    disk.inside().unreadable = true;
    let (feed, account) = take_up(&world);
    disk.inside().waits_at = Some(between);
    disk.inside().unreadable = false;
    let since = Instant::now();
    while !disk.inside().waiting {
        assert!(since.elapsed().as_secs() < 20, "it is not read");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    {
        let turn = account.turn();
        world.set.add(&feed, &token(20), LEARNED).unwrap();
        turn.polled(&[token(20)], LEARNED, Some(b"3"));
    }
    assert!(ids(&world.set).contains(&20));
    disk.inside().waits_at = None;
    until_whole(&feed).await;
    assert_eq!(ids(&world.set), [10, 11, 12, 20, 51].into());
    assert_eq!(account.cursor().as_deref(), Some(&b"2"[..]), "what came after it is asked for once more");
}

/// Whoever has the source's turn finds what it says as it was: what is read comes in before or after it.
#[tokio::test]
async fn what_is_read_comes_in_in_its_turn() {
    let disk = Memory::default();
    let former = World::of(disk.clone(), "events", 100).unwrap();
    former.accept([6]).await.unwrap();
    drop(former);
    let world = World::of(disk.clone(), "other", 100).unwrap();
    disk.inside().unreadable = true;
    let (feed, account) = take_up(&world);
    {
        let _turn = account.turn();
        disk.inside().unreadable = false;
        let (now, since) = (SystemClock::start().now(), Instant::now());
        while !world.set.standing(now).iter().any(|one| one.source.as_str() == "events/journal" && one.entries > 0) {
            assert!(since.elapsed().as_secs() < 20, "it is not read");
            std::thread::sleep(Duration::from_millis(5));
        }
        // It is read, and would be in its feed by then.
        std::thread::sleep(Duration::from_millis(100));
        assert!(world.set.of_source(&feed, token(6).target).is_none(), "it is not its turn");
    }
    until_whole(&feed).await;
    assert_eq!(ids(&world.set), [6].into());
}

/// What was taken back before it could be read does not come back, and is gone over a restart too: what was lifted here,
/// whenever it had been learned of, and what was lifted elsewhere, as far as it had been learned of before. What is said
/// anew meanwhile stays.
#[tokio::test]
async fn what_was_taken_back_meanwhile_does_not_come_back() {
    let disk = Memory::default();
    let former = World::of(disk.clone(), "events", 100).unwrap();
    former.accept(5..10).await.unwrap();
    drop(former);
    let world = World::of(disk.clone(), "other", 100).unwrap();
    disk.inside().unreadable = true;
    let (feed, account) = take_up(&world);
    let lift = |id: u64| {
        let turn = account.turn();
        let was = world.set.lift(&feed, token(id).target);
        (was, turn.lifted(&[token(id).target], Timestamp::from_secs(1)))
    };
    let (was, receipt) = lift(5);
    assert!(!was && receipt.kept().await.is_err(), "it is not said to be kept");
    account.turn().forestall(token(6).target, LEARNED.plus(Duration::from_secs(1)));
    account.turn().forestall(token(7).target, LEARNED);
    let (_, receipt) = lift(8);
    assert!(receipt.kept().await.is_err());
    world.set.add(&feed, &token(8), LEARNED).unwrap();
    disk.inside().unreadable = false;
    until_whole(&feed).await;
    assert_eq!(ids(&world.set), [7, 8, 9].into());
    let (was, receipt) = lift(9);
    assert!(was && receipt.kept().await.is_ok());
    world.snapshot_after(0).await;
    drop((account, feed, world));
    let world = World::of(disk, "events", 100).unwrap();
    assert_eq!(world.ids(), [7, 8].into());
}

/// Of a snapshot that is damaged a part is enforced, and nothing goes on from its place: the source says all from its
/// beginning, and with that it is whole, and kept again.
#[tokio::test]
async fn nothing_goes_on_from_a_place_whose_entries_are_lost() {
    let disk = Memory::default();
    let former = World::of(disk.clone(), "events", 1000).unwrap();
    former.poll(0..500, "7");
    former.account.turn().exchanged(1, LEARNED, Some(b"7"));
    former.snapshot_after(0).await;
    drop(former);
    let mut files = disk.files();
    let snapshot = files.iter_mut().find(|(name, _)| name.starts_with("snapshot")).unwrap().1;
    let late = snapshot.len() - 200;
    snapshot[late] ^= 1;
    let disk = Memory::of(files);
    let world = World::of(disk.clone(), "other", 1000);
    assert!(world.is_err(), "the start says what it found");
    let set = Arc::new(curfew::state::revocations::Revocations::default());
    let clock = Arc::new(SystemClock::start());
    let journal = curfew::state::journal::Journal::open(Box::new(disk), crate::world::CHECK, Arc::clone(&set), clock);
    let feed = open_feed(&set, "events", 1000);
    let journal = journal.unwrap();
    let account = journal.take_up(vec![(voice("events"), Arc::clone(&feed))]).remove(0);
    let clock = SystemClock::start();
    assert!(!feed.standing(clock.now()).complete && account.cursor().is_none());
    let all: Vec<_> = (0..500).map(token).collect();
    {
        let turn = account.turn();
        set.replace(&feed, all.iter().copied(), LEARNED).unwrap();
        turn.exchanged(2, LEARNED, Some(b"8"));
    }
    until_whole(&feed).await;
    assert_eq!((account.cursor().as_deref(), ids(&set)), (Some(&b"8"[..]), (0..500).collect::<BTreeSet<_>>()));
}
