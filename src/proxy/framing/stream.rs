//! The wrapper between the connection and hyper. In the usual case, a whole head in one read, it looks at hyper's own
//! buffer and copies nothing; only a head that has not come whole is held back, and never more than its limit.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::clock::Clock;
use super::fault::Fault;
use super::glimpse::Glimpse;
use super::parser::{Parser, Place, Spot, Step};
use super::section::HeadLimits;
use super::silence::Clocks;
use super::state::{FramingHandle, synthetic};

/// How much a tunnel's peer may send before its answer.
const UNDECIDED_BYTES: usize = 8 * 1024;

/// What a guard goes by; one for each listener.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    /// How large a head may be.
    pub limits: HeadLimits,
    /// How long a peer may take.
    pub clocks: Clocks,
}

/// An HTTP/1.1 connection of which only strictly framed requests can be read. `T` is kept as long as the stream.
#[derive(Debug)]
pub struct Framed<I, T = ()> {
    pub(super) io: I,
    pub(super) parser: Parser,
    /// Bytes held back: `..sent` are gone, `sent..cleared` may go, the rest is an unfinished section.
    pub(super) held: Vec<u8>,
    sent: usize,
    pub(super) cleared: usize,
    pub(super) guard: Arc<Guard>,
    pub(super) state: FramingHandle,
    pub(super) reading: Clock,
    pub(super) writing: Clock,
    /// When the unfinished section began, or the last byte of a body came.
    pub(super) since: Option<Instant>,
    pub(super) stalled: Option<Instant>,
    pub(super) ending: Ending,
    _kept: T,
}

/// How the stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Not yet.
    Open,
    /// The stand-in for a refused head was given out; nothing follows it.
    Refused,
    /// A body is broken.
    Broken,
    /// The peer was silent for too long between requests.
    Idle,
    /// The write half is closed; what still comes is thrown away.
    Lingering { discarded: usize, due: Instant },
}

impl<I, T> Framed<I, T> {
    /// Guards `io`, and keeps `kept` as long.
    pub fn new(io: I, guard: Arc<Guard>, state: FramingHandle, kept: T) -> Self {
        Self {
            io,
            parser: Parser::new(),
            held: Vec::new(),
            sent: 0,
            cleared: 0,
            guard,
            state,
            reading: Clock::default(),
            writing: Clock::default(),
            since: None,
            stalled: None,
            ending: Ending::Open,
            _kept: kept,
        }
    }

    /// Gives out what may go.
    fn release(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let ready = self.held.get(self.sent..self.cleared).unwrap_or_default();
        let count = ready.len().min(buf.remaining());
        buf.put_slice(ready.get(..count).unwrap_or_default());
        self.sent += count;
        if self.sent == self.held.len() {
            self.held = Vec::new();
            (self.sent, self.cleared) = (0, 0);
        }
        count > 0
    }

    /// Looks at bytes that were just read into hyper's buffer behind `before`.
    fn inspect(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        if self.held.is_empty() {
            let fresh = buf.filled().get(before..).unwrap_or_default();
            let step = self.parser.read(fresh, &self.guard.limits);
            let kept = fresh.get(step.pass..).unwrap_or_default();
            match step.fault {
                Some((_, Spot::Head)) => self.state.show(Glimpse::of(kept)),
                Some((_, Spot::Body)) => {}
                None => self.held.extend_from_slice(kept),
            }
            buf.set_filled(before + step.pass);
            self.conclude(step);
        } else {
            let fresh = buf.filled().get(before..).unwrap_or_default();
            self.held.extend_from_slice(fresh);
            buf.set_filled(before);
            self.scan_held();
        }
    }

    fn scan_held(&mut self) {
        let pending = self.held.get(self.cleared..).unwrap_or_default();
        let step = self.parser.read(pending, &self.guard.limits);
        self.cleared += step.pass;
        if let Some((_, Spot::Body)) = step.fault {
            self.held.truncate(self.cleared);
        }
        self.conclude(step);
    }

    fn conclude(&mut self, step: Step) {
        if step.pass > 0 {
            self.since = None;
        }
        self.state.set_arriving(self.parser.place() == Place::Head && self.held.len() > self.cleared);
        if let Some((fault, spot)) = step.fault {
            self.refuse(fault, spot);
        } else if self.parser.place() == Place::Undecided {
            self.state.await_decision();
        }
    }

    /// Nothing is read any more. A refused head is replaced by a stand-in, so that the gate answers it.
    pub(super) fn refuse(&mut self, fault: Fault, spot: Spot) {
        self.state.record(fault);
        self.parser.stop();
        self.ending = match spot {
            Spot::Head => {
                self.state.show(Glimpse::of(self.held.get(self.cleared..).unwrap_or_default()));
                self.held.truncate(self.cleared);
                self.held.extend_from_slice(&synthetic());
                self.cleared = self.held.len();
                Ending::Refused
            }
            Spot::Body => Ending::Broken,
        };
    }

    fn take_decision(&mut self) {
        if self.parser.place() != Place::Undecided {
            return;
        }
        match self.state.decision() {
            Some(true) => self.parser.tunnel(),
            Some(false) => self.parser.settle(),
            None => return,
        }
        self.state.resume();
        self.scan_held();
    }

    /// Whether the peer may still be sending something that nobody will read.
    fn is_unfinished(&self) -> bool {
        !self.held.is_empty() || !matches!(self.parser.place(), Place::Head | Place::Tunnel)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin, T: Unpin> Framed<I, T> {
    /// Reads until something may be given out, or nothing more will come.
    fn read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            self.take_decision();
            if self.release(buf) {
                return Poll::Ready(Ok(()));
            }
            match self.ending {
                Ending::Open => {}
                Ending::Refused => return Poll::Pending,
                Ending::Idle | Ending::Lingering { .. } => return Poll::Ready(Ok(())),
                Ending::Broken => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            }
            if self.parser.place() == Place::Undecided {
                self.state.wait(cx.waker());
                if self.held.len() >= UNDECIDED_BYTES {
                    return Poll::Pending;
                }
            }
            let before = buf.filled().len();
            match Pin::new(&mut self.io).poll_read(cx, buf)? {
                Poll::Ready(()) if buf.filled().len() == before => return Poll::Ready(Ok(())),
                Poll::Ready(()) => self.inspect(buf, before),
                Poll::Pending => ready!(self.silence(cx)),
            }
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin, T: Unpin> AsyncRead for Framed<I, T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.parser.place() == Place::Tunnel && this.held.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        this.read(cx, buf)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin, T: Unpin> AsyncWrite for Framed<I, T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(cx, buf);
        this.written(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.io).poll_flush(cx) {
            Poll::Pending => this.stall(cx).map_ok(|_| ()),
            result => {
                this.stalled = None;
                result
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !matches!(this.ending, Ending::Lingering { .. }) {
            ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
            if !this.is_unfinished() || this.ending == Ending::Idle {
                return Poll::Ready(Ok(()));
            }
            this.ending = Ending::Lingering { discarded: 0, due: Instant::now() + this.guard.clocks.linger };
        }
        ready!(this.linger(cx));
        Poll::Ready(Ok(()))
    }
}
