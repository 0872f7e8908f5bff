//! How far the body of a request has come while its answer is waited for. Who waits needs to know whether the
//! endpoint is slow or the client is, and who of them broke off.

use http_body::{Body, Frame, SizeHint};
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// What a body did last.
#[derive(Clone, Copy)]
enum Last {
    /// It gave something, or its end: what comes next is up to the endpoint.
    Gave(Instant),
    /// It had nothing to give: the client is slow.
    Waits,
    /// It broke off.
    Broke,
}

/// The progress of one body.
pub(super) struct Progress(Cell<Last>);

impl Progress {
    /// Since when the endpoint is waited for; `None` while it waits itself.
    pub(super) fn since(&self) -> Option<Instant> {
        match self.0.get() {
            Last::Gave(at) => Some(at),
            Last::Waits | Last::Broke => None,
        }
    }

    /// Did the body break off?
    pub(super) fn broke(&self) -> bool {
        matches!(self.0.get(), Last::Broke)
    }
}

/// A body whose progress can be seen.
pub(super) struct Tracked<B> {
    body: B,
    /// None where there is no body: most requests have none, and pay nothing.
    progress: Option<Rc<Progress>>,
}

impl<B: Body> Tracked<B> {
    pub(super) fn new(body: B) -> Self {
        let began = || Rc::new(Progress(Cell::new(Last::Gave(Instant::now()))));
        let progress = (!body.is_end_stream()).then(began);
        Self { body, progress }
    }

    pub(super) fn body(&self) -> &B {
        &self.body
    }

    pub(super) fn progress(&self) -> Option<Rc<Progress>> {
        self.progress.clone()
    }
}

impl<B: Body + Unpin> Body for Tracked<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(progress) = &self.progress {
            progress.0.set(match &polled {
                Poll::Pending => Last::Waits,
                Poll::Ready(Some(Err(_))) => Last::Broke,
                Poll::Ready(_) => Last::Gave(Instant::now()),
            });
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
