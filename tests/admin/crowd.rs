//! What if the process may open no more files? The admin listener waits until it may; it does not keep its thread busy.

use crate::support::wait::until;
use crate::world::World;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// How much processor time the process has used, in hundredths of a second.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11..13].iter().map(|count| count.parse::<u64>().unwrap()).sum()
}

fn may_open(pid: u32, files: usize) {
    let set = Command::new("prlimit").args([format!("--pid={pid}"), format!("--nofile={files}:")]).status().unwrap();
    assert!(set.success());
}

#[test]
fn a_listener_that_cannot_accept_waits() {
    let world = World::start("token: { file: DIR/token }");
    let pid = world.gateway.pid;
    let open = || std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let most = open() + 4;
    may_open(pid, most);
    // More than it may open; those that it cannot take up stay where they are.
    let crowd: Vec<TcpStream> = (0..16).map(|_| TcpStream::connect(world.admin).unwrap()).collect();
    until("it is full", Duration::from_secs(5), || (open() >= most).then_some(()));
    let before = ticks(pid);
    std::thread::sleep(Duration::from_secs(1));
    let used = ticks(pid) - before;
    println!("{used} hundredths of a second in one");
    assert!(used < 15, "{used}");
    may_open(pid, 1024);
    drop(crowd);
    until("it answers again", Duration::from_secs(5), || (world.get("/revocations/feeds").status == 200).then_some(()));
}
