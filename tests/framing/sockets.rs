//! Proves on real sockets what a listener promises: refusals are heard, TLS chooses well, limits hold, drains end.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use curfew::proxy::certificates::{CertificateError, Certificates};
use curfew::proxy::connection::ConnectionFault;
use curfew::proxy::listen::{CertificateFiles, Limits, UnknownSni};
use curfew::settings::Span;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{certificate, client, client_of, connect, local, plain, read_all, read_until, start, talk, tls};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
const LAST: &str = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

fn millis(count: u64) -> Span {
    Span::millis(count)
}

#[tokio::test]
async fn a_refused_head_is_answered_and_nothing_after_it_is_read() {
    local(async {
        let gateway = start(plain(), Limits::default());
        let smuggled = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let text = talk(&gateway, format!("{GET}{smuggled}{GET}").as_bytes()).await;
        assert_eq!(text.matches("HTTP/1.1 ").count(), 2, "{text}");
        assert!(text.ends_with("FramingAmbiguous"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_heard_although_the_client_goes_on_sending() {
    local(async {
        let gateway = start(plain(), Limits::default());
        let mut request = b"POST /early HTTP/1.1\nHost: a\r\n\r\n".to_vec();
        request.resize(200_000, b'x');
        assert!(talk(&gateway, &request).await.ends_with("MalformedRequest"));
    })
    .await;
}

#[tokio::test]
async fn a_fault_in_a_body_breaks_the_body() {
    local(async {
        let gateway = start(plain(), Limits::default());
        let head = "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let text = talk(&gateway, format!("{head}5\r\nhello!\r\n0\r\n\r\n").as_bytes()).await;
        assert!(text.ends_with("Some(FramingAmbiguous)"), "{text}");
        let good = format!("{head}5;x\r\nhello\r\n0\r\na: b\r\n\r\n{LAST}");
        let text = talk(&gateway, good.as_bytes()).await;
        assert_eq!(text.matches("HTTP/1.1 200").count(), 2, "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_forges_the_stand_in_gains_nothing() {
    local(async {
        let gateway = start(plain(), Limits::default());
        let text = talk(&gateway, LAST.replace("\r\n\r\n", "\r\ncurfew-fault: x\r\n\r\n").as_bytes()).await;
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    })
    .await;
}

/// hyper's own refusals carry no reason, so none may be left to it.
#[tokio::test]
async fn what_the_guard_passes_hyper_can_read() {
    local(async {
        let gateway = start(plain(), Limits::default());
        let mut bare = Vec::new();
        for byte in 0x21..0x7f {
            let byte = char::from(byte);
            let close = "Host: a.example\r\nConnection: close\r\n";
            for request in [
                format!("GET /a{byte}b HTTP/1.1\r\n{close}\r\n"),
                format!("GET /a?x{byte}y HTTP/1.1\r\n{close}\r\n"),
                format!("GET http://a.example{byte}b HTTP/1.1\r\n{close}\r\n"),
                format!("GET http://a.example/{byte}b?{byte} HTTP/1.1\r\n{close}\r\n"),
                format!("G{byte}T / HTTP/1.1\r\n{close}\r\n"),
                format!("GET / HTTP/1.1\r\n{close}X{byte}: y{byte}\r\n\r\n"),
                format!("OPTIONS *{byte} HTTP/1.1\r\n{close}\r\n"),
            ] {
                let text = talk(&gateway, request.as_bytes()).await;
                if !["covers=true", "MalformedRequest", "HostMismatch"].iter().any(|end| text.ends_with(end)) {
                    bare.push(request);
                }
            }
        }
        assert!(bare.is_empty(), "{bare:#?}");
        assert!(gateway.faults.borrow().is_empty());
    })
    .await;
}

#[tokio::test]
async fn quiet_and_slow_connections_end() {
    local(async {
        let limits = Limits { idle_timeout: millis(300), header_read_timeout: millis(150), ..Limits::default() };
        let gateway = start(plain(), limits);
        assert_eq!(talk(&gateway, b"").await, "");
        let text = talk(&gateway, GET.as_bytes()).await;
        assert!(text.starts_with("HTTP/1.1 200") && text.matches("HTTP/1.1").count() == 1, "{text}");
        let text = talk(&gateway, b"GET / HT").await;
        assert!(text.ends_with("RequestTimeout"), "{text}");
        let slow = LAST.replace("GET /", "GET /slow");
        assert!(talk(&gateway, slow.as_bytes()).await.ends_with("slow"), "an answer in the making is not quiet");
        assert_eq!(gateway.counters.open.load(Relaxed), 0);
    })
    .await;
}

#[tokio::test]
async fn an_http2_client_that_says_nothing_ends_too() {
    local(async {
        let limits = Limits { idle_timeout: millis(200), header_read_timeout: millis(100), ..Limits::default() };
        let gateway = start(plain(), limits);
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
        read_all(&mut stream).await;
        assert_eq!(gateway.counters.open.load(Relaxed), 0);
    })
    .await;
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_at_once() {
    local(async {
        let gateway = start(plain(), Limits { connections: 2, ..Limits::default() });
        let mut first = TcpStream::connect(gateway.address).await.unwrap();
        let _second = TcpStream::connect(gateway.address).await.unwrap();
        first.write_all(GET.as_bytes()).await.unwrap();
        read_until(&mut first, "true").await;
        assert_eq!(talk(&gateway, GET.as_bytes()).await, "");
        assert_eq!((gateway.counters.refused.load(Relaxed), gateway.counters.open.load(Relaxed)), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn tls_chooses_protocol_and_certificate() {
    local(async {
        let folder = tempfile::tempdir().unwrap();
        let (a, a_der) = certificate(folder.path(), "a", &["a.example"]);
        let (b, b_der) = certificate(folder.path(), "b", &["b.example", "*.wild.example"]);
        let gateway = start(tls(&[a, b]), Limits::default());
        let both = client(&[&a_der, &b_der], &["h2", "http/1.1"]);
        for (name, expected) in [("a.example", &a_der), ("b.example", &b_der), ("x.wild.example", &b_der)] {
            let stream = connect(&gateway, &both, name).await.unwrap();
            let (_, session) = stream.get_ref();
            assert_eq!(session.peer_certificates().unwrap()[0], *expected, "{name}");
            assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
        }
        for name in ["c.example", "x.y.wild.example", "wild.example"] {
            assert!(connect(&gateway, &both, name).await.is_err(), "{name}");
        }
        tokio::task::yield_now().await;
        assert_eq!(gateway.counters.handshake_unknown_name.load(Relaxed), 3);
        let mut stream = connect(&gateway, &client(&[&a_der], &["http/1.1"]), "a.example").await.unwrap();
        stream.write_all(LAST.as_bytes()).await.unwrap();
        let text = read_all(&mut stream).await;
        assert!(text.ends_with("covers=true"), "{text}");
        assert!(connect(&gateway, &client(&[&a_der], &["spdy/3"]), "a.example").await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_client_that_names_nobody_gets_the_first_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (a, _) = certificate(folder.path(), "a", &["a.example"]);
    let (b, _) = certificate(folder.path(), "b", &["b.example"]);
    let strict = Certificates::open(&[a.clone(), b.clone()], UnknownSni::Reject).unwrap();
    assert_eq!(strict.select(None).unwrap().names, ["a.example"]);
    assert!(strict.select(Some("c.example")).is_none());
    assert_eq!(strict.select(Some("B.Example")).unwrap().names, ["b.example"]);
    let lenient = Certificates::open(&[a, b], UnknownSni::Default).unwrap();
    assert_eq!(lenient.select(Some("c.example")).unwrap().names, ["a.example"]);
}

#[tokio::test]
async fn tls_1_1_is_not_spoken() {
    local(async {
        let folder = tempfile::tempdir().unwrap();
        let (a, _) = certificate(folder.path(), "a", &["a.example"]);
        let gateway = start(tls(&[a]), Limits::default());
        // A ClientHello of TLS 1.1: legacy version 0x0302, one cipher suite, no extensions.
        let mut hello = vec![3, 2];
        hello.extend([7; 32]);
        hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
        let mut record = vec![0x16, 3, 1, 0, (hello.len() + 4) as u8, 1, 0, 0, hello.len() as u8];
        record.extend(hello);
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(&record).await.unwrap();
        let mut alert = Vec::new();
        stream.read_to_end(&mut alert).await.unwrap();
        assert_eq!(alert.get(..1), Some(&[0x15][..]), "an alert: {alert:?}");
        assert_eq!(gateway.counters.handshake_incompatible.load(Relaxed), 1);
    })
    .await;
}

#[tokio::test]
async fn the_oldest_version_is_what_the_file_says() {
    local(async {
        let folder = tempfile::tempdir().unwrap();
        let (a, a_der) = certificate(folder.path(), "a", &["a.example"]);
        let old = client_of(&[&rustls::version::TLS12], &[&a_der], &[]);
        let gateway = start(tls(std::slice::from_ref(&a)), Limits::default());
        connect(&gateway, &old, "a.example").await.unwrap();
        let mut settings = tls(&[a]);
        settings["tls"]["min_version"] = "1.3".into();
        let gateway = start(settings, Limits::default());
        assert!(connect(&gateway, &old, "a.example").await.is_err());
        connect(&gateway, &client(&[&a_der], &[]), "a.example").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    local(async {
        let limits = Limits { body_idle_timeout: millis(200), ..Limits::default() };
        let folder = tempfile::tempdir().unwrap();
        let (a, a_der) = certificate(folder.path(), "a", &["a.example"]);
        let gateway = start(tls(&[a]), limits);
        let mut stream = connect(&gateway, &client(&[&a_der], &["http/1.1"]), "a.example").await.unwrap();
        stream.write_all(GET.replace("GET /", "GET /large").as_bytes()).await.unwrap();
        while gateway.counters.open.load(Relaxed) > 0 || gateway.counters.accepted.load(Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(gateway.faults.borrow().as_slice(), [ConnectionFault::Timeout]);
    })
    .await;
}

#[tokio::test]
async fn a_session_is_resumed_and_a_slow_handshake_is_not_waited_for() {
    local(async {
        let folder = tempfile::tempdir().unwrap();
        let (a, a_der) = certificate(folder.path(), "a", &["a.example"]);
        let mut settings = tls(&[a]);
        settings["tls"]["handshake_timeout"] = "200ms".into();
        let gateway = start(settings, Limits::default());
        let connector = client(&[&a_der], &["http/1.1"]);
        for expected in [0, 1] {
            let mut stream = connect(&gateway, &connector, "a.example").await.unwrap();
            stream.write_all(LAST.as_bytes()).await.unwrap();
            read_all(&mut stream).await;
            assert_eq!(gateway.counters.resumed.load(Relaxed), expected);
        }
        assert_eq!(talk(&gateway, b"\x16\x03\x01").await, "");
        assert_eq!(gateway.counters.handshake_timeout.load(Relaxed), 1);
    })
    .await;
}

/// What a handshake makes of the client's certificate is counted as such; who it was is not asked.
#[tokio::test]
async fn handshakes_that_fail_for_the_certificate_of_the_client_are_counted() {
    local(async {
        let folder = tempfile::tempdir().unwrap();
        let (a, a_der) = certificate(folder.path(), "a", &["a.example"]);
        for (trust, failed) in [(serde_json::json!({"ca": [a.cert]}), 1), (serde_json::json!("any"), 1)] {
            let mut settings = tls(std::slice::from_ref(&a));
            settings["tls"]["client_certificates"] = serde_json::json!({"ask": "required", "trust": trust});
            let gateway = start(settings, Limits::default());
            if let Ok(mut stream) = connect(&gateway, &client(&[&a_der], &[]), "a.example").await {
                assert!(stream.read_u8().await.is_err(), "without a certificate there is no connection");
            }
            assert_eq!(gateway.counters.handshake_client_certificate.load(Relaxed), failed);
            assert_eq!(gateway.counters.handshake_protocol.load(Relaxed), 0);
        }
        let mut settings = tls(std::slice::from_ref(&a));
        settings["tls"]["client_certificates"] = serde_json::json!({"ask": "optional", "trust": {"ca": [a.cert]}});
        let gateway = start(settings, Limits::default());
        let mut stream = connect(&gateway, &client(&[&a_der], &[]), "a.example").await.unwrap();
        stream.write_all(LAST.as_bytes()).await.unwrap();
        assert!(read_all(&mut stream).await.starts_with("HTTP/1.1 200"));
    })
    .await;
}

#[tokio::test]
async fn certificates_are_swapped_while_running_and_kept_on_a_fault() {
    local(async {
        let folder = tempfile::tempdir().unwrap();
        let (files, old) = certificate(folder.path(), "a", &["a.example"]);
        let gateway = start(tls(&[files]), Limits::default());
        let certificates = gateway.certificates.clone().unwrap();
        assert!(!certificates.reload().unwrap(), "nothing changed");
        let (files, new) = certificate(folder.path(), "a", &["a.example"]);
        assert!(certificates.reload().unwrap());
        assert!(connect(&gateway, &client(&[&old], &[]), "a.example").await.is_err());
        connect(&gateway, &client(&[&new], &[]), "a.example").await.unwrap();

        let (other, _) = certificate(folder.path(), "other", &["a.example"]);
        std::fs::copy(&other.key, &files.key).unwrap();
        assert!(matches!(certificates.reload(), Err(CertificateError::Mismatch { .. })));
        std::fs::write(&files.cert, "nothing").unwrap();
        let fault = certificates.reload().unwrap_err().to_string();
        assert!(fault.contains("a.pem"), "{fault}");
        connect(&gateway, &client(&[&new], &[]), "a.example").await.unwrap();
        let gone = CertificateFiles { cert: folder.path().join("gone.pem"), key: folder.path().join("gone.key") };
        assert!(Certificates::open(&[gone], UnknownSni::Reject).is_err());
        assert!(Certificates::open(&[], UnknownSni::Reject).is_err());
    })
    .await;
}

/// A header of PROXY protocol version 2 from 203.0.113.7:4711 to 192.0.2.1:443, with these type-length-values.
fn proxy_header(command: u8, tlvs: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, 0x11]);
    header.extend(u16::try_from(12 + tlvs.len()).unwrap().to_be_bytes());
    header.extend([203, 0, 113, 7, 192, 0, 2, 1]);
    header.extend(4711u16.to_be_bytes());
    header.extend(443u16.to_be_bytes());
    header.extend(tlvs);
    header
}

/// Bit by bit, as RFC 3720 §B.4 has it.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

async fn proxied(trusted: &str, header: &[u8]) -> String {
    let mut settings = plain();
    settings["proxy_protocol"] = serde_json::json!({"trusted": [trusted], "timeout": "200ms"});
    let gateway = start(settings, Limits::default());
    let text = talk(&gateway, &[header, LAST.as_bytes()].concat()).await;
    let is_counted = gateway.counters.proxy_protocol.load(Relaxed) == 1;
    assert_eq!(is_counted, text.is_empty(), "what is dropped is counted");
    text
}

#[tokio::test]
async fn the_proxy_protocol_tells_who_connected() {
    local(async {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283, "the checksum's own test vector");
        let mut signed = proxy_header(0x21, &[4, 0, 1, 9, 3, 0, 4, 0, 0, 0, 0]);
        let (at, crc) = (signed.len() - 4, crc32c(&signed));
        signed[at..].copy_from_slice(&crc.to_be_bytes());
        for good in [proxy_header(0x21, &[]), proxy_header(0x21, &[1, 0, 2, b'h', b'2']), signed.clone()] {
            let text = proxied("127.0.0.0/8", &good).await;
            assert!(text.contains("peer=203.0.113.7:4711"), "{text}");
        }
        let text = proxied("127.0.0.0/8", &proxy_header(0x20, &[])).await;
        assert!(text.contains("peer=127.0.0.1:"), "LOCAL: {text}");

        signed[at] ^= 1;
        let mut family = proxy_header(0x21, &[]);
        family[13] = 0x12;
        let mut long = proxy_header(0x21, &[]);
        long[14..16].copy_from_slice(&5000u16.to_be_bytes());
        let short = proxy_header(0x21, &[])[..20].to_vec();
        let v1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n".to_vec();
        let cut = proxy_header(0x21, &[4, 0, 9, 1]);
        for bad in [signed, proxy_header(0x11, &[]), proxy_header(0x22, &[]), family, long, v1, cut, Vec::new()] {
            assert_eq!(proxied("127.0.0.0/8", &bad).await, "", "{bad:?}");
        }
        // Cut short, the request's own bytes would be taken for the rest of the header.
        assert!(!proxied("127.0.0.0/8", &short).await.contains("200"));
        assert_eq!(proxied("10.0.0.0/8", &proxy_header(0x21, &[])).await, "", "untrusted");
    })
    .await;
}

#[tokio::test]
async fn a_drain_lets_requests_finish_and_closes_the_rest() {
    local(async {
        let gateway = start(plain(), Limits::default());
        let mut idle = TcpStream::connect(gateway.address).await.unwrap();
        idle.write_all(GET.as_bytes()).await.unwrap();
        read_until(&mut idle, "true").await;
        let mut busy = TcpStream::connect(gateway.address).await.unwrap();
        busy.write_all(GET.replace("GET /", "GET /slow").as_bytes()).await.unwrap();
        let mut half = TcpStream::connect(gateway.address).await.unwrap();
        half.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        gateway.drain.cancel();
        assert_eq!(read_all(&mut idle).await, "");
        half.write_all(b"Host: a\r\n\r\n").await.unwrap();
        let text = read_all(&mut half).await;
        assert!(text.starts_with("HTTP/1.1 200"), "a head that was begun is waited for: {text}");
        let text = read_all(&mut busy).await;
        assert!(text.starts_with("HTTP/1.1 200") && text.contains("connection: close"), "{text}");
        let report = gateway.worker.await.unwrap().unwrap();
        assert_eq!((report.drained, report.cut), (3, 0));
        assert!(TcpStream::connect(gateway.address).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_drain_cuts_what_does_not_end() {
    local(async {
        let gateway = start(plain(), Limits::default());
        let mut stuck = TcpStream::connect(gateway.address).await.unwrap();
        stuck.write_all(GET.replace("GET /", "GET /stuck").as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        gateway.drain.cancel();
        let report = gateway.worker.await.unwrap().unwrap();
        assert_eq!((report.drained, report.cut), (0, 1));
    })
    .await;
}

#[tokio::test]
async fn http2_is_served_drained_and_closed_when_idle() {
    local(async {
        let limits = Limits { idle_timeout: millis(300), ..Limits::default() };
        let gateway = start(plain(), limits);
        for is_drain in [false, true] {
            let stream = TcpStream::connect(gateway.address).await.unwrap();
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            let ended = tokio::spawn(connection);
            let path = if is_drain { "/slow" } else { "/" };
            let request = hyper::Request::get(format!("http://a.example{path}")).body(Empty::<Bytes>::new()).unwrap();
            let response = sender.send_request(request);
            if is_drain {
                tokio::spawn({
                    let drain = gateway.drain.clone();
                    async move {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        drain.cancel();
                    }
                });
            }
            let response = response.await.unwrap();
            assert_eq!(response.status(), 200);
            response.into_body().collect().await.unwrap();
            ended.await.unwrap().unwrap();
        }
        let report = gateway.worker.await.unwrap().unwrap();
        assert_eq!((report.drained, report.cut), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn rapid_resets_end_the_connection() {
    local(async {
        let gateway = start(plain(), Limits::default());
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let block = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
        let mut flood = Vec::new();
        for stream_id in (1u32..2001).step_by(2) {
            flood.extend([0, 0, block.len() as u8, 1, 5]);
            flood.extend(stream_id.to_be_bytes());
            flood.extend(block);
            flood.extend([0, 0, 4, 3, 0]);
            flood.extend(stream_id.to_be_bytes());
            flood.extend(8u32.to_be_bytes());
        }
        let _ = stream.write_all(&flood).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        tokio::task::yield_now().await;
        assert_eq!(gateway.faults.borrow().as_slice(), [ConnectionFault::Http2]);
    })
    .await;
}

#[test]
fn a_listener_says_how_it_is_protected() {
    for bad in [
        r#"{"name": "x", "address": "a:1"}"#,
        r#"{"name": "x", "address": "a:1", "plaintext": true, "tls": {"certificates": [{"cert": "a", "key": "b"}]}}"#,
        r#"{"name": "x", "address": "a:1", "tls": {"certificates": []}}"#,
        r#"{"name": "x", "address": "a", "plaintext": true}"#,
        r#"{"name": "x", "address": "a:1", "plaintext": true, "extra": 1}"#,
        r#"{"name": "x", "address": "a:1", "h2c": true, "tls": {"certificates": [{"cert": "a", "key": "b"}]}}"#,
    ] {
        assert!(serde_json::from_str::<curfew::proxy::listen::Settings>(bad).is_err(), "{bad}");
    }
}
