//! Streams whose client does not read, and tunnels in which nobody speaks: they end when they must all the same.

use crate::support::config::{HOST, World};
use crate::support::h2::{END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Session, WINDOW_UPDATE, block, frame};
use crate::support::mint::{LEGACY, Mint};
use crate::support::table::get;
use crate::support::wait;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A token without leeway, and the moment of its end.
fn token(seconds: u64) -> (String, Instant) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ends = now.as_secs() + seconds;
    let left = Duration::from_secs(ends) - now;
    (Mint::get().legacy.token().claim("iss", LEGACY).claim("exp", ends).sign(), Instant::now() + left)
}

/// How long after the token's end the upstream was left, in milliseconds.
fn left_after(world: &World, end: Instant) -> i128 {
    let at = wait::until("the upstream to be left", Duration::from_secs(8), || {
        std::thread::sleep(Duration::from_millis(10));
        world.upstream.given_up()
    });
    let late = at.checked_duration_since(end).map_or(-1, |late| late.as_millis() as i128);
    println!("the upstream was left {late} ms after the token's end");
    late
}

#[test]
fn i_a_client_that_does_not_read_keeps_nothing_over_http1() {
    let world = World::start();
    let (token, end) = token(3);
    let mut conn = world.h1().open().unwrap();
    conn.write_all(&get("/orders/endless", &token)).unwrap();
    let mut head = [0; 12];
    conn.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    assert!((0..=1000).contains(&left_after(&world, end)));
    let mut rest = Vec::new();
    _ = conn.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "an answer that was cut must not look whole");
    let metrics = world.gateway.admin("/metrics").1;
    assert!(metrics.contains("stream_expired"), "{metrics}");
}

fn ask(session: &mut Session, path: &str, token: &str) -> u32 {
    let bearer = format!("Bearer {token}");
    let fields: [(&[u8], &[u8]); 5] = [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", HOST.as_bytes()),
        (b":path", path.as_bytes()),
        (b"authorization", bearer.as_bytes()),
    ];
    let stream = session.stream();
    session.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&fields))).unwrap();
    stream
}

/// The stream alone is ended: others on its connection go on. Also one that was never given any room, whose body was
/// never asked for anything.
#[test]
fn i_a_client_that_does_not_read_keeps_nothing_over_http2() {
    let world = World::start();
    for window in [65_535_u32, 0] {
        let mut session = Session::open_with(&world.h2(), &[(1, 0), (4, window)]).unwrap();
        session.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 20).to_be_bytes())).unwrap();
        let (short, end) = token(3);
        let (long, _) = token(60);
        let endless = ask(&mut session, "/orders/endless", &short);
        let reset = loop {
            let frame = session.read(Duration::from_secs(8)).unwrap().expect("the stream is not ended");
            if frame.stream == endless && frame.kind == RST_STREAM {
                break Instant::now();
            }
        };
        let late = reset.checked_duration_since(end).expect("not before its end").as_millis();
        println!("window {window}: the stream was reset {late} ms after the token's end");
        assert!(late <= 1000 && (0..=1000).contains(&left_after(&world, end)));
        let other = ask(&mut session, "/orders/1", &long);
        session.send(&frame(WINDOW_UPDATE, 0, other, &(1_u32 << 16).to_be_bytes())).unwrap();
        assert_eq!(session.end_of(other).answer.unwrap().status, 200);
    }
}

/// `between_bytes` bounds the silence of a tunnel as that of any body; here it is 2 seconds.
#[test]
fn i_a_silent_tunnel_ends() {
    let world = World::start();
    let mut conn = world.h1().open().unwrap();
    let (token, _) = token(60);
    let request = format!(
        "GET /socket HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    conn.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 12];
    conn.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    let began = Instant::now();
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(1200));
        conn.write_all(b"still here").unwrap();
    }
    let mut rest = Vec::new();
    _ = conn.read_to_end(&mut rest);
    let lived = began.elapsed().as_millis();
    println!("the tunnel lived {lived} ms");
    assert!((4300..5400).contains(&lived), "{lived}");
}
