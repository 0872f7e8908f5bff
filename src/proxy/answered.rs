//! Which requests are being answered: a thin layer around each connection's service that tells the framing state when
//! an answer begins, whether it opens a tunnel, and when its last byte was handed on.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::Service;

use super::connection::OnThisWorker;
use super::framing::FramingHandle;
use super::streams::{Place, Streams};

/// A service whose answers are watched.
pub(super) struct Watched<S> {
    service: S,
    state: FramingHandle,
    streams: Rc<Streams>,
    /// Who runs them, where each has a task.
    tasks: Option<OnThisWorker>,
}

impl<S> Watched<S> {
    pub(super) fn new(service: S, state: FramingHandle, streams: Rc<Streams>, tasks: Option<OnThisWorker>) -> Self {
        Self { service, state, streams, tasks }
    }

    /// Whether the guard waits for this very request's answer. Only the last one read can be it.
    fn decides(&self, request: &Request<Incoming>) -> bool {
        self.state.is_undecided() && (is_upgrade(request.headers()) || request.method() == Method::CONNECT)
    }
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
}

impl<S, B> Service<Request<Incoming>> for Watched<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
{
    type Response = Response<Tracked<B>>;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let decides = self.decides(&request);
        let place = Streams::begin(&self.streams, self.state.begin());
        if let Some(tasks) = &self.tasks {
            tasks.expect(place.clone());
        }
        let turn = Turn { state: self.state.clone(), place };
        Answering { future: self.service.call(request), turn: Some(turn), decides }
    }
}

/// One request that is being answered; ends when it is dropped.
#[derive(Debug)]
struct Turn {
    state: FramingHandle,
    place: Place,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.state.end();
        self.place.finish();
    }
}

pin_project_lite::pin_project! {
    /// An answer in the making.
    pub(super) struct Answering<F> {
        #[pin]
        future: F,
        turn: Option<Turn>,
        decides: bool,
    }
}

impl<F, B> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<Tracked<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut response) = ready!(this.future.poll(cx));
        let turn = this.turn.take();
        let leaves = turn.as_ref().is_some_and(|turn| turn.state.is_leaving());
        if leaves && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(turn) = turn.as_ref().filter(|_| *this.decides) {
            match response.status() {
                StatusCode::SWITCHING_PROTOCOLS => turn.state.tunnel(),
                _ => turn.state.settle(),
            }
        }
        Poll::Ready(Ok(response.map(|body| Tracked { body, _turn: turn })))
    }
}

pin_project_lite::pin_project! {
    /// The body of an answer; hyper drops it when its last byte is in the buffer.
    pub(super) struct Tracked<B> {
        #[pin]
        body: B,
        _turn: Option<Turn>,
    }
}

impl<B: Body> Body for Tracked<B> {
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
