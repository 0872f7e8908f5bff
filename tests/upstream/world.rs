//! Endpoints that do what a test tells them, and a request to send to them. All of it runs on one thread, as a worker
//! of the gateway does.

use bytes::Bytes;
use curfew::upstream::{Connections, Delivered, Empty, Failure, Pool, Terms, deliver};
use http::Request;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// Runs a test as a worker would, in real time.
pub fn worker<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async { tokio::time::timeout(Duration::from_secs(20), test).await.unwrap() })
}

/// Runs a test in a time that moves on only when everybody waits for it.
pub fn paused<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, test)
}

/// A pool with these settings.
pub fn pool(settings: Value) -> Pool {
    Pool::build("test", &serde_json::from_value(settings).unwrap()).unwrap()
}

pub fn terms() -> Terms {
    Terms {
        now: Instant::now(),
        connect: Duration::from_secs(5),
        first_byte: Duration::from_secs(10),
        until: None,
        until_is_callers: false,
        retries: 2,
        upgrade: false,
        repeatable: false,
    }
}

/// What a body does next.
pub enum Step {
    Data(&'static str),
    Trailer(&'static str, &'static str),
    Pause(Pin<Box<tokio::time::Sleep>>),
    Break,
}

/// A body of steps.
#[derive(Default)]
pub struct Payload(pub VecDeque<Step>);

pub fn payload(steps: impl IntoIterator<Item = Step>) -> Payload {
    Payload(steps.into_iter().collect())
}

pub fn pause(seconds: u64) -> Step {
    Step::Pause(Box::pin(tokio::time::sleep(Duration::from_secs(seconds))))
}

impl Empty for Payload {
    fn empty(&self) -> Self {
        Self::default()
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(Step::Pause(sleep)) = self.0.front_mut() {
            ready!(sleep.as_mut().poll(cx));
            self.0.pop_front();
        }
        Poll::Ready(match self.0.pop_front() {
            Some(Step::Data(text)) => Some(Ok(Frame::data(text.into()))),
            Some(Step::Trailer(name, value)) => {
                let trailers = [(name.parse().unwrap(), value.parse().unwrap())];
                Some(Ok(Frame::trailers(trailers.into_iter().collect())))
            }
            Some(Step::Break) => Some(Err(std::io::Error::other("the client went away"))),
            Some(Step::Pause(_)) => panic!("one pause after the other"),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.0.is_empty() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

pub fn get() -> Request<Payload> {
    Request::get("/orders").header("host", "shop.example").body(Payload::default()).unwrap()
}

pub fn post() -> Request<Payload> {
    Request::post("/orders").header("host", "shop.example").body(payload([Step::Data("order")])).unwrap()
}

/// A client of one pool.
pub struct Client {
    pub connections: Connections<Payload>,
    pub pool: Arc<Pool>,
    pub terms: Terms,
}

impl Client {
    pub fn new(settings: Value) -> Self {
        Self { connections: Connections::default(), pool: Arc::new(pool(settings)), terms: terms() }
    }

    pub async fn send(&self, request: Request<Payload>) -> Result<Delivered, Failure> {
        deliver(&self.connections, &self.pool, request, &Terms { now: Instant::now(), ..self.terms }).await
    }

    /// The body of the response, read to its end.
    pub async fn ask(&self, request: Request<Payload>) -> String {
        let delivered = self.send(request).await.unwrap();
        let body = delivered.response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }
}

/// What an endpoint does with a request.
#[derive(Clone, Copy)]
pub enum Act {
    /// Answers with these bytes.
    Say(&'static str),
    /// Answers, and closes although it did not say so.
    Leave(&'static str),
    /// Says nothing, ever.
    Silence,
}

pub const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// An endpoint that speaks HTTP/1.1 as it is told to.
#[derive(Clone)]
pub struct Endpoint {
    pub address: SocketAddr,
    pub opened: Rc<Cell<usize>>,
    /// The heads and bodies it saw.
    pub seen: Rc<RefCell<Vec<String>>>,
    acts: Rc<RefCell<VecDeque<Act>>>,
    /// Told whenever it closed a connection.
    pub left: Rc<Notify>,
    /// Told whenever it saw a request.
    pub asked: Rc<Notify>,
}

impl Endpoint {
    /// Starts one that does these things in turn, and the last of them for ever.
    pub async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::listen("127.0.0.1:0", acts).await
    }

    pub async fn listen(address: &str, acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let endpoint = Self {
            address: listener.local_addr().unwrap(),
            opened: Rc::default(),
            seen: Rc::default(),
            acts: Rc::new(RefCell::new(acts.into_iter().collect())),
            left: Rc::default(),
            asked: Rc::default(),
        };
        let shared = endpoint.clone();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.opened.set(shared.opened.get() + 1);
                tokio::task::spawn_local(shared.clone().serve(stream));
            }
        });
        endpoint
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn count(&self) -> usize {
        self.seen.borrow().len()
    }

    fn next(&self) -> Act {
        let mut acts = self.acts.borrow_mut();
        if acts.len() > 1 { acts.pop_front().unwrap() } else { acts[0] }
    }

    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(self, mut stream: S) {
        while let Some(request) = read(&mut stream).await {
            self.seen.borrow_mut().push(request);
            self.asked.notify_one();
            match self.next() {
                Act::Say(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap_or_default(),
                Act::Leave(bytes) => {
                    stream.write_all(bytes.as_bytes()).await.unwrap();
                    break;
                }
                Act::Silence => std::future::pending().await,
            }
        }
        drop(stream);
        self.left.notify_one();
    }
}

/// A whole request: a head, and a body if the head says there is one.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        let chunked = text.contains("transfer-encoding: chunked");
        if text.ends_with("0\r\n\r\n") || !chunked && text.ends_with("\r\n\r\n") {
            return Some(text);
        }
    }
}

/// An address where nobody listens.
pub async fn nobody() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap())
}
