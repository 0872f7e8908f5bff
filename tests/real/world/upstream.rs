//! An upstream over HTTP/1.1 that tells what it received. `/orders/body` sends the body back as it comes,
//! `/orders/drip` is an answer that never ends, `?ms=N` lets the answer wait.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

/// The upstream.
pub struct Upstream {
    pub port: u16,
    seen: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    epoch: watch::Sender<u64>,
}

impl Upstream {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let upstream =
            Self { port, seen: Arc::default(), connections: Arc::default(), epoch: watch::Sender::default() };
        tokio::spawn(accept(listener, upstream.seen.clone(), upstream.connections.clone(), upstream.epoch.subscribe()));
        upstream
    }

    /// How many requests it has seen.
    pub fn seen(&self) -> u64 {
        self.seen.load(Relaxed)
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// Ends every connection once its request is answered, as a restart with a new process beside the old one does.
    /// One that was just opened is spared until its first answer, as nginx and Go's server spare it.
    pub fn end_connections(&self) {
        self.epoch.send_modify(|epoch| *epoch += 1);
    }
}

async fn accept(listener: TcpListener, seen: Arc<AtomicU64>, connections: Arc<AtomicU64>, epoch: watch::Receiver<u64>) {
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Relaxed);
        let (seen, mut epoch) = (seen.clone(), epoch.clone());
        tokio::spawn(async move {
            epoch.mark_unchanged();
            let used = Notify::new();
            let service = service_fn(|request| {
                seen.fetch_add(1, Relaxed);
                used.notify_one();
                answer(request)
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = async { used.notified().await; _ = epoch.changed().await } => connection.as_mut().graceful_shutdown(),
            }
            _ = connection.await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, hyper::Error>>, Infallible> {
    let query = request.uri().query().unwrap_or_default();
    if let Some(ms) = query.strip_prefix("ms=").and_then(|ms| ms.parse().ok()) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    match request.uri().path() {
        "/orders/body" => return Ok(Response::new(request.into_body().boxed())),
        "/orders/drip" => return Ok(Response::new(drip())),
        _ => {}
    }
    let (parts, body) = request.into_parts();
    let length = body.collect().await.map_or(0, |body| body.to_bytes().len());
    let headers: Map<String, Value> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let told = json!({ "method": parts.method.as_str(), "target": parts.uri.to_string(), "headers": headers, "length": length });
    let response = Response::builder().header("content-type", "application/json");
    let body = Full::from(told.to_string()).map_err(|never| match never {}).boxed();
    Ok(response.body(body).unwrap())
}

/// A line every 50 ms, for ever.
fn drip() -> BoxBody<Bytes, hyper::Error> {
    let drops = stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((Ok(Frame::data(Bytes::from_static(b"data: drop\n\n"))), ()))
    });
    StreamBody::new(Box::pin(drops)).boxed()
}
