//! A request that is still coming in ends within a second of its token's revocation, and nothing of it goes on.

use crate::streams::{SECOND, ask_to, end};
use crate::support::config::HOST;
use crate::support::h2::{DATA, Session, frame};
use crate::support::mint::Mint;
use crate::support::wait;
use crate::world::{World, access};
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

fn head(token: &str, fields: &str) -> String {
    format!("POST /orders HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n{fields}\r\n\r\n")
}

/// Something came of the request, as far as the upstream can tell.
fn begun(world: &World, part: &str) {
    wait::until("the upstream to see it", 3 * SECOND, || {
        std::thread::sleep(Duration::from_millis(5));
        world.upstream.everything().contains(part).then_some(())
    });
}

#[test]
fn an_upload_ends_with_its_session_over_http1() {
    let world = World::start();
    for (fields, part) in [("Content-Length: 4096", "part-one"), ("Transfer-Encoding: chunked", "8\r\npart-two\r\n")] {
        let (token, sid, _) = access(Mint::get().ec.token());
        let mut conn = world.door().open().unwrap();
        conn.write_all(format!("{}{part}", head(&token, fields)).as_bytes()).unwrap();
        begun(&world, part.trim_end().rsplit('\n').next().unwrap());
        let enforced = end(&world, &sid);
        let mut heard = Vec::new();
        _ = conn.read_to_end(&mut heard);
        let (late, heard) = (enforced.elapsed(), String::from_utf8_lossy(&heard).into_owned());
        println!("{fields}: refused {} ms after the session was revoked", late.as_millis());
        assert!(late <= SECOND, "{late:?}: {heard}");
        assert!(heard.starts_with("HTTP/1.1 401") && heard.contains("session_revoked"), "{heard}");
        world.upstream.settle().unwrap();
    }
    assert_eq!((world.upstream.count(), world.refused("all", "session_revoked")), (0, 2));
}

/// The stream alone: another upload on its connection comes through.
#[test]
fn an_upload_ends_with_its_session_over_http2() {
    let world = World::start();
    let mut session = Session::open(&world.h2()).unwrap();
    let [(ends, sid, _), (stays, ..)] = [(); 2].map(|()| access(Mint::get().ec.token()));
    let [cut, whole] = [(&ends, "part-one"), (&stays, "part-two")].map(|(token, part)| {
        let stream = ask_to(&mut session, "POST", "/orders", token);
        session.send(&frame(DATA, 0, stream, part.as_bytes())).unwrap();
        begun(&world, part);
        stream
    });
    let enforced = end(&world, &sid);
    let refused = session.end_of(cut);
    let late = enforced.elapsed();
    println!("refused {} ms after the session was revoked", late.as_millis());
    assert!(late <= SECOND, "{}", refused.brief());
    let answer = refused.answer.unwrap();
    assert_eq!((answer.status, answer.reason().as_deref()), (401, Some("session_revoked")));
    session.send(&frame(DATA, crate::support::h2::END_STREAM, whole, b"!")).unwrap();
    assert_eq!(session.end_of(whole).answer.unwrap().status, 200);
    assert_eq!((world.upstream.count(), world.upstream.last().body), (1, b"part-two!".to_vec()));
}

/// A chunked request is not begun upstream before its first chunk is there, and by then its token may be revoked.
#[test]
fn a_body_that_was_held_back_is_judged_when_it_comes() {
    let world = World::start();
    let (token, sid, _) = access(Mint::get().ec.token());
    let (good, ..) = access(Mint::get().ec.token());
    for (token, status) in [(token, "401"), (good, "200")] {
        let mut conn = world.door().open().unwrap();
        conn.write_all(head(&token, "Transfer-Encoding: chunked\r\nConnection: close").as_bytes()).unwrap();
        let judged = Instant::now();
        wait::until("it is under way", 3 * SECOND, || {
            std::thread::sleep(Duration::from_millis(5));
            let metrics = world.gateway.admin("/metrics").1;
            let busy = |line: &&str| line.starts_with("curfew_requests_in_flight ") && !line.ends_with(" 0");
            metrics.lines().any(|line| busy(&line)).then_some(())
        });
        println!("{status}: under way after {:?}", judged.elapsed());
        if status == "401" {
            end(&world, &sid);
        }
        conn.write_all(b"5\r\nhello\r\n0\r\n\r\n").unwrap();
        let mut heard = Vec::new();
        _ = conn.read_to_end(&mut heard);
        let heard = String::from_utf8_lossy(&heard).into_owned();
        assert!(heard.starts_with(&format!("HTTP/1.1 {status}")), "{heard}");
    }
    assert_eq!(world.upstream.count(), 1, "the good one");
}
