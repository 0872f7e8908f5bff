//! What is under way with a token ends within a second of the token's revocation, and nothing else does.

use crate::support::config::HOST;
use crate::support::h2::{DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Session, WINDOW_UPDATE, block, frame};
use crate::support::mint::{CORP, Mint, now, unique};
use crate::support::wait;
use crate::world::{FETCHED, FIRST_REVOKED, World, access, status_list};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

pub const SECOND: Duration = Duration::from_secs(1);
const CANCEL: u32 = 8;

/// Ends a session; returns when that is enforced.
pub fn end(world: &World, sid: &str) -> Instant {
    let mut token = Mint::get().ec.token().head("typ", "logout+jwt");
    token.claims.clear();
    let claims = json!({"iss": CORP, "aud": "shop", "iat": now(), "exp": now() + 120, "jti": unique("logout"),
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": sid});
    let token = claims.as_object().unwrap().iter().fold(token, |token, (name, value)| token.claim(name, value.clone()));
    let answer = world.logout("/.curfew/events/logout", &token.sign());
    assert!([200, 204].contains(&answer.status), "{}", answer.brief());
    Instant::now()
}

fn ask(session: &mut Session, path: &str, token: &str) -> u32 {
    ask_to(session, "GET", path, token)
}

/// Sends a head; with another method than GET a body is to follow.
pub fn ask_to(session: &mut Session, method: &str, path: &str, token: &str) -> u32 {
    let bearer = format!("Bearer {token}");
    let fields: [(&[u8], &[u8]); 5] = [
        (b":method", method.as_bytes()),
        (b":scheme", b"https"),
        (b":authority", HOST.as_bytes()),
        (b":path", path.as_bytes()),
        (b"authorization", bearer.as_bytes()),
    ];
    let stream = session.stream();
    let whole = if method == "GET" { END_STREAM } else { 0 };
    session.send(&frame(HEADERS, END_HEADERS | whole, stream, &block(&fields))).unwrap();
    stream
}

/// Which streams were reset within this time, by what code, and when.
fn resets(session: &mut Session, within: Duration) -> Vec<(u32, u32, Instant)> {
    let (mut all, start) = (Vec::new(), Instant::now());
    while let Ok(Some(frame)) = session.read(within.saturating_sub(start.elapsed())) {
        if frame.kind == RST_STREAM {
            all.push((frame.stream, u32::from_be_bytes(frame.payload[..4].try_into().unwrap()), Instant::now()));
        }
        assert!(frame.kind != DATA || frame.flags & END_STREAM == 0, "what was cut must not look whole");
    }
    all
}

/// One whose client reads, and one whose client does not, end; of another session none does.
#[test]
fn streams_of_a_session_end_with_it_over_http2() {
    let world = World::start();
    let mut session = Session::open_with(&world.h2(), &[(1, 0)]).unwrap();
    session.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 20).to_be_bytes())).unwrap();
    let (ends, sid, _) = access(Mint::get().ec.token());
    let (stays, other, _) = access(Mint::get().ec.token());
    let (quiet, endless) = (ask(&mut session, "/quiet", &ends), ask(&mut session, "/endless", &ends));
    let kept = ask(&mut session, "/quiet", &stays);
    assert!(resets(&mut session, SECOND).is_empty(), "nothing was revoked");
    let enforced = end(&world, &sid);
    let reset = resets(&mut session, 2 * SECOND);
    let mut streams: Vec<_> = reset.iter().map(|(stream, code, _)| (*stream, *code)).collect();
    streams.sort_unstable();
    assert_eq!(streams, [(quiet, CANCEL), (endless, CANCEL)]);
    for (stream, _, at) in reset {
        let late = at.saturating_duration_since(enforced);
        println!("stream {stream} was reset {} ms after its session was revoked", late.as_millis());
        assert!(late <= SECOND);
    }
    assert_eq!(world.refused("all", "session_revoked"), 2, "each is counted once");
    let next = ask(&mut session, "/orders", &stays);
    assert_eq!(session.end_of(next).answer.unwrap().status, 200);
    end(&world, &other);
    let reset = resets(&mut session, SECOND);
    assert_eq!(reset.iter().map(|(stream, code, _)| (*stream, *code)).collect::<Vec<_>>(), [(kept, CANCEL)]);
    assert_eq!(world.refused("all", "session_revoked"), 3);
    let lines = world.logged("session_revoked", 3);
    assert!(lines.len() == 3 && lines.iter().all(|line| line.contains("\"status\":200")), "{lines:?}");
}

#[test]
fn a_stream_of_a_session_ends_with_it_over_http1() {
    let world = World::start();
    for path in ["/quiet", "/endless"] {
        let (token, sid, _) = access(Mint::get().ec.token());
        let mut conn = world.door().open().unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n");
        conn.write_all(request.as_bytes()).unwrap();
        let mut head = [0; 12];
        conn.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        let enforced = end(&world, &sid);
        let left = wait::until("the upstream to be left", 3 * SECOND, || world.upstream.given_up());
        let late = left.saturating_duration_since(enforced);
        println!("{path}: the upstream was left {} ms after the session was revoked", late.as_millis());
        assert!(late <= SECOND);
        let mut rest = Vec::new();
        _ = conn.read_to_end(&mut rest);
        assert!(!rest.ends_with(b"0\r\n\r\n"), "an answer that was cut must not look whole");
    }
    assert_eq!(world.refused("all", "session_revoked"), 2);
}

#[test]
fn a_tunnel_ends_with_its_session_and_says_why() {
    let world = World::start();
    let sockets: Vec<_> = (0..2)
        .map(|_| {
            let (token, sid, _) = access(Mint::get().ec.token());
            let mut conn = world.door().open().unwrap();
            let request = format!(
                "GET /socket HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            conn.write_all(request.as_bytes()).unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                conn.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            assert!(head.starts_with(b"HTTP/1.1 101"));
            (conn, sid)
        })
        .collect();
    let [(mut ends, sid), (mut stays, _)] = <[_; 2]>::try_from(sockets).unwrap_or_else(|_| panic!("two"));
    let enforced = end(&world, &sid);
    let mut heard = Vec::new();
    _ = ends.read_to_end(&mut heard);
    let late = enforced.elapsed();
    println!("the tunnel was closed {} ms after its session was revoked", late.as_millis());
    assert!(late <= SECOND);
    assert_eq!(heard, [&[0x88, 17, 0x03, 0xf0][..], b"session_revoked"].concat());
    stays.socket().set_read_timeout(Some(SECOND)).unwrap();
    assert!(stays.read(&mut [0; 1]).is_err(), "the other one is neither closed nor spoken to");
    assert_eq!(world.refused("socket", "session_revoked"), 1);
}

/// What is under way with a token ends when its status list says so, and what is of another place in the list goes on.
#[test]
fn a_stream_ends_when_its_status_list_says_so() {
    let world = World::start();
    let mut session = Session::open_with(&world.h2(), &[(1, 0)]).unwrap();
    session.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 20).to_be_bytes())).unwrap();
    let listed = |index: u64| {
        let place = json!({"status_list": {"idx": index, "uri": world.provider.url("/statuses")}});
        Mint::get().rsa.token().claim("iss", FETCHED).claim("status", place).sign()
    };
    let [ends, stays] = [0, 1].map(|index| ask(&mut session, "/quiet", &listed(index)));
    assert!(resets(&mut session, SECOND).is_empty(), "nothing was revoked");
    let metric = |name: &str| {
        let name = format!("{name}{{source=\"statuses\",list=\"{}\"}} ", world.provider.url("/statuses"));
        let (_, metrics) = world.gateway.admin("/metrics");
        metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok())
    };
    assert_eq!((metric("curfew_status_lists"), metric("curfew_status_list_bytes")), (Some(1.0), Some(2.0)));
    assert!(metric("curfew_status_list_age_seconds").is_some_and(|age| age < 5.0));
    status_list(&world.provider, FIRST_REVOKED);
    let before = world.provider.fetched("/statuses");
    let fetched = wait::until("it is fetched", 5 * SECOND, || {
        std::thread::sleep(Duration::from_millis(5));
        (world.provider.fetched("/statuses") > before).then(Instant::now)
    });
    let reset = resets(&mut session, 2 * SECOND);
    assert_eq!(reset.iter().map(|(stream, code, _)| (*stream, *code)).collect::<Vec<_>>(), [(ends, CANCEL)]);
    let late = reset[0].2.saturating_duration_since(fetched);
    println!("stream {ends} was reset {} ms after the list was fetched", late.as_millis());
    assert!(late <= SECOND);
    assert_eq!(world.refused("all", "token_revoked"), 1);
    session.send(&frame(RST_STREAM, 0, stays, &CANCEL.to_be_bytes())).unwrap();
    // A list that cannot be had is counted, and ends nothing.
    world.provider.put("/statuses", "no list");
    wait::until("it fails", 10 * SECOND, || {
        std::thread::sleep(Duration::from_millis(20));
        metric("curfew_status_list_failures_total").filter(|failures| *failures >= 1.0)
    });
}
