//! A long list, as lines of gzip over HTTP: what the gateway's memory comes to while one takes the place of another. Run by
//! hand: `cargo test --release --test events -- --ignored --nocapture ten_million`; `ENTRIES=1000000` before it for a shorter one.

use crate::world::World;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Says that nothing is new.
const NOTHING: u64 = u64::MAX;

/// One answer: so many entries from this one on, or that nothing is new. None of it is held here.
fn answer(mut socket: TcpStream, first: u64, count: u64) {
    let mut asked = BufReader::new(socket.try_clone().unwrap());
    let mut line = String::new();
    while asked.read_line(&mut line).unwrap_or(0) > 2 {
        line.clear();
    }
    let (complete, count) = if first == NOTHING { (false, 0) } else { (true, count) };
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    let mut body = BufWriter::new(GzEncoder::new(socket, Compression::fast()));
    writeln!(body, r#"{{"complete":{complete},"count":{count}}}"#).unwrap();
    for number in 0..count {
        // As random as a `jti` is.
        let id = u128::from(first + number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        if writeln!(body, r#"{{"type":"token","id":"{id:032x}","until":4000000000}}"#).is_err() {
            return;
        }
    }
    writeln!(body, r#"{{"end":true,"count":{count}}}"#).unwrap();
    body.into_inner().unwrap().finish().unwrap();
}

/// `VmRSS`, what is in memory now, or `VmHWM`, the most since that was asked to be forgotten; in MiB.
fn memory(pid: u32, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

fn metric(world: &World, name: &str) -> Option<f64> {
    let (_, metrics) = world.gateway.admin("/metrics");
    let name = format!("{name}{{source=\"list\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.trim().parse().ok())
}

#[test]
#[ignore = "needs a release build, a gigabyte of memory and some minutes"]
fn ten_million_take_the_place_of_ten_million() {
    let count: u64 = std::env::var("ENTRIES").ok().map_or(10_000_000, |count| count.parse().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, next) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(NOTHING)));
    let says = Arc::clone(&next);
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|socket| answer(socket, says.swap(NOTHING, SeqCst), count));
    });
    let world = World::start_with(&format!(
        "    list: {{ kind: poll, issuer: partner, url: \"http://127.0.0.1:{port}/\", max_entries: {}, timeout: 60s,
      stream_timeout: 30m, max_bytes: 1GiB, max_staleness: off, allow_http: true, allow_private_network: true }}",
        count * 11 / 10
    ));
    let pid = world.gateway.pid;
    println!("before: {} MiB", memory(pid, "VmRSS"));
    let mut rested = 0;
    // All of it, the same with a hundredth of it exchanged, and quite another.
    for (round, first) in [0, count / 100, 2 * count].into_iter().enumerate() {
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
        let (began, heard) = (Instant::now(), metric(&world, "curfew_revocation_journal_snapshots_total"));
        next.store(first, SeqCst);
        let settled = || {
            let age = metric(&world, "curfew_revocation_age_seconds");
            next.load(SeqCst) == NOTHING && age.is_some_and(|age| age < 5.0) && began.elapsed().as_secs() > 5
        };
        while !(settled() && metric(&world, "curfew_revocation_entries") == Some(count as f64)) {
            assert!(began.elapsed() < Duration::from_secs(3600), "{heard:?}");
            std::thread::sleep(Duration::from_millis(250));
        }
        let (most, now) = (memory(pid, "VmHWM"), memory(pid, "VmRSS"));
        println!("round {round}: {count} entries in {:.1?}; at most {most} MiB, then {now} MiB", began.elapsed());
        if round == 1 {
            assert!(most < rested * 3 / 2, "it nearly doubled: {most} of {rested} MiB");
        }
        rested = now.max(rested);
    }
}
