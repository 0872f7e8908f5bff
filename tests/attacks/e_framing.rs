//! E: framing and request smuggling over HTTP/1.1. Where a message ends is never a matter of opinion: one refusal, the
//! connection ends, and the upstream has not seen a byte.

use crate::KNOWN_GAPS;
use crate::support::config::{HOST, World};
use crate::support::mint::Mint;
use crate::support::raw::{self, Heard};
use crate::support::table::{Table, get, refused};
use serde_json::json;
use std::io::Write as _;
use std::time::{Duration, Instant};

const AMBIGUOUS: &[&str] = &["framing_ambiguous"];
const MALFORMED: &[&str] = &["malformed_request"];
/// Bytes that break both the grammar and the framing may be told either way.
const EITHER: &[&str] = &["framing_ambiguous", "malformed_request"];
const NEXT: &str = "GET /admin/smuggled HTTP/1.1\r\nHost: api.example.com\r\n\r\n";

/// The open route is used throughout: nothing but the framing can refuse.
fn post(headers: &str, body: &str) -> String {
    format!("POST /public/1 HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n{body}")
}

#[test]
fn e_framing() {
    let world = World::start();
    let mut table = Table::new(&world, "E", KNOWN_GAPS);
    twins(&mut table, &world);
    lengths(&mut table);
    codings(&mut table);
    chunks(&mut table);
    lines(&mut table);
    request_lines(&mut table);
    bodies_of_get(&mut table, &world);
    expectations(&mut table, &world);
    trailers(&mut table, &world);
    table.finish();
}

fn twins(table: &mut Table, world: &World) {
    table.admit("E+ a length", post("Content-Length: 4\r\n", "body"));
    table.admit("E+ a length of zero", post("Content-Length: 0\r\n", ""));
    table.admit("E+ chunked", post("Transfer-Encoding: chunked\r\n", "4\r\nbody\r\n0\r\n\r\n"));
    table.admit(
        "E+ chunked, upper case hex, leading zeros",
        post("Transfer-Encoding: Chunked\r\n", "00A\r\n0123456789\r\n0\r\n\r\n"),
    );
    table.admit("E+ chunked, an extension", post("Transfer-Encoding: chunked\r\n", "4;a=b\r\nbody\r\n0\r\n\r\n"));
    let clean = !world.upstream.everything().contains(";a=b");
    table.check("E6+ extensions are not passed on", if clean { Ok(()) } else { Err("it was".into()) });
    table.admit("E+ no body", format!("GET /public/1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    table.admit("E+ HTTP/1.0", format!("GET /public/1 HTTP/1.0\r\nHost: {HOST}\r\n\r\n"));
    table.admit(
        "E+ white space around a value",
        format!("GET /public/1 HTTP/1.1\r\nHost:\t {HOST} \t\r\nX-A:b\r\n\r\n"),
    );
}

fn lengths(table: &mut Table) {
    let both = "5\r\nhello\r\n0\r\n\r\n";
    table.cut(
        "E1 CL.TE",
        post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", &format!("0\r\n\r\nG{NEXT}")),
        AMBIGUOUS,
    );
    table.cut(
        "E1 CL then TE, agreeing",
        post(&format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", both.len()), both),
        AMBIGUOUS,
    );
    table.cut(
        "E2 TE.CL",
        post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", &format!("5c\r\n{NEXT}0\r\n\r\n")),
        AMBIGUOUS,
    );
    table.cut("E2 TE, CL 0", post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", both), AMBIGUOUS);
    let faulty = [
        ("two that differ", "Content-Length: 4\r\nContent-Length: 5\r\n"),
        ("two the same", "Content-Length: 4\r\nContent-Length: 4\r\n"),
        ("a list", "Content-Length: 4,4\r\n"),
        ("a list with a space", "Content-Length: 4, 4\r\n"),
        ("+4", "Content-Length: +4\r\n"),
        ("-4", "Content-Length: -4\r\n"),
        ("-0", "Content-Length: -0\r\n"),
        ("0x4", "Content-Length: 0x4\r\n"),
        ("4 4", "Content-Length: 4 4\r\n"),
        ("4.0", "Content-Length: 4.0\r\n"),
        ("4e0", "Content-Length: 4e0\r\n"),
        ("quoted", "Content-Length: \"4\"\r\n"),
        ("empty", "Content-Length:\r\n"),
        ("2^64", "Content-Length: 18446744073709551616\r\n"),
        ("2^64 + 4", "Content-Length: 18446744073709551620\r\n"),
        ("a word", "Content-Length: four\r\n"),
        ("a vertical tab", "Content-Length: \x0b4\r\n"),
        ("a trailing comma", "Content-Length: 4,\r\n"),
    ];
    for (name, header) in faulty {
        table.cut(&format!("E4 {name}"), post(header, &format!("body{NEXT}")), EITHER);
    }
    table.cut("E4 Unicode digits", post("Content-Length: \u{664}\r\n", "body"), EITHER);
}

fn codings(table: &mut Table) {
    let body = format!("0\r\n\r\n{NEXT}");
    let faulty = [
        ("chunked, identity", "Transfer-Encoding: chunked, identity\r\n"),
        ("identity, chunked", "Transfer-Encoding: identity, chunked\r\n"),
        ("identity", "Transfer-Encoding: identity\r\n"),
        ("xchunked", "Transfer-Encoding: xchunked\r\n"),
        ("chunkedx", "Transfer-Encoding: chunkedx\r\n"),
        ("space before the colon", "Transfer-Encoding : chunked\r\n"),
        ("tab before the colon", "Transfer-Encoding\t: chunked\r\n"),
        ("vertical tab", "Transfer-Encoding: \x0bchunked\r\n"),
        ("form feed", "Transfer-Encoding: \x0cchunked\r\n"),
        ("carriage return", "Transfer-Encoding: \rchunked\r\n"),
        ("a line feed in it", "Transfer-Encoding:\n chunked\r\n"),
        ("twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        ("chunked, then identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
        ("identity, then chunked", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
        ("chunked twice in a list", "Transfer-Encoding: chunked, chunked\r\n"),
        ("a parameter", "Transfer-Encoding: chunked;a=b\r\n"),
        ("an empty element", "Transfer-Encoding: , chunked\r\n"),
        ("a trailing comma", "Transfer-Encoding: chunked,\r\n"),
        ("empty", "Transfer-Encoding:\r\n"),
        ("quoted", "Transfer-Encoding: \"chunked\"\r\n"),
        ("folded", "Transfer-Encoding:\r\n chunked\r\n"),
        ("folded with a tab", "Transfer-Encoding:\r\n\tchunked\r\n"),
        ("folded before it", "X-A: b\r\n Transfer-Encoding: chunked\r\n"),
        ("a NUL", "Transfer-Encoding: chunked\0\r\n"),
        ("a NUL in the name", "Transfer-\0Encoding: chunked\r\n"),
        ("a high byte", "Transfer-Encoding: chunked\u{a0}\r\n"),
        ("gzip last", "Transfer-Encoding: chunked, gzip\r\n"),
    ];
    for (name, header) in faulty {
        let reasons = ["framing_ambiguous", "malformed_request", "transfer_coding_unknown"];
        table.cut(&format!("E3 {name}"), post(header, &body), &reasons);
        let both = format!("{header}Content-Length: 4\r\n");
        table.cut(&format!("E3 {name}, and a length"), post(&both, &body), &reasons);
    }
    table.cut(
        "E3 gzip, chunked",
        post("Transfer-Encoding: gzip, chunked\r\n", &body),
        &["transfer_coding_unknown", "framing_ambiguous"],
    );
    let old = format!("POST /public/1 HTTP/1.0\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    table.cut("E5 chunked under HTTP/1.0", old, AMBIGUOUS);
    let kept = format!(
        "POST /public/1 HTTP/1.0\r\nHost: {HOST}\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
    );
    table.cut("E5 the same, keep-alive", kept, AMBIGUOUS);
}

/// A fault in a body that is already on its way: the upstream may have seen the head and the chunks before the fault,
/// but never a whole request, and nothing of what follows.
fn chunks(table: &mut Table) {
    let long = "x".repeat(1 << 20);
    let faulty: [(&str, String); 17] = [
        ("-1", "-1\r\nbody\r\n0\r\n\r\n".into()),
        ("0x5", "0x5\r\nhello\r\n0\r\n\r\n".into()),
        ("a space after it", "5 \r\nhello\r\n0\r\n\r\n".into()),
        ("a space before it", " 5\r\nhello\r\n0\r\n\r\n".into()),
        ("+5", "+5\r\nhello\r\n0\r\n\r\n".into()),
        ("17 hex digits", "10000000000000005\r\nhello\r\n0\r\n\r\n".into()),
        ("2^64", "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n".into()),
        ("empty", "\r\nhello\r\n0\r\n\r\n".into()),
        ("no digits", "xyz\r\nhello\r\n0\r\n\r\n".into()),
        ("no CRLF after the data", "5\r\nhello0\r\n\r\n".into()),
        ("more data than said", "3\r\nhello\r\n0\r\n\r\n".into()),
        ("a bare LF after the size", "5\nhello\r\n0\r\n\r\n".into()),
        ("a bare LF after the data", "5\r\nhello\n0\r\n\r\n".into()),
        ("a bare CR after the size", "5\rhello\r\n0\r\n\r\n".into()),
        ("a NUL in an extension", "5;\0\r\nhello\r\n0\r\n\r\n".into()),
        ("a bare LF in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n".into()),
        ("an extension of 1 MiB", format!("5;{long}\r\nhello\r\n0\r\n\r\n")),
    ];
    for (name, body) in faulty {
        table.half(&format!("E6 {name}"), post("Transfer-Encoding: chunked\r\n", &format!("{body}{NEXT}")));
        let later = format!("2\r\nhi\r\n{body}{NEXT}");
        table.half(&format!("E6 {name}, in the second chunk"), post("Transfer-Encoding: chunked\r\n", &later));
    }
    table.half("E6 the end without its last line", post("Transfer-Encoding: chunked\r\n", &format!("0\r\n{NEXT}")));
    table.half(
        "E6 many small extensions",
        post("Transfer-Encoding: chunked\r\n", &"1;abcdefghijklmnopqrstuvwxyz\r\nx\r\n".repeat(40_000)),
    );
}

fn lines(table: &mut Table) {
    let get = |text: &str| format!("GET /public/1 HTTP/1.1\r\nHost: {HOST}\r\n{text}\r\n");
    table.cut("E7 bare LF everywhere", format!("GET /public/1 HTTP/1.1\nHost: {HOST}\n\n"), MALFORMED);
    table.cut("E7 bare LF after the request line", format!("GET /public/1 HTTP/1.1\nHost: {HOST}\r\n\r\n"), MALFORMED);
    table.cut("E7 bare LF after a field", get("X-A: b\nX-C: d\r\n"), MALFORMED);
    table.cut("E7 bare LF ends the head", format!("GET /public/1 HTTP/1.1\r\nHost: {HOST}\r\n\n{NEXT}"), MALFORMED);
    table.cut("E7 bare CR after a field", get("X-A: b\rX-C: d\r\n"), MALFORMED);
    table.cut("E7 CR CR LF", get("X-A: b\r\r\n"), MALFORMED);
    table.cut("E7 a NUL in a value", get("X-A: b\0c\r\n"), MALFORMED);
    table.cut("E7 a control character in a value", get("X-A: b\x01c\r\n"), MALFORMED);
    table.cut("E7 DEL in a value", get("X-A: b\x7fc\r\n"), MALFORMED);
    table.cut("E7 a NUL in a name", get("X-\0A: b\r\n"), MALFORMED);
    table.cut(
        "E7 white space before the first field",
        format!("GET /public/1 HTTP/1.1\r\n Host: {HOST}\r\n\r\n"),
        MALFORMED,
    );
    table.cut("E7 a folded line", get("X-A: b\r\n c\r\n"), MALFORMED);
    table.cut("E7 a space before the colon", get("X-A : b\r\n"), MALFORMED);
    table.cut("E7 a tab before the colon", get("X-A\t: b\r\n"), MALFORMED);
    table.cut("E7 a space in a name", get("X A: b\r\n"), MALFORMED);
    table.cut("E7 an empty name", get(": b\r\n"), MALFORMED);
    table.cut("E7 no colon", get("X-A\r\n"), MALFORMED);
    table.cut("E7 a name in brackets", get("X(A): b\r\n"), MALFORMED);
    table.cut("E7 a name of other letters", get("X-\u{e4}: b\r\n"), MALFORMED);
    table.cut("E7 no Host", "GET /public/1 HTTP/1.1\r\n\r\n", &["host_mismatch"]);
    table.cut("E7 two Hosts", get(&format!("Host: {HOST}\r\n")), &["host_mismatch"]);
    for host in [
        "",
        "user@api.example.com",
        "api.example.com/x",
        "a b",
        "a,b",
        "api.example.com:x",
        "api.example.com:99999",
        "[::1",
        "\u{e4}.example.com",
    ] {
        let request = format!("GET /public/1 HTTP/1.1\r\nHost: {host}\r\n\r\n");
        table.cut(&format!("E7 Host {host:?}"), request, &["host_mismatch", "malformed_request"]);
    }
    table.admit("E7+ Host with a port", format!("GET /public/1 HTTP/1.1\r\nHost: {HOST}:8443\r\n\r\n"));
}

fn request_lines(table: &mut Table) {
    let line = |line: &str| format!("{line}\r\nHost: {HOST}\r\n\r\n");
    let faulty = [
        ("two spaces first", "GET  /public/1 HTTP/1.1"),
        ("two spaces last", "GET /public/1  HTTP/1.1"),
        ("a space in the target", "GET /public/1 x HTTP/1.1"),
        ("a tab", "GET\t/public/1\tHTTP/1.1"),
        ("a space before it", " GET /public/1 HTTP/1.1"),
        ("a space after it", "GET /public/1 HTTP/1.1 "),
        ("no version", "GET /public/1"),
        ("lower case version", "GET /public/1 http/1.1"),
        ("HTTP/1.10", "GET /public/1 HTTP/1.10"),
        ("HTTP/11", "GET /public/1 HTTP/11"),
        ("HTTP/1,1", "GET /public/1 HTTP/1,1"),
        ("a method of brackets", "G(T /public/1 HTTP/1.1"),
        ("a NUL in the target", "GET /public/\0 HTTP/1.1"),
    ];
    for (name, text) in faulty {
        table.cut(&format!("E10 {name}"), line(text), &["malformed_request"]);
    }
    for version in ["HTTP/1.2", "HTTP/3.0", "HTTP/2.0", "HTTP/0.9", "HTTP/9.9"] {
        let text = format!("GET /public/1 {version}");
        table.cut(&format!("E10 {version}"), line(&text), &["malformed_request"]);
    }
    table.cut(
        "E10 absolute form, http on TLS",
        line(&format!("GET http://{HOST}/public/1 HTTP/1.1")),
        &["host_mismatch"],
    );
    table.cut(
        "E10 absolute form, another host",
        line("GET https://evil.example/public/1 HTTP/1.1"),
        &["host_mismatch"],
    );
    table.cut(
        "E10 absolute form, user info",
        line(&format!("GET https://user@{HOST}/public/1 HTTP/1.1")),
        &["host_mismatch", "malformed_request"],
    );
    table.cut(
        "E10 absolute form, ftp",
        line(&format!("GET ftp://{HOST}/public/1 HTTP/1.1")),
        &["host_mismatch", "malformed_request"],
    );
    table.admit("E10+ absolute form", line(&format!("GET https://{HOST}/public/1 HTTP/1.1")));
    table.refuse(
        "E10 CONNECT",
        line("CONNECT api.example.com:443 HTTP/1.1"),
        &["method_not_allowed", "host_mismatch", "malformed_request"],
    );
    table.refuse("E10 TRACE", line("TRACE /public/1 HTTP/1.1"), &["method_not_allowed"]);
    table.refuse(
        "E10 a method that the route does not take",
        line("DELETE /reading/1 HTTP/1.1"),
        &["method_not_allowed"],
    );
    table.cut("E10 a target of 9 KiB", line(&format!("GET /public/{} HTTP/1.1", "x".repeat(9_000))), &["uri_too_long"]);
    table.admit("E10+ a target of 7 KiB", line(&format!("GET /public/{} HTTP/1.1", "x".repeat(7_000))));
}

fn bodies_of_get(table: &mut Table, world: &World) {
    let token = Mint::get().ec.token().sign();
    let pair = format!(
        "GET /public/1 HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n{NEXT}GET /public/2 HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
        NEXT.len()
    );
    let before = world.upstream.count();
    let heard = conversation(world, pair.as_bytes(), 2);
    let statuses: Vec<u16> = heard.answers.iter().map(|answer| answer.status).collect();
    let seen = world.upstream.count() - before;
    table.expect_upstream(seen);
    let right = statuses == [200, 200] && seen == 2;
    table.check(
        "E8+ a GET with a body, and the next request",
        if right { Ok(()) } else { Err(format!("{statuses:?}, {seen} upstream")) },
    );
    let whole = heard.answers.first().is_some_and(|answer| answer.echo()["body"] == json!(NEXT));
    table.check("E8+ the body is the body", if whole { Ok(()) } else { Err("it was not".into()) });
    let mut pipelined = get("/orders/1", "x.y.z");
    pipelined.extend_from_slice(&get("/orders/2", &token));
    let before = world.upstream.count();
    let heard = conversation(world, &pipelined, 2);
    let statuses: Vec<u16> = heard.answers.iter().map(|answer| answer.status).collect();
    let seen = world.upstream.count() - before;
    table.expect_upstream(seen);
    let right = (statuses == [401, 200] && seen == 1) || (statuses == [401] && heard.closed && seen == 0);
    table.check(
        "E8 refused, then a good one",
        if right { Ok(()) } else { Err(format!("{statuses:?}, {seen} upstream")) },
    );
    let smuggled = format!("POST /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n{NEXT}", NEXT.len());
    let heard = conversation(world, smuggled.as_bytes(), 1);
    let right = heard.answers.len() == 1 && refused(&heard.answers[0], &["token_missing"]).is_ok();
    table.check(
        "E8 the body of a refused request is no request",
        if right { Ok(()) } else { Err(format!("{heard:?}")) },
    );
}

/// Sends, and listens a little longer than for the answers that are due.
fn conversation(world: &World, bytes: &[u8], count: usize) -> Heard {
    let mut conn = world.h1().open().unwrap();
    raw::talk(&mut conn, bytes, count, Duration::from_millis(400)).unwrap_or_default()
}

fn expectations(table: &mut Table, world: &World) {
    let waiting =
        format!("POST /orders/1 HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n");
    let before = world.upstream.bytes();
    let mut conn = world.h1().open().unwrap();
    let (start, outcome) = (Instant::now(), raw::ask(&mut conn, waiting.as_bytes(), Duration::ZERO));
    let outcome = outcome.map_err(|error| error.to_string()).and_then(|answer| refused(&answer, &["token_missing"]));
    let outcome = outcome.and_then(|()| {
        if start.elapsed() < Duration::from_secs(2) { Ok(()) } else { Err("it waited for the body".into()) }
    });
    let outcome = outcome
        .and_then(|()| if world.upstream.bytes() == before { Ok(()) } else { Err("the upstream saw it".into()) });
    table.check("E9 100-continue on a refused request", outcome);
    // Whatever the client then sends on this connection is the rest of that body, or nothing: never a request.
    let sent = conn.write_all(NEXT.as_bytes()).and_then(|()| conn.flush());
    let heard = raw::talk(&mut conn, b"", 1, Duration::from_millis(300)).unwrap_or_default();
    let confused = sent.is_ok() && !heard.answers.is_empty();
    table.check("E9 no reuse of that connection", if confused { Err(format!("{heard:?}")) } else { Ok(()) });
    for value in ["foo", "100-continued", "100-continue, foo", "200-ok", "100-continue;q=1"] {
        let request = post(&format!("Expect: {value}\r\nContent-Length: 4\r\n"), "body");
        table.refuse(&format!("E9 Expect: {value}"), request, &["expectation_failed", "malformed_request"]);
    }
    table.cut(
        "E9 Expect, a vertical tab",
        post("Expect: \x0b100-continue\r\nContent-Length: 4\r\n", "body"),
        MALFORMED,
    );
    table.admit("E9+ 100-continue", post("Expect: 100-continue\r\nContent-Length: 4\r\n", "body"));
    table.admit("E9+ 100-Continue", post("Expect: 100-Continue\r\nContent-Length: 4\r\n", "body"));
}

fn trailers(table: &mut Table, world: &World) {
    let fields = "Authorization: Bearer x\r\nX-User: admin\r\nContent-Length: 99\r\nCurfew-Subject: admin\r\nTransfer-Encoding: chunked\r\nHost: evil.example\r\n";
    let body = format!("4\r\nbody\r\n0\r\n{fields}\r\n");
    let name = "E11 trailers that nobody may send";
    let before = (world.upstream.count(), world.upstream.bytes());
    let heard = conversation(world, post("Transfer-Encoding: chunked\r\n", &body).as_bytes(), 1);
    let seen = world.upstream.count() - before.0;
    table.expect_upstream(seen);
    let outcome = match (heard.answers.first(), seen) {
        // Refused as faulty framing, or passed on without them: both are right.
        (Some(answer), 0) => refused(answer, EITHER),
        (Some(answer), 1) if answer.status == 200 => {
            let echo = answer.echo().to_string().to_ascii_lowercase();
            let leaked: Vec<&str> =
                ["bearer x", "admin", "evil.example", "content-length: 99", "\"content-length\",\"99\""]
                    .into_iter()
                    .filter(|word| echo.contains(word))
                    .collect();
            if leaked.is_empty() { Ok(()) } else { Err(format!("{leaked:?} in {echo}")) }
        }
        _ => Err(format!("{heard:?}, {seen} upstream")),
    };
    table.check(name, outcome);
    table.half(
        "E11 a faulty trailer",
        post("Transfer-Encoding: chunked\r\n", &format!("4\r\nbody\r\n0\r\nX A: b\r\n\r\n{NEXT}")),
    );
    table.half(
        "E11 trailers without end",
        post("Transfer-Encoding: chunked\r\n", &format!("0\r\n{}", "X-A: b\r\n".repeat(20_000))),
    );
}

/// E12: a head or a body that comes a byte at a time is cut off within its bound, and no upstream waits for it.
#[test]
fn e_slow_requests() {
    let world = World::start();
    let mut table = Table::new(&world, "E slow", KNOWN_GAPS);
    let slow: [(&str, String, Duration); 3] = [
        (
            "E12 a head that does not end",
            format!("GET /public/1 HTTP/1.1\r\nHost: {HOST}\r\nX-A: "),
            Duration::from_secs(4),
        ),
        ("E12 a request line that does not end", "GET /public/".to_owned(), Duration::from_secs(4)),
        ("E12 a body that does not come", post("Content-Length: 100\r\n", "x"), Duration::from_secs(9)),
    ];
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            slow.iter().map(|(name, head, bound)| (name, scope.spawn(|| drip(&world, head, *bound)))).collect();
        for (name, run) in runs {
            table.check(name, run.join().unwrap());
        }
    });
    table.finish();
}

fn drip(world: &World, start: &str, bound: Duration) -> Result<(), String> {
    let (mut conn, began) = (world.h1().open().map_err(|error| error.to_string())?, Instant::now());
    conn.write_all(start.as_bytes()).and_then(|()| conn.flush()).map_err(|error| error.to_string())?;
    let head = !start.contains("\r\n\r\n");
    while began.elapsed() < bound {
        // A head gets one more byte now and then; a body gets none.
        if head && conn.write_all(b"a").and_then(|()| conn.flush()).is_err() {
            return Ok(());
        }
        let heard = raw::talk(&mut conn, b"", 0, Duration::from_millis(200)).unwrap_or_default();
        match heard.answers.first() {
            Some(answer) => return refused(answer, &["request_timeout"]),
            None if heard.closed => return Ok(()),
            None => {}
        }
    }
    Err(format!("still open after {bound:?}"))
}
