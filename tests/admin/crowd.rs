//! Many at the admin listener who may ask for nothing: they keep out neither probes nor operators, and do not fill the log.
//! And what if the process may open no more files? It waits until it may, and does not keep its thread busy.

use crate::support::wait::until;
use crate::world::{TOKEN, World};
use serde_json::json;
use std::io::{Read as _, Write as _};
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

/// One who asks for much and reads nothing of it.
fn greedy(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(world.admin).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
    let asked = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(300);
    // When nothing more is taken, it is full.
    _ = stream.write_all(asked.as_bytes());
    stream
}

#[test]
fn those_who_do_not_read_keep_nobody_out() {
    let world = World::start("token: { file: DIR/token }");
    let lines = "{\"issuer\":\"corp\",\"type\":\"subject\",\"id\":\"a\"}\n".repeat(2);
    let (first, second) = lines.split_at(lines.len() / 2);
    let mut import = TcpStream::connect(world.admin).unwrap();
    let head = format!(
        "POST /revocations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\
         Expect: 100-continue\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        lines.len()
    );
    import.write_all(head.as_bytes()).unwrap();
    // It was let in before the crowd came.
    let mut go_on = [0; 25];
    import.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    import.write_all(first.as_bytes()).unwrap();
    let crowd: Vec<TcpStream> = (0..90).map(|_| greedy(&world)).collect();
    // Who waited for the crowd to leave would wait for a quarter of an hour.
    for _ in 0..3 {
        assert_eq!(world.send("GET /livez", &[("Host", "localhost")], b"").status, 200);
        assert_eq!(world.get("/revocations/feeds").status, 200);
    }
    import.write_all(second.as_bytes()).unwrap();
    let mut answer = String::new();
    import.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"accepted\":2"), "{answer}");
    drop(crowd);
}

#[test]
fn those_who_are_not_let_in_do_not_fill_the_log() {
    let world = World::start("token: { file: DIR/token }");
    let told = || world.gateway.log().matches("not done for an operator").count();
    let entry = json!({ "issuer": "corp", "type": "subject", "id": "a" }).to_string();
    let fields = [("Host", "localhost"), ("Content-Type", "application/json")];
    for _ in 0..40 {
        assert_eq!(world.send("POST /revocations", &fields, entry.as_bytes()).status, 401);
        assert_eq!(world.send("GET /config", &[("Host", "evil.example")], b"").status, 403);
    }
    assert_eq!(told(), 2, "{}", world.gateway.log());
    // What an operator did wrong is told each time.
    for _ in 0..3 {
        assert_eq!(world.json("POST /revocations", &json!({ "issuer": "nobody" })).status, 400);
    }
    assert_eq!(told(), 5, "{}", world.gateway.log());
}
