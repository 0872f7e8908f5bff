//! Bodies on their way through: never buffered, but bounded in size, in silence and in time.

use super::answer::Exposure;
use super::attendance::Attendant;
use super::cut::{Cut, is_of_the_token};
use super::gate::Shared;
use super::grpc::unauthenticated;
use super::live::{Connection, Live};
use super::passage::Proven;
use super::standing::Ward;
use super::streams::Place;
use crate::decide::reason::Reason;
use crate::state::clock::Clock;
use crate::state::revocations::Revocations;
use crate::upstream::Empty;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How the request's body fares, told to the one who waits for the response.
pub type Fate = Rc<Cell<Option<Reason>>>;

/// Wakes a body that waits for too long. No timer is made before there is something to wait for.
#[derive(Default)]
struct Patience {
    between: Option<Duration>,
    until: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Patience {
    /// Called when nothing has come: gives true when the wait is over.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let silence = self.between.map(|span| now + span);
        let Some(end) = silence.into_iter().chain(self.until).min() else { return false };
        match &mut self.timer {
            Some(timer) if !self.waiting => timer.as_mut().reset(end),
            Some(_) => {}
            timer @ None => *timer = Some(Box::pin(tokio::time::sleep_until(end))),
        }
        self.waiting = true;
        self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready())
    }

    fn is_past(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// The request's body, on its way up.
pub struct Upload {
    first: Option<Bytes>,
    inner: Option<Incoming>,
    left: Option<u64>,
    patience: Patience,
    fate: Fate,
    /// Who tells that something moves, if it matters.
    attendant: Option<Box<Attendant>>,
    /// Who looks after its token, if it has one.
    ward: Option<Box<Ward>>,
}

impl Upload {
    /// A body of at most `limit` bytes, silent for at most `between`.
    pub(super) fn new(
        body: Proven,
        limit: Option<u64>,
        between: Option<Duration>,
        until: Option<Instant>,
        fate: Fate,
        (attendant, ward): (Option<Box<Attendant>>, Option<Box<Ward>>),
    ) -> Self {
        let patience = Patience { between, until, ..Patience::default() };
        Self { first: body.first, inner: Some(body.body), left: limit, patience, fate, attendant, ward }
    }

    fn pass(&mut self, data: Bytes) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let length = data.len() as u64;
        match self.left {
            Some(left) if length > left => self.cut(Reason::BodyTooLarge),
            left => {
                self.left = left.map(|left| left - length);
                self.attendant.iter_mut().for_each(|attendant| attendant.moves());
                self.ward.iter_mut().for_each(|ward| ward.passes(data.len()));
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
        }
    }

    fn cut(&self, reason: Reason) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.fate.set(Some(reason));
        Poll::Ready(Some(Err(Cut(reason))))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(reason) = self.ward.as_ref().and_then(|ward| ward.is_called()) {
            return self.cut(reason);
        }
        if let Some(first) = self.first.take() {
            return self.pass(first);
        }
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let Poll::Ready(polled) = Pin::new(inner).poll_frame(cx) else {
            if self.patience.is_over(cx) {
                return self.cut(Reason::RequestTimeout);
            }
            self.ward.iter_mut().for_each(|ward| ward.waits(cx));
            return Poll::Pending;
        };
        self.patience.waiting = false;
        match polled {
            None => Poll::Ready(None),
            // What went wrong on the wire is told apart by who knows the connection.
            Some(Err(_)) => self.cut(Reason::MalformedRequest),
            // Request trailers are dropped: a backend might merge them into its header fields (RFC 9110 §6.5.1).
            Some(Ok(frame)) => frame.into_data().map_or(Poll::Ready(None), |data| self.pass(data)),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        // What was looked at before has no length of its own to declare: such bodies are chunked.
        match &self.inner {
            None => SizeHint::with_exact(0),
            Some(inner) if self.first.is_none() => inner.size_hint(),
            Some(_) => SizeHint::default(),
        }
    }
}

impl Empty for Upload {
    fn empty(&self) -> Self {
        Self {
            first: None,
            inner: None,
            left: None,
            patience: Patience::default(),
            fate: Fate::clone(&self.fate),
            attendant: None,
            ward: None,
        }
    }
}

/// What is told at the end of a response body.
pub trait AtEnd {
    /// From here on its answer goes to the client.
    fn begins(&mut self) {}

    /// The body ended: whole, or cut for a reason.
    fn end(self: Box<Self>, cut: Option<Reason>);

    /// When it was asked whether its token is revoked; `None` if there was no token to ask about.
    fn judged(&self) -> Option<Judged<'_>> {
        None
    }

    /// Asks again: why the token is revoked, if it is by now.
    fn revoked(&self) -> Option<Reason> {
        None
    }

    /// Why it is over by the clock, if it is by now: timers stand still while the machine is suspended.
    fn overdue(&self) -> Option<Reason> {
        None
    }

    /// Does it matter whether anything moves?
    fn is_attended(&self) -> bool {
        false
    }

    /// How late it is, by the steady time of sessions.
    fn steady(&self) -> Duration {
        Duration::ZERO
    }

    /// Something moved, at this steady time.
    fn moved(&self, _at: Duration) {}

    /// Why its session has ended, if it was left alone for too long.
    fn left_alone(&self) -> Option<Reason> {
        None
    }

    /// How it is listed among those that are live; `bound` is how long it still may be at most.
    fn listed(&self, _bound: Option<(Duration, Reason)>) -> Option<Connection> {
        None
    }
}

/// Of what a token was judged by.
pub struct Judged<'a> {
    /// The revocations.
    pub set: &'a Arc<Revocations>,
    /// How often they had been written.
    pub changes: u64,
    /// Where is asked which connections are live.
    pub live: &'a Arc<Live>,
    /// What time it is.
    pub clock: &'a Arc<dyn Clock>,
}

impl<'a> Judged<'a> {
    /// By what all requests are, when the revocations had been written so often.
    pub(super) fn by(shared: &'a Shared, changes: u64) -> Self {
        Self { set: &shared.state.revocations, changes, live: &shared.live, clock: &shared.state.clock }
    }
}

/// What the end of a body concerns.
pub struct End {
    /// Who is told of it.
    pub at_end: Box<dyn AtEnd>,
    /// Where it can be ended from outside.
    pub place: Place,
    /// What its client learns of it from the trailers of gRPC, where it speaks that.
    pub grpc: Option<Exposure>,
}

/// The response's body, on its way down.
pub enum Download {
    /// Written by the gateway itself.
    Own(Option<Bytes>),
    /// From an upstream.
    Stream(Box<Stream>),
}

/// After how many bytes without a pause the clock is looked at.
const GLANCE: usize = 256 * 1024;

/// A body from an upstream.
pub struct Stream {
    inner: Incoming,
    patience: Patience,
    /// Bytes that came since the clock was looked at.
    unwatched: usize,
    /// What the end of the time means: the token's, or the exchange's.
    over: Reason,
    place: Place,
    grpc: Option<Exposure>,
    is_over: bool,
}

impl Download {
    /// A body that may be silent for `between` and must end by `until`, which means `over`.
    pub fn stream(inner: Incoming, between: Option<Duration>, until: Option<Instant>, over: Reason, end: End) -> Self {
        let End { at_end, place, grpc } = end;
        place.tells(at_end, !inner.is_end_stream());
        if let Some(until) = until.filter(|_| !inner.is_end_stream()) {
            place.bound(until, over);
        }
        let patience = Patience { between, until, ..Patience::default() };
        Self::Stream(Box::new(Stream { inner, patience, unwatched: 0, over, place, grpc, is_over: false }))
    }
}

impl From<Bytes> for Download {
    fn from(bytes: Bytes) -> Self {
        Self::Own((!bytes.is_empty()).then_some(bytes))
    }
}

impl Stream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if let Some(reason) = self.place.is_called() {
            return self.cut(reason);
        }
        // An upstream that never pauses must not outlive the token either. While it pauses, the timer tells.
        if self.unwatched > GLANCE {
            self.unwatched = 0;
            if self.patience.is_past() {
                return self.cut(self.over);
            }
        }
        let Poll::Ready(polled) = Pin::new(&mut self.inner).poll_frame(cx) else {
            if !self.patience.is_over(cx) {
                self.place.listen(cx);
                return Poll::Pending;
            }
            let reason = if self.patience.is_past() { self.over } else { Reason::UpstreamTimeout };
            return self.cut(reason);
        };
        self.patience.waiting = false;
        match polled {
            None => {
                self.place.tell(None);
                Poll::Ready(None)
            }
            Some(Ok(mut frame)) => {
                self.unwatched = self.unwatched.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                if frame.is_data() {
                    self.place.moves();
                }
                if let Some(trailers) = frame.trailers_mut() {
                    clean_trailers(trailers);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(_)) => self.cut(Reason::UpstreamProtocolError),
        }
    }

    fn cut(&mut self, reason: Reason) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.place.tell(Some(reason));
        self.is_over = true;
        if let Some(exposure) = self.grpc.filter(|_| is_of_the_token(reason)) {
            return Poll::Ready(Some(Ok(Frame::trailers(unauthenticated(reason, exposure)))));
        }
        Poll::Ready(Some(Err(Cut(reason))))
    }
}

/// A stream that is dropped before its end was given up by the client, or ended from outside.
impl Drop for Stream {
    fn drop(&mut self) {
        self.place.tell(self.place.is_ended());
    }
}

/// Trailers may not carry what frames, routes or authenticates (RFC 9110 §6.5.1).
fn clean_trailers(trailers: &mut HeaderMap) {
    for name in ["transfer-encoding", "content-length", "host", "authorization", "set-cookie", "connection", "trailer"]
    {
        trailers.remove(name);
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => {
                let frame = ready!(stream.poll(cx));
                // The end is told as soon as it is known, not when the connection asks once more.
                if stream.inner.is_end_stream() && matches!(frame, Some(Ok(_))) {
                    stream.place.tell(None);
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_none(),
            Self::Stream(stream) => stream.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream(stream) => stream.inner.size_hint(),
        }
    }
}
