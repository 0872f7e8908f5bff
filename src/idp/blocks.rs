//! The lines of a feed while they come. Where the feed is signed, its entries are taken by blocks, and none of a block
//! counts before the whole block is known to be what was signed.

use super::feed::FeedFault;
use aws_lc_rs::digest::{SHA256, digest};
use std::io::{BufRead, BufReader, Read};

/// No entry is longer: the longest id, each of its characters escaped, and the rest.
const LINE: usize = 32 * 1024;
/// Nor the first line, which may hold the digests of many blocks.
const FIRST: usize = 4 * 1024 * 1024;
/// Nor a block that is signed as one.
const BLOCK: usize = 16 * 1024 * 1024;

/// What was signed of the entries: how many, how many a block, and each block's SHA-256.
pub(super) struct Signed {
    pub(super) count: u64,
    pub(super) block: u64,
    pub(super) digests: std::vec::IntoIter<[u8; 32]>,
}

/// The lines of a feed.
pub(super) struct Lines<R> {
    from: BufReader<R>,
    buffer: Vec<u8>,
    at: usize,
    signed: Option<Signed>,
}

fn fault(why: impl Into<String>) -> FeedFault {
    FeedFault::Document(why.into())
}

impl<R: Read> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from: BufReader::with_capacity(64 * 1024, from), buffer: Vec::new(), at: 0, signed: None }
    }

    /// The first line, which says what the others are.
    pub(super) fn first(&mut self) -> Result<Vec<u8>, FeedFault> {
        self.read(FIRST)?;
        Ok(std::mem::take(&mut self.buffer))
    }

    /// From now on entries count only as they were signed.
    pub(super) fn expect(&mut self, signed: Signed) {
        self.signed = Some(signed);
    }

    /// The next line, without its end; `None` if there is none.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, FeedFault> {
        if self.at >= self.buffer.len() {
            (self.at, self.buffer) = (0, std::mem::take(&mut self.buffer));
            self.buffer.clear();
            self.fill()?;
        }
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let line = rest.get(..length).unwrap_or_default();
        self.at += length;
        Ok((!line.is_empty()).then(|| line.trim_ascii()))
    }

    fn fill(&mut self) -> Result<(), FeedFault> {
        let Some(signed) = self.signed.as_mut().filter(|signed| signed.count > 0) else { return self.read(LINE) };
        let lines = signed.count.min(signed.block);
        signed.count -= lines;
        let expected = signed.digests.next();
        for _ in 0..lines {
            self.read(LINE)?;
            if self.buffer.len() > BLOCK {
                return Err(fault("a signed block of more than 16 MiB"));
            }
        }
        let found = digest(&SHA256, &self.buffer);
        let same = expected.is_some_and(|expected| expected == found.as_ref());
        if same { Ok(()) } else { Err(fault("a block of entries is not what was signed")) }
    }

    /// Reads one line behind what is there.
    fn read(&mut self, max: usize) -> Result<(), FeedFault> {
        let before = self.buffer.len();
        let mut bounded = (&mut self.from).take(max as u64 + 1);
        let read =
            bounded.read_until(b'\n', &mut self.buffer).map_err(|error| fault(format!("broken off: {error}")))?;
        debug_assert!(self.buffer.len() >= before);
        if read > max { Err(fault(format!("a line of more than {max} bytes"))) } else { Ok(()) }
    }
}
