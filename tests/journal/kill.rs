//! Two hundred times a process accepts revocations and is killed at some moment. What it had acknowledged is enforced
//! after the restart; what is enforced was sent.

use crate::world::{LEARNED, World, token};
use curfew::state::journal::disk::Folder;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const ROUNDS: u64 = 200;
const DIR: &str = "CURFEW_TEST_JOURNAL";
const ROUND: &str = "CURFEW_TEST_ROUND";
/// So many wait for their acknowledgement at once.
const AT_ONCE: u64 = 8;

/// Numbers that look random, and are the same each time.
fn dice(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn tell(what: &str, id: u64) {
    // One write, so a kill leaves a line or none.
    std::io::stdout().write_all(format!("\n={what} {id}\n").as_bytes()).unwrap();
}

/// Not a test: the process that is killed. It tells what it sends and what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that `acknowledged_is_enforced` kills"]
async fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let world = Arc::new(World::start(Folder::lock(Path::new(&dir)).unwrap()).unwrap());
    let next = Arc::new(AtomicU64::new(round << 32));
    for _ in 0..AT_ONCE {
        let (world, next) = (Arc::clone(&world), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed);
                tell("sent", id);
                if world.accept([id]).await.is_ok() {
                    tell("kept", id);
                }
            }
        });
    }
    // In some rounds a snapshot is being made when the end comes.
    tokio::time::sleep(Duration::from_millis(dice(round * 3) % 40)).await;
    if round.is_multiple_of(3) {
        world.account.turn().exchanged(1, LEARNED, Some(b"cursor"));
    }
    std::future::pending().await
}

/// Starts the process, lets it run for a while, and kills it. Adds what it told.
fn run_and_kill(dir: &Path, round: u64, sent: &mut BTreeSet<u64>, kept: &mut BTreeSet<u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "kill::child", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = std::thread::spawn(move || {
        let first = lines.find(|line| line.starts_with('='));
        (first, lines)
    });
    let (first, lines) = told.join().unwrap();
    let reading = std::thread::spawn(move || first.into_iter().chain(lines).collect::<Vec<String>>());
    std::thread::sleep(Duration::from_micros(dice(round) % 60_000));
    child.kill().unwrap();
    child.wait().unwrap();
    for line in reading.join().unwrap() {
        let Some((what, id)) = line.strip_prefix('=').and_then(|line| line.split_once(' ')) else { continue };
        let Ok(id) = id.parse::<u64>() else { continue };
        if what == "sent" {
            sent.insert(id)
        } else {
            kept.insert(id)
        };
    }
}

#[test]
fn acknowledged_is_enforced() {
    let dir = tempfile::tempdir().unwrap();
    let (mut sent, mut kept, began) = (BTreeSet::new(), BTreeSet::new(), Instant::now());
    let mut unacknowledged = 0;
    for round in 1..=ROUNDS {
        run_and_kill(dir.path(), round, &mut sent, &mut kept);
        // What the process reads at its start is what anybody reads.
        if !round.is_multiple_of(10) {
            continue;
        }
        let enforced = World::start(Folder::lock(dir.path()).unwrap()).unwrap().ids();
        let lost: Vec<_> = kept.difference(&enforced).take(5).collect();
        let invented: Vec<_> = enforced.difference(&sent).take(5).collect();
        assert!(lost.is_empty() && invented.is_empty(), "round {round}: lost {lost:?}, invented {invented:?}");
        unacknowledged = enforced.len() - kept.len();
    }
    assert!(kept.len() > 1_000 && token(1) != token(2));
    println!(
        "{ROUNDS} kills in {:.1?}: {} sent, {} acknowledged, all of them enforced, and {unacknowledged} more that were sent",
        began.elapsed(),
        sent.len(),
        kept.len()
    );
}
