//! HTTP/2 toward the endpoint: many streams on one connection, trailers both ways, and what HTTP/2 cannot carry.

use crate::authority::Authority;
use crate::secure::acceptor;
use crate::world::{Client, Payload, Step, get, paused, payload, worker};
use bytes::Bytes;
use curfew::upstream::FailureKind;
use futures_util::future::join_all;
use http::{HeaderMap, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[derive(Clone, Copy)]
struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async { drop(task.await) });
    }
}

/// An endpoint that echoes: what it saw in fields, the body, and the trailers.
#[derive(Clone, Default)]
struct Echo {
    opened: Rc<Cell<usize>>,
    /// How many streams it allows on a connection.
    streams: Option<u32>,
}

impl Echo {
    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, echo) = (listener.local_addr().unwrap(), self.clone());
        tokio::task::spawn_local(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                echo.opened.set(echo.opened.get() + 1);
                tokio::task::spawn_local(speak(tcp, echo.streams));
            }
        });
        address
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin + 'static>(stream: S, streams: Option<u32>) {
    let mut builder = hyper::server::conn::http2::Builder::new(Local);
    let service = hyper::service::service_fn(echo);
    builder.timer(TokioTimer::new()).max_concurrent_streams(streams.unwrap_or(200));
    drop(builder.serve_connection(TokioIo::new(stream), service).await);
}

type Frames = StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

async fn echo(request: Request<Incoming>) -> Result<Response<Frames>, Infallible> {
    let uri = request.uri().to_string();
    let te = request.headers().get("te").cloned();
    let body = request.into_body().collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    let frames = vec![Ok(Frame::data(body.to_bytes())), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)));
    response.headers_mut().insert("x-uri", uri.parse().unwrap());
    te.map(|te| response.headers_mut().insert("x-te", te));
    Ok(response)
}

/// gRPC lives on this: `te: trailers` up, trailers both ways. By prior knowledge, in the clear (RFC 9113 §3.3).
#[test]
fn trailers_pass_both_ways() {
    worker(async {
        let address = Echo::default().start().await;
        let client = Client::new(json!({ "endpoints": [format!("http://{address}")], "protocol": "http2" }));
        let body = payload([Step::Data("frame"), Step::Trailer("grpc-status", "0")]);
        let request = Request::post("https://shop.example/orders?a=b").header("te", "trailers").body(body).unwrap();
        let response = client.send(request).await.unwrap().response;
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.headers()["x-uri"], "http://shop.example/orders?a=b");
        assert_eq!(response.headers()["x-te"], "trailers");
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(body.to_bytes(), "frame");
    });
}

/// One connection carries them all; also those that are sent before the first connection stands.
#[test]
fn streams_share_a_connection() {
    worker(async {
        let echo = Echo::default();
        let address = echo.start().await;
        let client = Client::new(json!({ "endpoints": [format!("http://{address}")], "protocol": "http2" }));
        join_all((0..50).map(|_| client.ask(get()))).await;
        for _ in 0..50 {
            client.ask(get()).await;
        }
        assert_eq!(echo.opened.get(), 1);
        assert_eq!(client.connections.count(), 1, "as many are remembered as there are");
    });
}

/// Who allows two streams on a connection gets a second connection with the third request, and no queue; at the bound
/// of connections there is a queue.
#[test]
fn a_full_connection_is_not_the_only_one() {
    worker(async {
        let echo = Echo { streams: Some(2), ..Echo::default() };
        let url = format!("http://{}", echo.start().await);
        let client = Client::new(json!({ "endpoints": [url], "protocol": "http2", "max_connections": 2 }));
        // How many it allows is known from its first answer on.
        client.ask(get()).await;
        let mut unread = Vec::new();
        for _ in 0..4 {
            unread.push(client.send(get()).await.unwrap());
        }
        assert_eq!(echo.opened.get(), 2);
        assert_eq!(client.ask(get()).await, "");
        assert_eq!(echo.opened.get(), 2);
    });
}

/// RFC 9113 §8.6: where only HTTP/2 is spoken there is no switching, and the endpoint is not asked in vain.
#[test]
fn an_upgrade_by_http2_only_is_refused() {
    worker(async {
        let echo = Echo::default();
        let url = format!("http://{}", echo.start().await);
        let mut client = Client::new(json!({ "endpoints": [url], "protocol": "http2" }));
        client.terms.upgrade = true;
        let failure = client.send(get()).await.err().unwrap();
        assert_eq!((failure.kind, failure.kind.proxy_error()), (FailureKind::Upgrade, "http_upgrade_failed"));
        assert_eq!(echo.opened.get(), 0);
    });
}

/// The endpoint is not to blame for a client that hangs up, here as little as over HTTP/1.1.
#[test]
fn who_breaks_off_its_stream_does_not_harm_the_endpoint() {
    worker(async {
        let url = format!("http://{}", Echo::default().start().await);
        let outlier = json!({ "failures": 1 });
        let client = Client::new(json!({ "endpoints": [url], "protocol": "http2", "outlier": outlier }));
        let body = payload([Step::Data("a"), Step::Break]);
        let failure = client.send(Request::post("/").body(body).unwrap()).await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::Request);
        assert!(client.pool.endpoints()[0].is_available());
    });
}

/// TLS says which protocol it is: HTTP/2 where both can.
#[test]
fn alpn_prefers_http2() {
    worker(async {
        let dir = tempfile::tempdir().unwrap();
        let client = secure(dir.path()).await;
        assert_eq!(client.send(get()).await.unwrap().response.version(), Version::HTTP_2);
    });
}

/// HTTP/2 has no `Upgrade` (RFC 9113 §8.6): a WebSocket gets an HTTP/1.1 connection of its own, even where the
/// endpoint prefers HTTP/2 and a connection is at hand.
#[test]
fn an_upgrade_goes_by_http1() {
    worker(async {
        let dir = tempfile::tempdir().unwrap();
        let mut client = secure(dir.path()).await;
        assert_eq!(client.send(get()).await.unwrap().response.version(), Version::HTTP_2);
        client.terms.upgrade = true;
        let request = Request::get("/socket").header("host", "shop.example");
        let request = request.header("connection", "upgrade").header("upgrade", "websocket");
        let mut delivered = client.send(request.body(Payload::default()).unwrap()).await.unwrap();
        assert_eq!(delivered.response.status(), 101);
        let upgraded = hyper::upgrade::on(&mut delivered.response).await.unwrap();
        let mut tunnel = TokioIo::new(upgraded);
        tunnel.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        tunnel.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"ping");
        assert_eq!(client.connections.count(), 1, "the tunnel is nobody else's");
    });
}

/// An endpoint behind TLS that prefers HTTP/2; over HTTP/1.1 it switches to an echo of bytes.
async fn secure(dir: &std::path::Path) -> Client {
    let tls = acceptor(dir, &["127.0.0.1"], &["h2", "http/1.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let stream = tls.accept(tcp).await.unwrap();
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                tokio::task::spawn_local(speak(stream, None));
            } else {
                tokio::task::spawn_local(switch(stream));
            }
        }
    });
    let ca = Authority::get().write_root(dir);
    Client::new(json!({ "endpoints": [format!("https://{address}")], "tls": { "ca": ca } }))
}

async fn switch<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 1024]);
    while !seen.ends_with(b"\r\n\r\n") {
        let length = stream.read(&mut buffer).await.unwrap();
        seen.extend_from_slice(&buffer[..length]);
    }
    let text = String::from_utf8(seen).unwrap();
    assert!(text.contains("upgrade: websocket\r\n"), "{text}");
    stream
        .write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await
        .unwrap();
    while let Ok(length) = stream.read(&mut buffer).await {
        if length == 0 || stream.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// A connection whose other end vanished looks well to the kernel for a quarter of an hour; pings find out.
#[test]
fn a_dead_connection_is_not_asked_for_ever() {
    paused(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = Client::new(json!({ "endpoints": [format!("http://{address}")], "protocol": "http2" }));
        client.terms.first_byte = Duration::from_secs(60);
        tokio::task::spawn_local(async move {
            let (mut silent, _) = listener.accept().await.unwrap();
            // SETTINGS, and then nothing: neither answers nor acknowledgements.
            silent.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
            let (live, _) = listener.accept().await.unwrap();
            tokio::task::spawn_local(async move {
                std::future::pending::<()>().await;
                drop(silent);
            });
            speak(live, None).await;
        });
        let failure = client.send(get()).await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::Reset);
        assert_eq!(client.ask(get()).await, "");
    });
}

/// A header map of trailers is what the body says it is, also when there is no data.
#[test]
fn a_response_of_trailers_only_passes() {
    worker(async {
        let address = Echo::default().start().await;
        let client = Client::new(json!({ "endpoints": [format!("http://{address}")], "protocol": "http2" }));
        let body = payload([Step::Trailer("grpc-status", "12")]);
        let response = client.send(Request::post("/").body(body).unwrap()).await.unwrap().response;
        let body = response.into_body().collect().await.unwrap();
        let expected: HeaderMap = [("grpc-status".parse().unwrap(), "12".parse().unwrap())].into_iter().collect();
        assert_eq!(body.trailers(), Some(&expected));
    });
}

/// Attack: a stream that the endpoint resets, again and again, on a connection that it keeps. One request of a client
/// must not become a flood: it was seen 22,000 times a second, past `first_byte`, `request` and `retries`.
#[test]
fn a_stream_that_is_always_reset_is_not_sent_for_ever() {
    worker(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Rc::new(Cell::new(0_usize));
        let counted = Rc::clone(&seen);
        tokio::task::spawn_local(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let counted = Rc::clone(&counted);
                tokio::task::spawn_local(async move {
                    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                        counted.set(counted.get() + 1);
                        let first = counted.get() == 1;
                        async move {
                            // An error of the service resets the stream and leaves the connection.
                            if first {
                                echo(request).await.map_err(|never| match never {})
                            } else {
                                Err(std::io::Error::other("reset"))
                            }
                        }
                    });
                    let mut builder = hyper::server::conn::http2::Builder::new(Local);
                    drop(builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(tcp), service).await);
                });
            }
        });
        let mut client = Client::new(json!({ "endpoints": [format!("http://{address}")], "protocol": "http2" }));
        client.ask(get()).await;
        client.terms.repeatable = true;
        let sent = tokio::time::timeout(Duration::from_secs(1), client.send(get())).await;
        assert!(sent.is_ok_and(|sent| sent.is_err()) && seen.get() <= 4, "sent {} times", seen.get() - 1);
    });
}

/// A stream that the endpoint refused was not looked at (RFC 9113 §8.7): it is sent again, and no more than twice.
#[test]
fn a_stream_that_is_refused_is_sent_again() {
    for (refusals, passes, sent, connections) in [(1, true, 3, 2), (2, true, 4, 3), (9, false, 4, 3)] {
        worker(async {
            let (address, seen, opened) = refusing(refusals).await;
            let mut client = Client::new(json!({ "endpoints": [format!("http://{address}")], "protocol": "http2" }));
            client.ask(get()).await;
            client.terms.repeatable = true;
            let answer = tokio::time::timeout(Duration::from_secs(1), client.send(get())).await.unwrap();
            assert_eq!((answer.is_ok(), seen.get(), opened.get()), (passes, sent, connections));
        });
    }
}

/// An endpoint that answers one stream, refuses so many, and answers the others.
async fn refusing(refusals: usize) -> (SocketAddr, Rc<Cell<usize>>, Rc<Cell<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen, opened) = (listener.local_addr().unwrap(), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (counted, connections) = (Rc::clone(&seen), Rc::clone(&opened));
    tokio::task::spawn_local(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            connections.set(connections.get() + 1);
            let counted = Rc::clone(&counted);
            tokio::task::spawn_local(async move {
                let mut connection = h2::server::handshake(tcp).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    counted.set(counted.get() + 1);
                    if (2..2 + refusals).contains(&counted.get()) {
                        respond.send_reset(h2::Reason::REFUSED_STREAM);
                    } else {
                        respond.send_response(Response::new(()), true).unwrap();
                    }
                }
            });
        }
    });
    (address, seen, opened)
}

/// Those who do not read their responses fill their own windows, and nobody else's.
#[test]
fn slow_readers_do_not_stop_the_others() {
    worker(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::task::spawn_local(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(tcp).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let mut body = respond.send_response(Response::new(()), false).unwrap();
                // As much as the window of a stream may be, and then its end.
                body.send_data(Bytes::from(vec![b'x'; 4 * 1024 * 1024]), true).unwrap();
            }
        });
        let client = Client::new(json!({ "endpoints": [format!("http://{address}")], "protocol": "http2" }));
        let mut unread = Vec::new();
        for _ in 0..40 {
            unread.push(client.send(get()).await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let asked = tokio::time::timeout(Duration::from_secs(3), client.ask(get())).await;
        assert_eq!(asked.map(|body| body.len()), Ok(4 * 1024 * 1024));
    });
}
