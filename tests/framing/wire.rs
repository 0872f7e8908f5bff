//! A guard over bytes from a script: each read gets one segment, then the end.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use curfew::proxy::framing::{Framed, FramingReason, FramingState, Guard};
use curfew::proxy::listen::Limits;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub struct Script {
    segments: VecDeque<Vec<u8>>,
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(segment) = self.segments.front_mut() else { return Poll::Ready(Ok(())) };
        let count = segment.len().min(buf.remaining());
        buf.put_slice(&segment[..count]);
        segment.drain(..count);
        if segment.is_empty() {
            self.segments.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What hyper would have been given.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// Everything before the stand-in.
    pub passed: Vec<u8>,
    pub fault: Option<FramingReason>,
    /// A stand-in request came at the end.
    pub stand_in: bool,
    /// A read failed.
    pub failed: bool,
}

pub fn guard() -> Arc<Guard> {
    Arc::new(Limits::default().guard())
}

/// Reads all there is, through hyper-sized buffers.
pub fn read(segments: Vec<Vec<u8>>, guard: Arc<Guard>) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _entered = runtime.enter();
    let state = FramingState::new();
    let segments = segments.into_iter().filter(|segment| !segment.is_empty()).collect();
    let mut framed = Framed::new(Script { segments }, guard, state.clone(), ());
    let mut cx = Context::from_waker(Waker::noop());
    let (mut out, mut failed) = (Vec::new(), false);
    let mut space = vec![0; 8192];
    loop {
        let mut buf = ReadBuf::new(&mut space);
        match Pin::new(&mut framed).poll_read(&mut cx, &mut buf) {
            Poll::Ready(Ok(())) if buf.filled().is_empty() => break,
            Poll::Ready(Ok(())) => out.extend_from_slice(buf.filled()),
            Poll::Ready(Err(_)) => {
                failed = true;
                break;
            }
            Poll::Pending => break,
        }
    }
    let mark = b"GET / HTTP/1.1\r\nhost: invalid\r\nconnection: close\r\ncurfew-fault: ";
    let at = out.windows(mark.len()).position(|window| window == mark);
    let passed = out[..at.unwrap_or(out.len())].to_vec();
    Seen { passed, fault: state.fault().map(|fault| fault.reason), stand_in: at.is_some(), failed }
}

/// The same bytes, whole, byte by byte, and split in two at every place.
pub fn every_way(input: &[u8]) -> Seen {
    let whole = read(vec![input.to_vec()], guard());
    let single = read(input.iter().map(|byte| vec![*byte]).collect(), guard());
    assert_eq!(whole, single, "byte by byte: {:?}", String::from_utf8_lossy(input));
    if input.len() < 4096 {
        for at in 1..input.len() {
            let two = read(vec![input[..at].to_vec(), input[at..].to_vec()], guard());
            assert_eq!(whole, two, "split at {at}: {:?}", String::from_utf8_lossy(input));
        }
    }
    whole
}
