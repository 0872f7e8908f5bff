//! What happens when the peer is silent: how long it is waited for, while it should write, read, or close.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::fault::Fault;
use super::parser::{Place, Spot};
use super::stream::{Ending, Framed};

/// How much is read and thrown away after the last answer, so that the peer reads it before it sees a reset.
const LINGER_BYTES: usize = 256 * 1024;

/// How long a peer may take.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// From the first byte of a head to its last.
    pub header: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// Between two bytes of a body, and for a write that makes no progress.
    pub body: Duration,
    /// After the last answer, until the peer closes.
    pub linger: Duration,
}

impl<I: AsyncRead + AsyncWrite + Unpin, T: Unpin> Framed<I, T> {
    /// The peer is silent: which clock runs, and what happens when it has run out.
    pub(super) fn silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let clocks = self.guard.clocks;
        let (span, fault, spot) = match self.parser.place() {
            Place::Head if self.held.len() == self.cleared => return self.idle(cx, clocks.idle),
            Place::Head => (clocks.header, Fault::timeout("a head was begun and not finished in time"), Spot::Head),
            Place::Body => (clocks.body, Fault::timeout("a body was begun and not continued in time"), Spot::Body),
            Place::Undecided | Place::Tunnel | Place::Faulted => return Poll::Pending,
        };
        let due = *self.since.get_or_insert_with(Instant::now) + span;
        self.reading.pull_in(due);
        ready!(self.reading.poll(cx, || due));
        self.refuse(fault, spot);
        Poll::Ready(())
    }

    fn idle(&mut self, cx: &mut Context<'_>, span: Duration) -> Poll<()> {
        let state = &self.state;
        ready!(self.reading.poll(cx, || state.quiet_until(span)));
        self.ending = Ending::Idle;
        self.parser.stop();
        Poll::Ready(())
    }

    /// Throws away what still comes, bounded, so that closing does not reset what the peer has yet to read
    /// (RFC 9112 §9.6).
    pub(super) fn linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waste = [0u8; 2048];
        loop {
            let Ending::Lingering { discarded, due } = self.ending else { return Poll::Ready(()) };
            if discarded > LINGER_BYTES {
                return Poll::Ready(());
            }
            let mut buf = ReadBuf::new(&mut waste);
            match Pin::new(&mut self.io).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    let discarded = discarded + buf.filled().len();
                    self.ending = Ending::Lingering { discarded, due };
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    self.reading.pull_in(due);
                    return self.reading.poll(cx, || due);
                }
            }
        }
    }

    /// A peer that does not read gets no more time than one that does not write.
    pub(super) fn stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.parser.place() == Place::Tunnel {
            return Poll::Pending;
        }
        let due = *self.stalled.get_or_insert_with(Instant::now) + self.guard.clocks.body;
        self.writing.pull_in(due);
        ready!(self.writing.poll(cx, || due));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    pub(super) fn written(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if result.is_pending() {
            return self.stall(cx);
        }
        self.stalled = None;
        result
    }
}
