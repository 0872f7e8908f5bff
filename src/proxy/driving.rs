//! Drives one connection to its end: tells it when to leave, and does not wait for ever until it has.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::answered::Watched;
use super::connection::OnThisWorker;
use super::counters::Ticket;
use super::drain::{Guest, Stage};
use super::framing::{Clock, FramingHandle};
use super::streams::Watch;

/// How long a connection that was told to leave may stay without a request.
const LEAVE: Duration = Duration::from_secs(2);

/// How long an HTTP/1.1 connection waits for one more request before it is closed: its client cannot be told to send
/// none, and one that is on the wire would be lost. Its answer says that the connection ends.
const LINGER: Duration = Duration::from_secs(1);

/// A connection that can be asked to leave: GOAWAY, or `Connection: close`.
pub(super) trait Leave: Future<Output = hyper::Result<()>> {
    /// Asks it.
    fn leave(self: Pin<&mut Self>);
}

impl<I, S, B> Leave for http1::UpgradeableConnection<TokioIo<I>, Watched<S>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + 'static,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn leave(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S, B> Leave for http2::Connection<TokioIo<I>, Watched<S>, OnThisWorker>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + 'static,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn leave(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Who has a say in when a connection ends.
pub(super) struct Party<'a> {
    /// What its reader and its service tell.
    pub state: FramingHandle,
    /// The worker's drain.
    pub guest: &'a Guest,
    /// The deadlines of its streams.
    pub watch: Watch,
}

pin_project_lite::pin_project! {
    /// Drives a connection, and tells it when to leave: when the worker drains, or, on HTTP/2, when it was quiet for
    /// too long.
    pub(super) struct Driving<'a, C> {
        #[pin]
        connection: C,
        state: FramingHandle,
        guest: &'a Guest,
        watch: Watch,
        idle: Option<Duration>,
        clock: Clock,
        farewell: Option<Instant>,
        left: Option<Instant>,
        ticket: Option<Ticket>,
    }
}

impl<'a, C: Leave> Driving<'a, C> {
    pub(super) fn new(connection: C, party: Party<'a>, idle: Option<Duration>, ticket: Option<Ticket>) -> Self {
        let Party { state, guest, watch } = party;
        Self { connection, state, guest, watch, idle, clock: Clock::default(), farewell: None, left: None, ticket }
    }
}

impl<C: Leave> Future for Driving<'_, C> {
    type Output = hyper::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            // The connection goes first: a request that is already here is served before we leave.
            if let Poll::Ready(result) = this.connection.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            let stage = this.guest.stage(cx.waker());
            if stage == Stage::Cut || this.watch.poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let Some(left) = *this.left else {
                let is_idle = match this.idle {
                    Some(span) => this.clock.poll(cx, || this.state.quiet_until(*span)).is_ready(),
                    None => false,
                };
                let mut goes = stage == Stage::Leaving && !this.state.is_arriving();
                if goes && this.idle.is_none() {
                    let said = *this.farewell.get_or_insert_with(Instant::now);
                    this.state.say_farewell();
                    let due = || this.state.quiet_until(LINGER).max(said + LINGER);
                    goes = this.clock.poll(cx, due).is_ready();
                }
                if is_idle || goes {
                    *this.left = Some(Instant::now());
                    this.connection.as_mut().leave();
                    continue;
                }
                return Poll::Pending;
            };
            this.clock.pull_in(left + LEAVE);
            let due = || this.state.quiet_until(LEAVE).max(left + LEAVE);
            return this.clock.poll(cx, due).map(Ok);
        }
    }
}
