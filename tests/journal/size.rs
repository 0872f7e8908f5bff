//! Ten million entries: how long a start takes. Run by hand:
//! `cargo test --release --test journal -- --ignored --nocapture ten_million`

use crate::world::{LEARNED, World, token};
use curfew::decide::time::Timestamp;
use curfew::state::journal::disk::Folder;
use curfew::state::revocations::Revoked;
use std::time::Instant;

#[tokio::test]
#[ignore = "needs a release build, a gigabyte of memory and half a minute"]
async fn ten_million_are_loaded() {
    const ENTRIES: u64 = 10_000_000;
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let world = World::start(Folder::lock(dir.path()).unwrap()).unwrap();
    let until = Some(Timestamp::from_secs(4_000_000_000));
    let began = Instant::now();
    (0..ENTRIES).for_each(|id| {
        let hashed = id.wrapping_mul(0xd134_2543_de82_ef95);
        world.set.add(&world.feed, &Revoked { until, ..token(hashed) }, LEARNED).unwrap();
    });
    println!("added in {:.2?}", began.elapsed());
    let began = Instant::now();
    world.account.turn().exchanged(1, LEARNED, None);
    world.snapshot_after(0).await;
    println!("a snapshot in {:.2?}: {} bytes", began.elapsed(), world.journal.standing().bytes);
    drop(world);
    let began = Instant::now();
    let world = World::start(Folder::lock(dir.path()).unwrap()).unwrap();
    let took = began.elapsed();
    assert_eq!(world.journal.standing().recovered, ENTRIES);
    println!("{ENTRIES} entries loaded in {took:.2?}");
    assert!(took.as_secs_f64() < 3.0, "{took:?}");
}
