//! What lasts, and ends with its session: within a second, and with the reason told.

use crate::support::config::{HOST, World};
use crate::support::raw::Conn;
use crate::support::table::get;
use crate::world::{Session, bad, good, pause, start};
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

pub fn open(world: &World, token: &str) -> Conn {
    let mut conn = world.h1().open().unwrap();
    let request = format!(
        "GET /idle/socket HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    conn.write_all(request.as_bytes()).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        conn.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    conn
}

/// What comes until the end, and when that was.
pub fn rest(conn: &mut Conn) -> (Vec<u8>, Instant) {
    conn.socket().set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    let mut rest = Vec::new();
    _ = conn.read_to_end(&mut rest);
    (rest, Instant::now())
}

const TEXT: &[u8] = &[0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
const PING: &[u8] = &[0x89, 0x80, 0, 0, 0, 0];

/// Pings do not keep a session, messages do; when it ends, both the socket and its session have.
#[test]
fn a_websocket() {
    let world = start();
    let session = Session::begun(60);
    let mut conn = open(&world, &session.token());
    let mut last = Instant::now();
    for _ in 0..3 {
        pause(1_300);
        last = Instant::now(); // before it is sent: it cannot have come earlier
        conn.write_all(TEXT).unwrap();
    }
    good(&world, "/polled/1", &session.token());
    for _ in 0..3 {
        pause(500);
        conn.write_all(PING).unwrap();
    }
    let (said, ended) = rest(&mut conn);
    let late = ended.duration_since(last).as_millis();
    println!("the socket was closed {late} ms after the last message, of 2000");
    assert!((2_000..3_000).contains(&late), "{late}");
    let close = [&[0x88, 22, 0x03, 0xf0][..], b"session_idle_timeout"].concat();
    assert!(said.ends_with(&close), "{said:?}");
    bad(&world, "/idle/1", &session.token(), "session_idle_timeout");
}

/// It lives as long as its session is used elsewhere.
#[test]
fn a_silent_stream_of_a_busy_session() {
    let world = start();
    let session = Session::begun(60);
    let mut conn = open(&world, &session.token());
    for _ in 0..3 {
        pause(1_300);
        good(&world, "/idle/1", &session.token());
    }
    let last = Instant::now();
    let (_, ended) = rest(&mut conn);
    let late = ended.duration_since(last).as_millis();
    println!("the socket was closed {late} ms after the session was last used, of 2000");
    assert!((2_000..3_000).contains(&late), "{late}");
}

/// An answer that goes on by itself keeps nothing on a route that says so, where the last activity is that which the
/// token proves; elsewhere its data is an activity.
#[test]
fn an_endless_answer() {
    let world = start();
    for (path, within) in [("/polled/endless", 1_000..3_000), ("/whole/endless", 2_000..4_000)] {
        let mut conn = world.h1().open().unwrap();
        let began = Instant::now();
        conn.write_all(&get(path, &Session::begin().token())).unwrap();
        let (said, ended) = rest(&mut conn);
        let lived = ended.duration_since(began).as_millis();
        println!("{path} lived {lived} ms");
        assert!(said.starts_with(b"HTTP/1.1 200") && !said.ends_with(b"0\r\n\r\n"));
        assert!(within.contains(&lived), "{path}: {lived}");
    }
    let session = Session::begin();
    let mut conn = world.h1().open().unwrap();
    conn.write_all(&get("/idle/endless", &session.token())).unwrap();
    let (began, mut piece, mut count) = (Instant::now(), vec![0; 1 << 16], 0);
    while began.elapsed() < Duration::from_millis(3_500) {
        count += conn.read(&mut piece).unwrap();
    }
    println!("/idle/endless still lives after 3.5 s and {count} bytes");
    let metrics = world.gateway.admin("/metrics").1;
    let told = |reason: &str| metrics.lines().any(|line| line.contains("curfew_decisions") && line.contains(reason));
    assert!(told("session_idle_timeout") && told("session_absolute_timeout"), "{metrics}");
}
