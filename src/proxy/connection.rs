//! HTTP/1.1 or HTTP/2 over one connection, from its first request to its last. What a request gets is the service's
//! to say; how its bytes are framed was the guard's.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::accept::Listener;
use super::answered::Watched;
use super::counters::Ticket;
use super::drain::Guest;
use super::driving::{Driving, Party};
use super::establish::Established;
use super::framing::{Framed, FramingHandle, FramingState, Guard};
use super::streams::{Place, Streams, Watch};
use super::tls::TlsInfo;

/// The most that HTTP/1.1 buffers, reading or writing, unless heads may be larger.
const BUFFER: usize = 64 * 1024;
/// What is buffered of an HTTP/2 answer before the peer's window opens.
const SEND_BUFFER: usize = 256 * 1024;
/// How often a quiet HTTP/2 peer is asked whether it is there, and how long it has to say so.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));

/// Who is on the other side, and over what.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Unique in this process.
    pub id: u64,
    /// The listener's name.
    pub listener: Arc<str>,
    /// The client; behind a load balancer the one it tells of.
    pub peer: SocketAddr,
    /// Where the client connected to.
    pub local: SocketAddr,
    /// Whether it speaks HTTP/2.
    pub http2: bool,
    /// What the handshake agreed on; none on a plaintext listener.
    pub tls: Option<TlsInfo>,
    /// What is under way on it, and how it is ended.
    pub streams: Rc<Streams>,
}

impl ConnectionInfo {
    /// Whether this connection's certificate covers a host (RFC 9110 §7.4). In the clear every host is.
    pub fn covers(&self, host: &str) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.certificate.as_ref().is_some_and(|served| served.covers(host)))
    }
}

/// Why a connection ended in an error, below any request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionFault {
    /// hyper could not read it, though the guard could.
    Parse,
    /// The peer went in the middle of a message.
    Incomplete,
    /// The peer was silent for too long.
    Timeout,
    /// The peer broke the rules of HTTP/2, or was too greedy within them.
    Http2,
    /// The connection broke.
    Io,
}

impl ConnectionFault {
    /// What hyper's error comes to.
    pub(super) fn of(error: &hyper::Error) -> Self {
        let cause = || std::error::Error::source(error);
        let kind = cause().and_then(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
        if error.is_parse() {
            Self::Parse
        } else if error.is_timeout() || kind == Some(std::io::ErrorKind::TimedOut) {
            Self::Timeout
        } else if error.is_incomplete_message() || error.is_canceled() {
            Self::Incomplete
        } else if kind.is_none() && !error.is_body_write_aborted() && cause().is_some() {
            Self::Http2
        } else {
            Self::Io
        }
    }
}

/// Runs the parts of an HTTP/2 connection on the worker's own thread.
#[derive(Clone, Default)]
pub(super) struct OnThisWorker {
    /// The stream whose task comes next: hyper hands it over right after it has called the service.
    next: Rc<Cell<Option<Place>>>,
}

impl OnThisWorker {
    /// The next task is that of this stream.
    pub(super) fn expect(&self, stream: Place) {
        self.next.set(Some(stream));
    }
}

impl<F: Future + 'static> hyper::rt::Executor<F> for OnThisWorker {
    fn execute(&self, future: F) {
        let task = tokio::task::spawn_local(async move {
            future.await;
        });
        if let Some(stream) = self.next.take() {
            stream.runs(task);
        }
    }
}

type Http1<I, S> = http1::UpgradeableConnection<TokioIo<Framed<I, Ticket>>, Watched<S>>;
type Http2<I, S> = http2::Connection<TokioIo<I>, Watched<S>, OnThisWorker>;

/// hyper, set up once for each worker.
pub(super) struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<OnThisWorker>,
    tasks: OnThisWorker,
    guard: Arc<Guard>,
    idle: Duration,
}

impl Protocols {
    pub(super) fn new(listener: &Listener) -> Self {
        let tasks = OnThisWorker::default();
        Self {
            http1: http1(listener),
            http2: http2(listener, tasks.clone()),
            tasks,
            guard: listener.guard.clone(),
            idle: listener.guard.clocks.idle,
        }
    }

    /// Serves a connection until it ends.
    pub(super) async fn serve<F, S, B>(
        &self,
        stream: Established,
        info: &Rc<ConnectionInfo>,
        factory: &F,
        guest: &Guest,
        ticket: Ticket,
    ) -> hyper::Result<()>
    where
        F: Fn(Rc<ConnectionInfo>, FramingHandle) -> S,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + 'static,
        B: Body + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let state = FramingState::new();
        let tasks = info.http2.then(|| self.tasks.clone());
        let service = Watched::new(factory(info.clone(), state.clone()), state.clone(), info.streams.clone(), tasks);
        let watch = Watch::new(info.streams.clone());
        let party = Party { guest, watch, state };
        match stream {
            Established::Tls(stream) if info.http2 => self.over_http2(stream, service, party, ticket).await,
            Established::Tls(stream) => self.over_http1(stream, service, party, ticket).await,
            Established::Plain(stream) if info.http2 => self.over_http2(stream, service, party, ticket).await,
            Established::Plain(stream) => self.over_http1(stream, service, party, ticket).await,
        }
    }

    fn over_http1<'a, I, S, B>(
        &self,
        stream: I,
        service: Watched<S>,
        party: Party<'a>,
        ticket: Ticket,
    ) -> Driving<'a, Http1<I, S>>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + 'static,
        B: Body + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // The ticket goes with the stream: a tunnel outlives this connection's HTTP.
        let stream = Framed::new(stream, self.guard.clone(), party.state.clone(), ticket);
        let connection = self.http1.serve_connection(TokioIo::new(stream), service).with_upgrades();
        Driving::new(connection, party, None, None)
    }

    fn over_http2<'a, I, S, B>(
        &self,
        stream: I,
        service: Watched<S>,
        party: Party<'a>,
        ticket: Ticket,
    ) -> Driving<'a, Http2<I, S>>
    where
        I: AsyncRead + AsyncWrite + Unpin + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + 'static,
        B: Body + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let connection = self.http2.serve_connection(TokioIo::new(stream), service);
        Driving::new(connection, party, Some(self.idle), Some(ticket))
    }
}

fn http1(listener: &Listener) -> http1::Builder {
    let mut builder = http1::Builder::new();
    // The guard has all clocks of HTTP/1.1; hyper's one knows idle and header time only as one.
    builder.header_read_timeout(None);
    builder.max_buf_size(BUFFER.max(listener.guard.limits.header_bytes.saturating_mul(2)));
    if listener.limits.header_count > 100 {
        // Up to hyper's own hundred they are read on the stack.
        builder.max_headers(listener.limits.header_count);
    }
    builder
}

fn http2(listener: &Listener, tasks: OnThisWorker) -> http2::Builder<OnThisWorker> {
    let mut builder = http2::Builder::new(tasks);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(listener.limits.streams_per_connection)
        // Rapid reset (CVE-2023-44487) and resets that we are made to send (CVE-2025-8671).
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(256)
        .max_header_list_size(u32::try_from(listener.guard.limits.header_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    if listener.websockets {
        builder.enable_connect_protocol();
    }
    builder
}
