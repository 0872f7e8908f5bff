//! The door itself: which requests come through, how large and how many.

use crate::support::config::HOST;
use crate::support::h2::{self, Session};
use crate::support::mint::Mint;
use crate::support::raw::{ask, talk};
use crate::world::{FORM, Rows, World, post};
use std::io::Write as _;
use std::time::Duration;

const LOGOUT: &str = "/.curfew/events/logout";

#[test]
fn only_posts_to_the_very_path_come_through() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = world.send(format!("{method} {LOGOUT} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
        rows.is(method, &answer, 405);
        rows.same(method, answer.header("allow").unwrap_or_default(), "POST");
    }
    let reason = |answer: crate::support::answer::Answer| answer.reason().unwrap_or_default();
    let bytes = |path: &str| post(path, &[("Content-Type", FORM)], "logout_token=x");
    // What is not the path byte for byte goes the way of all requests: to a guarded route, or nowhere.
    for path in ["/.curfew/events/logout/", "/.curfew/events/Logout", "/.curfew/events", "/%2ecurfew/events/logout"] {
        rows.same(path, &reason(world.send(bytes(path))), "token_missing");
    }
    for path in ["/.curfew//events/logout", "/.curfew/x/../events/logout", "/.curfew/events/logout;x=1"] {
        rows.same(path, &reason(world.send(bytes(path))), "path_ambiguous");
    }
    rows.is("a query is nothing to us", &world.send(bytes("/.curfew/events/logout?x=1")), 400);
    rows.same(
        "another source's host",
        &reason(world.send(bytes("/elsewhere/logout").replace(HOST, "www.example.com"))),
        "token_missing",
    );
    rows.same(
        "a host that is not ours",
        &reason(world.send(bytes(LOGOUT).replace(HOST, "evil.example.org"))),
        "misdirected_request",
    );
    rows.same(
        "two hosts",
        &reason(world.send(bytes(LOGOUT).replace("Content-Type", "Host: x\r\nContent-Type"))),
        "host_mismatch",
    );
    let smuggled = bytes(LOGOUT).replace("Content-Length", "Transfer-Encoding: chunked\r\nContent-Length");
    rows.same("two lengths", &reason(world.send(smuggled)), "framing_ambiguous");
    let compressed = post(LOGOUT, &[("Content-Type", FORM), ("Content-Encoding", "gzip")], "logout_token=x");
    rows.is("compressed", &world.send(compressed), 400);
    let no_body =
        format!("POST {LOGOUT} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {FORM}\r\nContent-Length: 0\r\n\r\n");
    rows.is("no body", &world.send(no_body), 400);
    // In the clear too, and a token does not matter here.
    let plain = ask(&mut world.plain().open().unwrap(), bytes(LOGOUT).as_bytes(), Duration::ZERO).unwrap();
    rows.is("in the clear", &plain, 400);
    let token = mint.ec.token().sign();
    let with = post(LOGOUT, &[("Content-Type", FORM), ("Authorization", &format!("Bearer {token}"))], "logout_token=x");
    rows.is("an access token opens nothing", &world.send(with), 400);
    assert_eq!(world.upstream.count(), 0, "an event reached the upstream");
    rows.finish();
}

#[test]
fn size_and_number_are_bounded() {
    let (world, mut rows) = (World::start(), Rows::default());
    let reason = |answer: &crate::support::answer::Answer| answer.reason().unwrap_or_default();
    let head =
        |length: &str| format!("POST {LOGOUT} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {FORM}\r\n{length}\r\n\r\n");
    // 100 MB are refused before a byte of them came.
    let huge = world.send(head("Content-Length: 100000000"));
    rows.is("100 MB, said", &huge, 413);
    rows.same("100 MB, said", &reason(&huge), "body_too_large");
    let mut chunked = head("Transfer-Encoding: chunked").into_bytes();
    for _ in 0..65 {
        chunked.extend_from_slice(b"400\r\n");
        chunked.extend_from_slice(&[b'x'; 1024]);
        chunked.extend_from_slice(b"\r\n");
    }
    let mut conn = world.door().open().unwrap();
    let heard = talk(&mut conn, &chunked, 1, Duration::ZERO).unwrap();
    rows.is("65 KiB, unsaid", &heard.answers[0], 413);
    let fits = post(LOGOUT, &[("Content-Type", FORM)], &format!("logout_token=x&pad={}", "p".repeat(60_000)));
    rows.is("60 KiB fit", &world.send(fits), 400);
    // Three a second, and not four: but another peer is another peer, and another source another source.
    let narrow = post("/.curfew/events/narrow", &[("Content-Type", FORM)], "logout_token=x");
    let statuses: Vec<u16> = (0..12).map(|_| world.send(&narrow).status).collect();
    let limited = statuses.iter().filter(|status| **status == 429).count();
    assert!(limited >= 6 && statuses[..3] == [400, 400, 400], "{statuses:?}");
    let answer = world.send(&narrow);
    if answer.status == 429 {
        let wait = answer.header("retry-after").and_then(|wait| wait.parse::<u64>().ok());
        rows.same("try again", &wait.is_some_and(|wait| (1..=5).contains(&wait)).to_string(), "true");
        rows.same("limited", &reason(&answer), "rate_limited");
    }
    rows.is("the other source", &world.send(narrow.replace("narrow", "logout")), 400);
    assert!(world.counted("narrow", "limited") as usize >= limited);
    rows.finish();
}

#[test]
fn over_http2_too() {
    let world = World::start();
    let mut door = world.door();
    door.tls.as_mut().unwrap().alpn = vec!["h2"];
    let mut session = Session::open(&door).unwrap();
    let fields: &[(&[u8], &[u8])] = &[
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", HOST.as_bytes()),
        (b":path", LOGOUT.as_bytes()),
        (b"content-type", FORM.as_bytes()),
    ];
    let stream = session.stream();
    session.send(&h2::frame(h2::HEADERS, h2::END_HEADERS, stream, &h2::block(fields))).unwrap();
    session.send(&h2::frame(h2::DATA, h2::END_STREAM, stream, b"logout_token=x")).unwrap();
    let ended = session.end_of(stream);
    assert_eq!(ended.answer.as_ref().map(|answer| answer.status), Some(400), "{}", ended.brief());
}

#[test]
fn time_is_bounded_and_nonsense_harms_nobody() {
    let (world, mut rows) = (World::start(), Rows::default());
    let head =
        format!("POST {LOGOUT} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {FORM}\r\nContent-Length: 99\r\n\r\nx=");
    let mut slow = world.door().open().unwrap();
    slow.write_all(head.as_bytes()).unwrap();
    // Whoever goes away in the middle takes nothing along.
    drop(ask(&mut world.door().open().unwrap(), &head.as_bytes()[..60], Duration::ZERO));
    // Bytes from a plain generator: the answer is always the same, and the connection goes on.
    let (mut seed, mut conn) = (7_u64, world.door().open().unwrap());
    for round in 0..300_usize {
        let mut body = String::from(["logout_token=", "", "logout_token=a.b.", "&&=&%"][round % 4]);
        for _ in 0..round {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            body.push(char::from(u8::try_from(seed >> 57).unwrap()));
        }
        let path = ["logout", "realm/k_logout", "client/k_push_not_before", "commands"][round / 4 % 4];
        let kind = [FORM, "text/plain", "text/plain", "application/json"][round / 4 % 4];
        let event = post(&format!("/.curfew/events/{path}"), &[("Content-Type", kind)], &body);
        let answer = ask(&mut conn, event.as_bytes(), Duration::ZERO).unwrap();
        rows.is(&body, &answer, if path == "commands" { 401 } else { 400 });
    }
    let heard = talk(&mut slow, b"", 1, Duration::ZERO).unwrap();
    let heard = if heard.answers.is_empty() { talk(&mut slow, b"", 1, Duration::ZERO).unwrap() } else { heard };
    rows.is("a body that never ends", &heard.answers[0], 408);
    assert!(world.gateway.lives() && !world.gateway.log().contains("panicked"));
    rows.finish();
}
