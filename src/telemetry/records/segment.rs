//! A run of records that come and go together: a file of lines, or, without a directory, the records themselves.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::decision::DecisionRecord;
use super::frame;
use super::kept::Kept;
use super::line::Line;
use crate::telemetry::record::Record;

/// A run of records.
#[derive(Debug)]
pub(super) struct Segment {
    pub lines: Vec<Line>,
    pub body: Body,
}

/// Where they are.
#[derive(Debug)]
pub(super) enum Body {
    /// In a file, this long.
    File { file: Arc<File>, path: PathBuf, bytes: u64 },
    /// In memory, in the order of the lines.
    Memory(Vec<Arc<Record>>),
}

/// Where one record is; reading it takes no lock.
#[derive(Clone, Debug)]
pub(super) enum Found {
    File { file: Arc<File>, offset: u32, length: u32 },
    Memory { record: Arc<Record>, seq: u64 },
}

impl Segment {
    pub fn find(&self, place: usize) -> Option<Found> {
        let line = self.lines.get(place)?;
        match &self.body {
            Body::File { file, .. } => {
                Some(Found::File { file: Arc::clone(file), offset: line.offset, length: line.length })
            }
            Body::Memory(records) => {
                records.get(place).map(|record| Found::Memory { record: Arc::clone(record), seq: line.seq })
            }
        }
    }

    /// The instant of its first record.
    pub fn began(&self) -> Option<i64> {
        self.lines.first().map(|line| line.at)
    }

    pub const fn bytes(&self) -> u64 {
        if let Body::File { bytes, .. } = self.body { bytes } else { 0 }
    }
}

impl Found {
    /// Reads it; blocks for the disk.
    pub fn read(&self) -> io::Result<DecisionRecord> {
        match self {
            Self::File { file, offset, length } => {
                let mut bytes = vec![0; usize::try_from(*length).unwrap_or(0)];
                file.read_exact_at(&mut bytes, u64::from(*offset))?;
                let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a decision record is damaged");
                Ok(DecisionRecord::of(&frame::body(&bytes).and_then(Kept::read).ok_or_else(damaged)?))
            }
            Self::Memory { record, seq } => Ok(DecisionRecord::of(&Kept::of(record, *seq))),
        }
    }
}
