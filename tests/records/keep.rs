//! Kept over a crash, within bounds, and with nothing passed over in silence: the real binary.

use crate::support::wait::until;
use crate::world::World;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

/// Sends so many requests without a token over one connection, many at once, and reads all answers.
pub fn flood(world: &World, requests: usize) {
    const AT_ONCE: usize = 500;
    let one = b"GET /orders/7 HTTP/1.1\r\nHost: api.example.com\r\n\r\n".repeat(AT_ONCE);
    let mut left = requests;
    let mut conn = world.open();
    while left > 0 {
        let mut writer = conn.socket().try_clone().unwrap();
        let one = one.clone();
        let sending = std::thread::spawn(move || writer.write_all(&one).unwrap());
        let (mut seen, mut tail, mut buffer) = (0, Vec::new(), [0; 1 << 16]);
        while seen < AT_ONCE {
            let count = conn.read(&mut buffer).unwrap();
            assert!(count > 0, "the connection ended after {seen}");
            tail.extend_from_slice(&buffer[..count]);
            seen += memchr_count(&tail);
            let keep = tail.len().saturating_sub(NEEDLE.len() - 1);
            tail.drain(..keep);
        }
        sending.join().unwrap();
        left = left.saturating_sub(AT_ONCE);
    }
}

const NEEDLE: &[u8] = b"HTTP/1.1 401";

fn memchr_count(haystack: &[u8]) -> usize {
    haystack.windows(NEEDLE.len()).filter(|window| *window == NEEDLE).count()
}

fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// No request is lost, what is kept is bounded, and each refusal is either kept or counted as not kept.
#[test]
fn a_flood_is_bounded_and_counted() {
    const REFUSALS: usize = 20_000;
    let world = World::start("directory: DIR, max_records: 1600");
    let before = memory(world.gateway().pid);
    let begun = Instant::now();
    flood(&world, REFUSALS);
    let took = begun.elapsed();
    let counted = || world.metric("curfew_records_written_total") + world.metric("curfew_records_dropped_total");
    until("all are written or counted", Duration::from_secs(30), || {
        world.ask("/records/query", &json!({ "limit": 1 }));
        (counted() >= REFUSALS as f64).then_some(())
    });
    assert_eq!(counted() as usize, REFUSALS);
    let (kept, dropped) = (world.metric("curfew_records_kept"), world.metric("curfew_records_dropped_total"));
    let files = std::fs::read_dir(world.records()).unwrap().count();
    let grown = memory(world.gateway().pid).saturating_sub(before);
    println!(
        "{REFUSALS} refusals in {took:?}: {dropped} dropped, {kept} kept in {files} files, {grown} KiB more memory"
    );
    assert!((1500.0..=1600.0).contains(&kept) && files <= 18, "{kept} in {files} files");
    assert!(grown < 64 * 1024, "{grown} KiB more than before");
}

/// The file that was being written when the process died ends anywhere.
#[test]
fn a_torn_file_loses_its_torn_record_only() {
    let mut world = World::start("directory: DIR");
    let traces: Vec<String> = (0..5).map(|_| world.bear("/orders/7", "x").1).collect();
    assert_eq!(world.run(&["trace", &traces[4]]).0, 0);
    drop(world.gateway.take());
    let files: Vec<_> = std::fs::read_dir(world.records()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let file = files.iter().find(|path| path.extension().is_some_and(|end| end == "bin")).unwrap();
    let mut bytes = std::fs::read(file).unwrap();
    let begins = |(at, four): (usize, &[u8])| (four == b"\x9dCR1").then_some(at);
    let third = bytes.windows(4).enumerate().filter_map(begins).nth(2).unwrap();
    bytes[third + 100..third + 108].copy_from_slice(b"\0\xff{{{{{\0");
    bytes.truncate(bytes.len() - 7);
    std::fs::write(file, bytes).unwrap();
    world.gateway = Some(crate::support::gateway::Gateway::start(&world.config, world.admin));
    let found: Vec<i32> = traces.iter().map(|trace| world.run(&["trace", trace]).0).collect();
    assert_eq!(found, [0, 0, 5, 0, 5]);
    assert!(world.gateway().log().contains("damaged"), "{}", world.gateway().log());
    let later = world.bear("/orders/7", "x").1;
    assert_eq!(world.run(&["trace", &later]).0, 0);
    world.restart();
    assert_eq!(world.run(&["trace", &later]).0, 0, "what comes after a torn end is whole");
    assert_eq!(world.metric("curfew_records_kept"), 4.0);
}

/// A disk that takes no more is told once and counted; the line does not notice, and old records can still be asked for.
#[test]
fn a_full_disk_is_told_once() {
    // A file of 64 KiB is as long as any may be; whoever writes more is told so instead of being killed.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 128; exec \"$0\" \"$@\""];
    let world = World::start_under(&limited, "directory: DIR");
    let first = world.bear("/orders/7", "x").1;
    assert_eq!(world.run(&["trace", &first]).0, 0);
    flood(&world, 1000);
    until("the disk is full", Duration::from_secs(20), || {
        world.ask("/records/query", &json!({ "limit": 1 }));
        (world.metric("curfew_records_dropped_total") > 0.0).then_some(())
    });
    flood(&world, 500);
    let answer = world.bear("/orders/7", "x").0;
    assert_eq!(answer.status, 401);
    assert_eq!(world.run(&["trace", &first]).0, 0);
    let log = world.gateway().log();
    assert_eq!(log.matches("decision records cannot be written").count(), 1, "{log}");
    let counted = || world.metric("curfew_records_written_total") + world.metric("curfew_records_dropped_total");
    until("each is kept or counted", Duration::from_secs(20), || {
        world.ask("/records/query", &json!({ "limit": 1 }));
        (counted() >= 1502.0).then_some(())
    });
    assert_eq!(counted(), 1502.0);
}

/// A directory that cannot be had is told at the start, and one that another gateway has.
#[test]
fn a_directory_is_one_gateways_alone() {
    let world = World::start("directory: DIR");
    let second = crate::support::gateway::free_port();
    let text = std::fs::read_to_string(&world.config).unwrap();
    let try_with = |text: String| {
        let config = world.dir.path().join("second.yaml");
        std::fs::write(&config, text).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_curfew")).args(["run", "-c"]).arg(config).output();
        crate::world::told(&output.unwrap())
    };
    let (public, admin) = (format!("127.0.0.1:{}", world.public), world.admin.to_string());
    let moved = text.replace(&public, &format!("127.0.0.1:{second}")).replace(&admin, "127.0.0.1:0");
    let (code, _, err) = try_with(moved.clone());
    assert!(code == 1 && err.contains("another process keeps its records here"), "{code} {err}");
    let (code, _, err) =
        try_with(moved.replace("directory: ", "max_records: 99, directory: ").replace("/records", "/key/records"));
    assert!(code == 1 && err.contains("the decision records in"), "{code} {err}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(world.records()).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
}
