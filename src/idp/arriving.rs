//! A body on its way from the network, where nobody may wait long, to the thread that reads it, which may. A few pieces
//! of it are under way at a time, however long it is.

use super::coding::{Coding, Decoding};
use super::fetch::{FetchError, Reply};
use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use std::io::{self, Read};
use std::time::Duration;
use tokio::sync::mpsc;

/// How many pieces may be under way.
const PIECES: usize = 8;

/// What a body may become when it is decoded, in its own length's measure: JSON lines of random ids become two to ten
/// times as long.
const RATIO: u64 = 32;

/// How long a body may take, and be.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Between two pieces.
    pub(super) silence: Duration,
    /// The whole.
    pub(super) whole: Duration,
    /// The whole, in bytes, as it comes.
    pub(super) max_bytes: usize,
}

/// Where pieces arrive.
pub(super) struct Arriving {
    pieces: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

/// The two ends of the way.
pub(super) fn way() -> (mpsc::Sender<Bytes>, Arriving) {
    let (sender, pieces) = mpsc::channel(PIECES);
    (sender, Arriving { pieces, piece: Bytes::new() })
}

impl Read for Arriving {
    /// Whether the end is that of the body, or of its way, the body itself must tell.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.piece.len());
        if let (Some(into), Some(from)) = (into.get_mut(..length), self.piece.get(..length)) {
            into.copy_from_slice(from);
        }
        self.piece.advance(length);
        Ok(length)
    }
}

/// Decodes what arrives; more than 32 times of what may come is a fault.
pub(super) fn decoded(arriving: Arriving, coding: Coding, limits: Limits) -> io::Result<impl Read> {
    let max = (limits.max_bytes as u64).saturating_mul(RATIO);
    Ok(Bounded { plain: coding.reader(arriving)?, left: max })
}

struct Bounded {
    plain: Decoding<'static>,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.plain.read(into)?;
        let left = self.left.checked_sub(length as u64);
        self.left = left.ok_or_else(|| io::Error::other("it becomes far longer than it may when it is decoded"))?;
        Ok(length)
    }
}

/// Sends a body on its way, piece by piece.
///
/// # Errors
/// If it is too long, too slow, or breaks off.
pub(super) async fn ferry(reply: Reply, pieces: mpsc::Sender<Bytes>, limits: Limits) -> Result<(), FetchError> {
    let url = reply.url.clone();
    let whole = tokio::time::timeout(limits.whole, pieces_of(reply, pieces, limits)).await;
    whole.unwrap_or(Err(FetchError::Slow(url)))
}

async fn pieces_of(reply: Reply, pieces: mpsc::Sender<Bytes>, limits: Limits) -> Result<(), FetchError> {
    let Reply { url, response, .. } = reply;
    let (mut body, mut left) = (response.into_body(), limits.max_bytes);
    loop {
        let next = tokio::time::timeout(limits.silence, body.frame()).await;
        let Some(frame) = next.map_err(|_| FetchError::Slow(url.clone()))? else { return Ok(()) };
        let broken = || FetchError::Body { url: url.clone(), limit: limits.max_bytes };
        let Ok(piece) = frame.map_err(|_| broken())?.into_data() else { continue };
        left = left.checked_sub(piece.len()).ok_or_else(broken)?;
        if pieces.send(piece).await.is_err() {
            // The reader has seen enough: why, it tells itself.
            return Ok(());
        }
    }
}
