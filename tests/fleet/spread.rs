//! How fast: entered on one instance, enforced by the others.

use crate::instance::{Instance, sids, until_ended};
use crate::redis::Redis;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

/// Looks without pause which of those that were entered are enforced; tells how long each took.
pub fn watch(instance: &Instance, entered: &Receiver<(String, Instant)>) -> Vec<Duration> {
    let (mut waiting, mut took, mut open) = (VecDeque::new(), Vec::new(), true);
    while open || !waiting.is_empty() {
        loop {
            match entered.try_recv() {
                Ok(one) => waiting.push_back(one),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    open = false;
                    break;
                }
            }
        }
        waiting.retain(|(sid, since): &(String, Instant)| {
            let ended = instance.has_ended(sid);
            ended.then(|| took.push(since.elapsed()));
            !ended
        });
        assert!(waiting.front().is_none_or(|(_, since)| since.elapsed() < Duration::from_secs(30)), "lost");
        std::thread::sleep(Duration::from_micros(500));
    }
    took
}

pub fn tell(name: &str, mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    let bounds = [5, 10, 25, 50, 100, 250, 500, 1000, u64::MAX];
    let mut low = 0;
    println!("{name}: {} entries, p50 {:?}, p99 {:?}, max {:?}", took.len(), at(0.5), at(0.99), at(1.0));
    for bound in bounds {
        let count = took.iter().filter(|span| (low..bound).contains(&(span.as_millis() as u64))).count();
        if count > 0 {
            println!("  {low:>5} ms and more: {count}");
        }
        low = bound;
    }
    at(0.99)
}

/// Ten thousand on one; the other two enforce each within a second. Timed from before it was entered to its being
/// found in the set.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_are_enforced_everywhere_within_a_second() {
    let redis = Redis::start();
    let fleet = [(); 3].map(|()| Arc::new(Instance::start(&redis.url())));
    for instance in &fleet {
        instance.ready().await;
    }
    let [one, others @ ..] = &fleet;
    let watchers: Vec<_> = others
        .iter()
        .map(|other| {
            let (sender, receiver) = channel();
            let other = Arc::clone(other);
            (sender, std::thread::spawn(move || watch(&other, &receiver)))
        })
        .collect();
    let began = Instant::now();
    let all = sids("spread", 10_000);
    for sid in &all {
        for (sender, _) in &watchers {
            sender.send((sid.clone(), Instant::now())).unwrap();
        }
        one.end(sid).await;
    }
    println!("entered in {:?}", began.elapsed());
    for (number, (sender, watcher)) in watchers.into_iter().enumerate() {
        drop(sender);
        let took = tokio::task::spawn_blocking(|| watcher.join().unwrap()).await.unwrap();
        let p99 = tell(&format!("instance {}", number + 2), took);
        assert!(p99 < Duration::from_secs(1), "{p99:?}");
    }
    for what in [&["XLEN", "{curfew}:log"][..], &["MEMORY", "USAGE", "{curfew}:log", "SAMPLES", "0"]] {
        println!("{what:?}: {}", redis.cli(what).trim());
    }
    // Whoever comes now knows all of it, too.
    let late = Instance::start(&redis.url());
    late.ready().await;
    until_ended(&late, &all).await;
}
