//! After an upgrade: bytes both ways, until either side ends, the token does, the gateway does, or nobody says anything
//! for too long. Who must end it says so, where a frame may come (RFC 6455 §7.1); of what is said in between nothing is
//! known here.

use super::answer::Exposure;
use super::cut::is_of_the_token;
use super::drain::Stage;
use super::frames::{Close, Frames};
use super::framing::Clock;
use super::streams::Place;
use crate::decide::reason::Reason;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf, copy_bidirectional};
use tokio::time::Instant;

/// The bounds of a tunnel.
pub struct Terms {
    /// When it must end.
    pub until: Option<Instant>,
    /// What that end means.
    pub over: Reason,
    /// How long the upstream may take to switch, and how long both sides may be silent after that.
    pub silence: Option<Duration>,
    /// What its client is told of its end; the upstream is told the reason.
    pub exposure: Exposure,
}

/// How a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// One of its sides did, or broke.
    BySide,
    /// We had to, for a reason.
    Cut(Reason),
    /// We leave.
    Leaving,
}

impl Ended {
    fn reason(self) -> Option<Reason> {
        if let Self::Cut(reason) = self { Some(reason) } else { None }
    }

    /// What is said at the end (RFC 6455 §7.4.1): a token that has ended is a policy that is violated, and all else that
    /// ends a tunnel here is our going away.
    fn close(self, exposure: Exposure) -> Option<Close> {
        let told = |reason| exposure.told(reason).unwrap_or_default();
        match self {
            Self::BySide => None,
            Self::Cut(reason) if is_of_the_token(reason) => Some(Close { code: 1008, text: told(reason) }),
            Self::Cut(reason) => Some(Close { code: 1001, text: told(reason) }),
            Self::Leaving => Some(Close { code: 1001, text: "going_away" }),
        }
    }
}

/// Runs a tunnel to its end, and tells it.
pub(super) async fn run(client: OnUpgrade, upstream: OnUpgrade, terms: Terms, place: Place) {
    let now = Instant::now();
    let switch = async { tokio::try_join!(client, upstream) };
    let soon = now + terms.silence.unwrap_or(SWITCH);
    let switched = tokio::time::timeout_at(terms.until.map_or(soon, |until| until.min(soon)), switch).await;
    let Ok(Ok((client, upstream))) = switched else { return place.tell(Some(Reason::UpstreamProtocolError)) };
    carry(TokioIo::new(client), TokioIo::new(upstream), &terms, &place).await;
}

/// Carries bytes both ways until it ends, tells why, and says farewell.
async fn carry<C, U>(client: C, upstream: U, terms: &Terms, place: &Place) -> Ended
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let life = Life::begun(Instant::now());
    let (mut client, mut upstream) = (Side::new(client, &life), Side::new(upstream, &life));
    let ended = pump(&mut client, &mut upstream, terms, place).await;
    place.tell(ended.reason());
    if let (Some(near), Some(far)) = (ended.close(terms.exposure), ended.close(Exposure::Coarse)) {
        let (near, far) = (near.plain(), far.masked());
        let farewell = async { tokio::join!(client.bid(&near), upstream.bid(&far)) };
        // Dropping the sides closes both connections.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }
    ended
}

/// How long both sides may take to switch, where nothing else bounds it.
const SWITCH: Duration = Duration::from_secs(10);

/// How long both sides have to take our leave, and to take theirs.
const FAREWELL: Duration = Duration::from_millis(200);

/// How long frames that have begun may take to their end: what we have to say cannot come before.
const LAST_FRAMES: Duration = Duration::from_millis(200);

/// Carries bytes both ways until there is a reason not to, and then whole frames.
async fn pump<C, U>(client: &mut Side<'_, C>, upstream: &mut Side<'_, U>, terms: &Terms, place: &Place) -> Ended
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let (life, guest) = (client.life, place.guest());
    let mut copying = pin!(copy_bidirectional(client, upstream));
    let mut clock = Clock::default();
    let why = poll_fn(|cx| {
        // An error on either side is that side's end: there is nobody left to tell.
        let is_over = copying.as_mut().poll(cx).is_ready();
        if life.message.take() {
            place.moves();
        }
        if is_over {
            return Poll::Ready(Ended::BySide);
        }
        if let Some(reason) = place.is_called() {
            return Poll::Ready(Ended::Cut(reason));
        }
        if guest.as_ref().is_some_and(|guest| guest.stage(cx.waker()) != Stage::Serving) {
            return Poll::Ready(Ended::Leaving);
        }
        place.listen(cx);
        let Some(silence) = terms.silence else { return Poll::Pending };
        clock.poll(cx, || life.last.get() + silence).map(|()| Ended::Cut(Reason::UpstreamTimeout))
    });
    let ended = match terms.until {
        None => why.await,
        Some(until) => tokio::time::timeout_at(until, why).await.unwrap_or(Ended::Cut(terms.over)),
    };
    if ended != Ended::BySide {
        life.parting.set(true);
        let rest = poll_fn(|cx| {
            let is_over = copying.as_mut().poll(cx).is_ready();
            if is_over || life.within.get() == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        let _ = tokio::time::timeout(LAST_FRAMES, rest).await;
    }
    ended
}

/// What passed, on either side.
struct Life {
    /// When any side last gave or took something.
    last: Cell<Instant>,
    /// Whether some of it was of a message, since it was asked.
    message: Cell<bool>,
    /// How many sides are within a frame.
    within: Cell<u8>,
    /// Whether no frame may begin any more.
    parting: Cell<bool>,
}

impl Life {
    fn begun(now: Instant) -> Self {
        Self { last: Cell::new(now), message: Cell::default(), within: Cell::default(), parting: Cell::default() }
    }
}

/// One side, and where among its frames this one is that it took.
struct Side<'a, I> {
    io: I,
    life: &'a Life,
    frames: Frames,
}

impl<'a, I: AsyncRead + AsyncWrite + Unpin> Side<'a, I> {
    fn new(io: I, life: &'a Life) -> Self {
        Self { io, life, frames: Frames::default() }
    }

    /// Closes it, with a frame if one may come now, and hears it out: a connection that is closed with something unread
    /// is reset, and takes what was said last along.
    async fn bid(&mut self, close: &[u8]) {
        if self.frames.may_close() && self.io.write_all(close).await.is_err() {
            return;
        }
        let mut rest = [0; 1024];
        if self.io.flush().await.is_ok() && self.io.shutdown().await.is_ok() {
            while self.io.read(&mut rest).await.is_ok_and(|count| count > 0) {}
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Side<'_, I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        this.life.last.set(Instant::now());
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Side<'_, I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let some = if this.life.parting.get() { this.frames.rest(buf) } else { buf.len() };
        if some == 0 {
            return Poll::Pending; // for ever: it is over
        }
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, buf.get(..some).unwrap_or_default()))?;
        this.life.last.set(Instant::now());
        let before = this.frames.is_within();
        if this.frames.pass(buf.get(..written).unwrap_or_default()) {
            this.life.message.set(true);
        }
        let within = this.life.within.get().saturating_add(this.frames.is_within().into());
        this.life.within.set(within.saturating_sub(before.into()));
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
    use super::{Ended, Exposure, Life, Side, Terms, carry, pump};
    use crate::decide::reason::Reason;
    use crate::proxy::streams::Streams;
    use std::rc::Rc;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::{Instant, sleep};

    const SILENT: Ended = Ended::Cut(Reason::UpstreamTimeout);

    fn terms() -> Terms {
        let silence = Some(Duration::from_secs(60));
        Terms { until: None, over: Reason::StreamExpired, silence, exposure: Exposure::Coarse }
    }

    async fn tunnel(near: DuplexStream, far: DuplexStream, streams: &Rc<Streams>) -> Ended {
        let life = Life::begun(Instant::now());
        let (mut near, mut far) = (Side::new(near, &life), Side::new(far, &life));
        pump(&mut near, &mut far, &terms(), &Streams::begin(streams, 0)).await
    }

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
            std::future::pending::<Ended>().await
        };
        let streams = Rc::default();
        let ended = tokio::select! { ended = tunnel(near, far, &streams) => ended, never = speak => never };
        assert_eq!((ended, began.elapsed().as_secs()), (SILENT, 260));
    }

    /// Bytes that nobody takes are silence too.
    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_silent() {
        let ((mut client, near), (far, _upstream)) = (duplex(64), duplex(64));
        let began = Instant::now();
        let flood = async { while client.write_all(&[0; 64]).await.is_ok() {} };
        let streams = Rc::default();
        let (ended, ()) = tokio::join!(tunnel(near, far, &streams), flood);
        assert_eq!((ended, began.elapsed().as_secs()), (SILENT, 60));
    }

    /// From outside it ends at once.
    #[tokio::test(start_paused = true)]
    async fn a_tunnel_is_called() {
        let ((_client, near), (far, _upstream)) = (duplex(64), duplex(64));
        let (streams, began) = (Rc::<Streams>::default(), Instant::now());
        let call = async {
            sleep(Duration::from_secs(5)).await;
            assert!(streams.end(0, Reason::TokenRevoked));
        };
        let (ended, ()) = tokio::join!(tunnel(near, far, &streams), call);
        assert_eq!((ended, began.elapsed().as_secs()), (Ended::Cut(Reason::TokenRevoked), 5));
        for (exposure, told) in [(Exposure::Coarse, "token_revoked"), (Exposure::None, "")] {
            let close = ended.close(exposure).unwrap();
            assert_eq!((close.code, close.text), (1008, told));
        }
    }

    /// What must end in the midst of a frame ends after it, if that comes soon: only then can its client be told why. No
    /// other frame begins.
    #[tokio::test(start_paused = true)]
    async fn a_frame_that_has_begun_is_finished() {
        let frame = [0x82, 4, 1, 2, 3, 4];
        for (late, whole) in [(100, true), (300, false)] {
            let ((mut client, near), (far, mut upstream)) = (duplex(64), duplex(64));
            let (streams, terms) = (Rc::<Streams>::default(), terms());
            let place = Streams::begin(&streams, 0);
            let speak = async {
                upstream.write_all(&frame[..3]).await.unwrap();
                sleep(Duration::from_secs(5)).await;
                assert!(streams.end(0, Reason::TokenRevoked));
                sleep(Duration::from_millis(late)).await;
                _ = upstream.write_all(&[&frame[3..], &frame[..]].concat()).await;
                let mut heard = Vec::new();
                client.read_to_end(&mut heard).await.unwrap();
                heard
            };
            let (_, heard) = tokio::join!(carry(near, far, &terms, &place), speak);
            let close = [&[0x88, 15, 0x03, 0xf0], &b"token_revoked"[..]].concat();
            assert_eq!(heard, if whole { [&frame[..], &close].concat() } else { frame[..3].to_vec() }, "{late} ms");
        }
    }

    /// Within a frame nothing of ours may come; else a frame is the last that comes.
    #[tokio::test]
    async fn the_last_word_does_not_interrupt() {
        for (sent, heard) in [(&[0x82, 3, 1][..], 3), (&[0x82, 1, 1], 7)] {
            let (mut peer, near) = duplex(64);
            let life = Life::begun(Instant::now());
            let mut side = Side::new(near, &life);
            side.write_all(sent).await.unwrap();
            let listen = async {
                let mut all = Vec::new();
                peer.read_to_end(&mut all).await.unwrap();
                drop(peer);
                all.len()
            };
            assert_eq!(tokio::join!(side.bid(&[0x88, 2, 3, 240]), listen).1, heard);
        }
    }
}
