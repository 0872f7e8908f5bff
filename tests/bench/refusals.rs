//! Twenty thousand refusals a second, for a minute, against the real gateway with records, audit log and metrics on: is
//! each answered, is memory bounded, and is all that was not kept counted?
//!
//! `cargo bench --bench refusals` goes on for a minute; `-- --seconds 5` and `-- --rate 5000` for less. It ends with 1 if
//! an answer is missing, if what was kept and what was counted as not kept are not all, or if memory grew beyond [`BOUND`].

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a bench may")]

#[path = "refusals/client.rs"]
mod client;
#[path = "../support/mod.rs"]
mod support;
#[path = "refusals/world.rs"]
mod world;

use client::{Connection, Told};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use world::World;

/// As many connections, each with one that sends by the clock and one that reads.
const CONNECTIONS: usize = 4;
/// What the process may have more of at any time than before the first request, in KiB: the index of a hundred thousand
/// records, the queues of records and of the audit log, full, and what the allocator holds back.
const BOUND: u64 = 160 * 1024;
/// How often memory is looked at, and how often it is told.
const LOOK: Duration = Duration::from_secs(1);
const TELL: u64 = 10;

/// The number after a word of the command line.
fn asked(word: &str, usual: usize) -> usize {
    let mut words = std::env::args().skip_while(|given| given != word).skip(1);
    words.next().map_or(usual, |number| number.parse().expect("a number"))
}

/// Looks at the memory until all is sent and answered; the most that it ever was.
fn watch(world: &World, connections: &[Connection], before: u64) -> u64 {
    let (begun, mut most) = (Instant::now(), before);
    for second in 1.. {
        std::thread::sleep(LOOK.mul_f64(second as f64).saturating_sub(begun.elapsed()));
        let now = world.memory();
        most = most.max(now);
        if second % TELL == 0 {
            println!("{:>4} s: {now} KiB, {} records kept", second, world.metric("curfew_records_kept"));
        }
        if connections.iter().all(Connection::is_over) {
            return most;
        }
    }
    most
}

/// What does not add up, each as a sentence.
fn faults(world: &World, sent: u64, by_status: &BTreeMap<u16, u64>, grown: u64) -> Vec<String> {
    let answered: u64 = by_status.values().sum();
    let refused = world.metric_of("curfew_decisions_total", "decision=\"deny\"");
    let (written, dropped) =
        (world.metric("curfew_records_written_total"), world.metric("curfew_records_dropped_total"));
    let (told, untold) = (world.audited(), world.metric("curfew_audit_dropped_total"));
    println!("refusals counted: {refused}");
    println!(
        "records: {written} kept, {dropped} not kept and counted, {} there now",
        world.metric("curfew_records_kept")
    );
    println!("audit log: {told} lines of refusals, {untold} not written and counted");
    let sums = [
        ("requests were answered", answered),
        ("refusals were counted", refused),
        ("records were kept or counted as dropped", written + dropped),
        ("refusals stand in the audit log or were counted as dropped", told + untold),
    ];
    let wrong = sums.into_iter().filter(|(_, sum)| *sum != sent);
    let mut faults: Vec<String> = wrong.map(|(what, sum)| format!("{sum} of {sent} {what}")).collect();
    if grown > BOUND {
        faults.push(format!("memory grew by {grown} KiB, over the bound of {BOUND}"));
    }
    faults
}

fn main() -> ExitCode {
    let (seconds, rate) = (asked("--seconds", 60), asked("--rate", 20_000));
    let world = World::start();
    let before = world.memory();
    let begun = Instant::now();
    let connections: Vec<_> = (0..CONNECTIONS).map(|_| Connection::open(&world, rate / CONNECTIONS, seconds)).collect();
    println!("   0 s: {before} KiB");
    let most = watch(&world, &connections, before);
    let took = begun.elapsed();
    let told: Vec<Told> = connections.into_iter().map(Connection::end).collect();
    let sent: u64 = told.iter().map(|told| told.sent).sum();
    let mut by_status = BTreeMap::new();
    for (status, count) in told.iter().flat_map(|told| &told.by_status) {
        *by_status.entry(*status).or_default() += count;
    }
    let late = told.iter().map(|told| told.late).max().unwrap_or_default();
    println!("{sent} sent, {} answered, by status {by_status:?}", by_status.values().sum::<u64>());
    println!(
        "{:.0} refusals a second for {took:.1?}; the sender was {late:.1?} behind its clock at most",
        sent as f64 / took.as_secs_f64()
    );
    world.settle(sent);
    let after = world.memory();
    println!("memory: {before} KiB before, {most} KiB at most, {after} KiB after");
    let faults = faults(&world, sent, &by_status, most.max(after).saturating_sub(before));
    faults.iter().for_each(|fault| println!("FAULT: {fault}"));
    ExitCode::from(u8::from(!faults.is_empty()))
}
