//! After an upgrade: bytes both ways, until either side ends, the token does, or nobody says anything for too
//! long. What the bytes mean is not known here.

use super::body::AtEnd;
use super::framing::Clock;
use crate::decide::reason::Reason;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::time::Instant;

/// The bounds of a tunnel.
pub struct Terms {
    /// When it must end.
    pub until: Option<Instant>,
    /// What that end means.
    pub over: Reason,
    /// How long the upstream may take to switch, and how long both sides may be silent after that.
    pub silence: Option<Duration>,
}

/// Runs a tunnel to its end, and tells it.
pub async fn run(client: OnUpgrade, upstream: OnUpgrade, terms: Terms, at_end: Box<impl AtEnd>) {
    let pump = async {
        let switch = async { tokio::try_join!(client, upstream) };
        let switched = tokio::time::timeout(terms.silence.unwrap_or(SWITCH), switch).await;
        let Ok(Ok((client, upstream))) = switched else { return Some(Reason::UpstreamProtocolError) };
        pump(TokioIo::new(client), TokioIo::new(upstream), terms.silence).await
    };
    let cut = match terms.until {
        None => pump.await,
        // Dropping the pump closes both connections.
        Some(until) => tokio::time::timeout_at(until, pump).await.unwrap_or(Some(terms.over)),
    };
    at_end.end(cut);
}

/// How long both sides may take to switch, where nothing else bounds it.
const SWITCH: Duration = Duration::from_secs(10);

/// Carries bytes both ways; tells why it ended, if not by either side.
async fn pump<C, U>(client: C, upstream: U, silence: Option<Duration>) -> Option<Reason>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let last = Cell::new(Instant::now());
    let (mut client, mut upstream) = (Heard { io: client, last: &last }, Heard { io: upstream, last: &last });
    let mut copying = pin!(copy_bidirectional(&mut client, &mut upstream));
    let mut clock = Clock::default();
    poll_fn(|cx| {
        // An error on either side is that side's end: there is nobody left to tell.
        if copying.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        let Some(silence) = silence else { return Poll::Pending };
        clock.poll(cx, || last.get() + silence).map(|()| Some(Reason::UpstreamTimeout))
    })
    .await
}

/// One side, and when any side last gave or took something.
struct Heard<'a, I> {
    io: I,
    last: &'a Cell<Instant>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Heard<'_, I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        this.last.set(Instant::now());
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Heard<'_, I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, buf))?;
        this.last.set(Instant::now());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::pump;
    use crate::decide::reason::Reason;
    use std::time::Duration;
    use tokio::io::{AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, sleep};

    const SILENCE: Option<Duration> = Some(Duration::from_secs(60));

    /// Whoever speaks keeps it open, on either side; when nobody does it ends, on time.
    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_tunnel() {
        let ((mut client, near), (far, mut upstream)) = (duplex(64), duplex(64));
        let began = Instant::now();
        let speak = async {
            for _ in 0..2 {
                sleep(Duration::from_secs(50)).await;
                client.write_all(b"ping").await.unwrap();
                sleep(Duration::from_secs(50)).await;
                upstream.write_all(b"pong").await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! { ended = pump(near, far, SILENCE) => ended, () = speak => None };
        assert_eq!((ended, began.elapsed().as_secs()), (Some(Reason::UpstreamTimeout), 260));
    }

    /// Bytes that nobody takes are silence too.
    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_silent() {
        let ((mut client, near), (far, _upstream)) = (duplex(64), duplex(64));
        let began = Instant::now();
        let flood = async { while client.write_all(&[0; 64]).await.is_ok() {} };
        let (ended, ()) = tokio::join!(pump(near, far, SILENCE), flood);
        assert_eq!((ended, began.elapsed().as_secs()), (Some(Reason::UpstreamTimeout), 60));
    }
}
