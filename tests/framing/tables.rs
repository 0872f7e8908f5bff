//! Each row: bytes, and what hyper may see of them. Every row is read whole, byte by byte, and split at every place.

use curfew::proxy::framing::FramingReason::{self, *};
use proptest::prelude::*;

use crate::wire::{every_way, guard, read};

const GOOD: &str = "GET /first HTTP/1.1\r\nHost: a.example\r\n\r\n";

fn head(fields: &str) -> String {
    format!("POST /x HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n")
}

fn chunked(body: &str) -> String {
    head("Transfer-Encoding: chunked\r\n") + body
}

fn refuses_head(rows: &[(&str, FramingReason)]) {
    for (input, reason) in rows {
        let seen = every_way(format!("{GOOD}{input}").as_bytes());
        assert_eq!(seen.fault, Some(*reason), "{input:?}");
        assert_eq!(seen.passed, GOOD.as_bytes(), "only what came before is passed on: {input:?}");
        assert!(seen.stand_in && !seen.failed, "{input:?}");
    }
}

fn refuses_body(rows: &[(&str, FramingReason)]) {
    for (body, reason) in rows {
        let seen = every_way(chunked(body).as_bytes());
        assert_eq!(seen.fault, Some(*reason), "{body:?}");
        assert!(seen.failed && !seen.stand_in, "{body:?}");
    }
}

fn passes(rows: &[String]) {
    for input in rows {
        let seen = every_way(input.as_bytes());
        assert_eq!(seen.fault, None, "{input:?}");
        assert_eq!(String::from_utf8_lossy(&seen.passed), *input);
        assert!(!seen.stand_in && !seen.failed);
    }
}

#[test]
fn the_request_line_is_exact() {
    refuses_head(&[
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", MalformedRequest),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET /ä HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        (" / HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET /\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET\r\n\r\n", MalformedRequest),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET / HTTP/11\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", VersionNotSupported),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", VersionNotSupported),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", VersionNotSupported),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", MalformedRequest),
    ]);
}

#[test]
fn lines_end_with_crlf_and_nothing_else() {
    refuses_head(&[
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", MalformedRequest),
        ("GET / HTTP/1.1\rHost: a\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\nX(: y\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \x0b\r\n\r\n", MalformedRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", MalformedRequest),
    ]);
}

#[test]
fn the_host_is_one_and_is_the_target_s() {
    refuses_head(&[
        ("GET / HTTP/1.1\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost: a:\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost: ä\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", HostMismatch),
        ("GET / HTTP/1.1\r\nHost: [zz]\r\n\r\n", HostMismatch),
        ("GET http://evil/ HTTP/1.1\r\nHost: good\r\n\r\n", HostMismatch),
        ("GET https://a:444/ HTTP/1.1\r\nHost: a\r\n\r\n", HostMismatch),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", HostMismatch),
        ("GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", HostMismatch),
        ("CONNECT b:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", HostMismatch),
    ]);
}

#[test]
fn the_end_of_a_message_is_never_in_doubt() {
    let rows: &[(&str, FramingReason)] = &[
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", FramingAmbiguous),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", FramingAmbiguous),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", FramingAmbiguous),
        ("Transfer-Encoding: chunked, identity\r\n", FramingAmbiguous),
        ("Transfer-Encoding: identity, chunked\r\n", FramingAmbiguous),
        ("Transfer-Encoding: identity\r\n", FramingAmbiguous),
        ("Transfer-Encoding: xchunked\r\n", FramingAmbiguous),
        ("Transfer-Encoding: chunked;a=b\r\n", FramingAmbiguous),
        ("Transfer-Encoding: chunked, chunked\r\n", FramingAmbiguous),
        ("Transfer-Encoding: ,chunked\r\n", FramingAmbiguous),
        ("Transfer-Encoding: chunked,\r\n", FramingAmbiguous),
        ("Transfer-Encoding:\tchunked\r\n", FramingAmbiguous),
        ("Transfer-Encoding:\r\n", FramingAmbiguous),
        ("Transfer-Encoding: gzip\r\n", FramingAmbiguous),
        ("Transfer-Encoding: \"chunked\"\r\n", FramingAmbiguous),
        ("Transfer-Encoding: gzip, chunked\r\n", UnknownTransferCoding),
        ("Transfer-Encoding : chunked\r\n", MalformedRequest),
        ("Transfer-Encoding: \x0bchunked\r\n", MalformedRequest),
        ("Transfer-Encoding:\r\n chunked\r\n", FramingAmbiguous),
        ("Content-Length: 3\r\nContent-Length: 4\r\n", FramingAmbiguous),
        ("Content-Length: 3\r\nContent-Length: 3\r\n", FramingAmbiguous),
        ("Content-Length: +4\r\n", FramingAmbiguous),
        ("Content-Length: -0\r\n", FramingAmbiguous),
        ("Content-Length: 0x4\r\n", FramingAmbiguous),
        ("Content-Length: 4,4\r\n", FramingAmbiguous),
        ("Content-Length: 5 5\r\n", FramingAmbiguous),
        ("Content-Length:\r\n", FramingAmbiguous),
        ("Content-Length: 18446744073709551616\r\n", FramingAmbiguous),
    ];
    for (fields, reason) in rows {
        refuses_head(&[(&(head(fields) + "abc"), *reason)]);
    }
    refuses_head(&[
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", FramingAmbiguous),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 3\r\n\r\nabc", FramingAmbiguous),
    ]);
}

#[test]
fn chunks_are_exact() {
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(300));
    let many = format!("0\r\n{}\r\n", "a: b\r\n".repeat(101));
    refuses_body(&[
        ("-1\r\n", FramingAmbiguous),
        ("0x5\r\nhello\r\n0\r\n\r\n", FramingAmbiguous),
        ("5 \r\nhello\r\n0\r\n\r\n", FramingAmbiguous),
        (" 5\r\nhello\r\n0\r\n\r\n", FramingAmbiguous),
        ("\r\n", FramingAmbiguous),
        (";a\r\n", FramingAmbiguous),
        ("00000000000000005\r\nhello\r\n0\r\n\r\n", FramingAmbiguous),
        ("5\r\nhello0\r\n\r\n", FramingAmbiguous),
        ("5\r\nhello\n0\r\n\r\n", FramingAmbiguous),
        ("5\nhello\r\n0\r\n\r\n", FramingAmbiguous),
        ("5\rhello\r\n0\r\n\r\n", FramingAmbiguous),
        ("5;a\nhello\r\n0\r\n\r\n", FramingAmbiguous),
        ("5;\0\r\nhello\r\n0\r\n\r\n", FramingAmbiguous),
        (&long, FramingAmbiguous),
        ("0\r\nX : y\r\n\r\n", MalformedRequest),
        ("0\r\n x: y\r\n\r\n", MalformedRequest),
        ("0\r\nx: y\n\r\n", MalformedRequest),
        ("0\r\n\n", MalformedRequest),
        ("0\r\nx: \0\r\n\r\n", MalformedRequest),
        (&many, HeadersTooLarge),
    ]);
}

#[test]
fn sizes_are_bounded() {
    let uri = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(8192));
    let endless = format!("GET /{}", "x".repeat(9000));
    let field = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(16 * 1024));
    let count = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(100));
    let total = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", format!("X: {}\r\n", "x".repeat(4000)).repeat(9));
    refuses_head(&[
        (&uri, UriTooLong),
        (&endless, UriTooLong),
        (&field, HeadersTooLarge),
        (&count, HeadersTooLarge),
        (&total, HeadersTooLarge),
    ]);
}

#[test]
fn what_is_well_framed_passes_unchanged() {
    let longest = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(8191));
    let most = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(99));
    passes(&[
        GOOD.repeat(3),
        head("Content-Length: 5\r\n") + "hello" + GOOD,
        head("Content-Length: 0\r\n") + GOOD,
        head("content-length:   5  \r\n") + "\r\n\r\n\n" + GOOD,
        chunked("5;name=\"value\"\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n") + GOOD,
        chunked("5\r\nhello\r\n000;x\r\nx-checksum: abc\r\ny: z\r\n\r\n") + GOOD,
        "GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 26\r\n\r\nGET /evil HTTP/1.1\r\nHost: b".to_owned() + GOOD,
        "GET / HTTP/1.0\r\n\r\n".to_owned() + GOOD,
        "\r\n".to_owned() + GOOD,
        "OPTIONS * HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n".to_owned(),
        "GET https://a.example/x?y HTTP/1.1\r\nHost: A.example:443\r\nX:\r\nY: \t ü \t\r\n\r\n".to_owned(),
        "GET HTTP://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n".to_owned(),
        longest,
        most,
    ]);
}

#[test]
fn an_unfinished_head_is_never_passed_on() {
    for at in 1..GOOD.len() {
        let seen = read(vec![GOOD.as_bytes().to_vec(), GOOD.as_bytes()[..at].to_vec()], guard());
        assert_eq!(seen.passed, GOOD.as_bytes());
        assert_eq!(seen.fault, None);
    }
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(any::<u8>(), 0..200);
    let chunks = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 0..4);
    prop_oneof![
        "[a-z0-9/]{0,40}".prop_map(|path| format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()),
        body.prop_map(|body| {
            let mut message = head(&format!("Content-Length: {}\r\n", body.len())).into_bytes();
            message.extend(body);
            message
        }),
        chunks.prop_map(|chunks| {
            let mut message = chunked("").into_bytes();
            for chunk in chunks {
                message.extend(format!("{:x};e\r\n", chunk.len()).into_bytes());
                message.extend(chunk);
                message.extend(b"\r\n");
            }
            message.extend(b"0\r\nt: v\r\n\r\n");
            message
        }),
    ]
}

proptest! {
    #[test]
    fn however_it_is_cut_a_good_stream_comes_out_as_it_went_in(
        messages in prop::collection::vec(message(), 1..6),
        cuts in prop::collection::vec(1usize..97, 1..40),
    ) {
        let input = messages.concat();
        let (mut segments, mut rest) = (Vec::new(), &input[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (segment, tail) = rest.split_at((*cut).min(rest.len()));
            segments.push(segment.to_vec());
            rest = tail;
        }
        let seen = read(segments, guard());
        prop_assert_eq!(seen.fault, None);
        prop_assert_eq!(seen.passed, input);
    }

    #[test]
    fn no_bytes_at_all_make_it_panic_and_all_cuts_agree(input in prop::collection::vec(any::<u8>(), 1..300)) {
        let whole = read(vec![input.clone()], guard());
        let single = read(input.iter().map(|byte| vec![*byte]).collect(), guard());
        prop_assert_eq!(whole, single);
    }
}
