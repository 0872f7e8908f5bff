//! Proves how long a silent peer is waited for. Time is paused, so that seconds are exact and cost nothing.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use curfew::proxy::framing::{Framed, FramingState};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use crate::wire::guard;

/// hyper behind a guard at one end of a pipe, us at the other.
pub fn serve() -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let state = FramingState::new();
    let framed = Framed::new(theirs, guard(), state.clone(), ());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let state = state.clone();
        async move {
            let is_stand_in = state.is_synthetic(request.headers());
            let body = request.into_body().collect().await;
            let fault = state.fault().map(|fault| fault.reason);
            let text = format!("stand_in={is_stand_in} body={} fault={fault:?}", body.is_ok());
            Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(text))))
        }
    });
    tokio::spawn(async move {
        let mut builder = hyper::server::conn::http1::Builder::new();
        let _ = builder.header_read_timeout(None).serve_connection(TokioIo::new(framed), service).await;
    });
    ours
}

async fn until_closed(stream: &mut DuplexStream) -> (u64, String) {
    let (start, mut text) = (Instant::now(), String::new());
    stream.read_to_string(&mut text).await.unwrap();
    (start.elapsed().as_secs(), text)
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_closed_without_a_word() {
    let mut stream = serve();
    assert_eq!(until_closed(&mut stream).await, (75, String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_not_finished_gets_an_answer() {
    let mut stream = serve();
    tokio::time::sleep(Duration::from_secs(40)).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    stream.write_all(b"st: a").await.unwrap();
    // The clock runs from the first byte: another byte does not set it back.
    let (seconds, text) = until_closed(&mut stream).await;
    assert!(text.ends_with("stand_in=true body=true fault=Some(RequestTimeout)"), "{text}");
    assert_eq!(seconds, 4, "ten seconds from the first byte");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_is_given_up() {
    let mut stream = serve();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc").await.unwrap();
    let (seconds, text) = until_closed(&mut stream).await;
    assert!(text.ends_with("stand_in=false body=false fault=Some(RequestTimeout)"), "{text}");
    assert_eq!(seconds, 60);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_goes_on_slowly_may() {
    let mut stream = serve();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\n").await.unwrap();
    for byte in b"hello" {
        tokio::time::sleep(Duration::from_secs(50)).await;
        stream.write_all(&[*byte]).await.unwrap();
    }
    let (_, text) = until_closed(&mut stream).await;
    assert!(text.ends_with("stand_in=false body=true fault=None"), "{text}");
}
