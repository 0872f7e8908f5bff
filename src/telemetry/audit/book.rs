//! The chain on its file: lines that are added, taken back, and made durable. After a sync that failed, what was written
//! since the last good one is written once more, if it still is what it was; if not, it is taken off and counted, and the
//! chain goes on from the last line that is surely there.

use std::io;
use std::path::{Path, PathBuf};

use super::chain::{End, Key, unseal};
use super::event::Event;
use super::file::{LONGEST, Left, LogFile, Rotated};

/// The file, and the end of the chain in it.
pub(super) struct Book {
    pub file: LogFile,
    key: Key,
    instance: Box<str>,
    end: End,
    /// Up to here all is on the disk.
    sure: Place,
    /// What is behind may not be: the last sync failed.
    doubtful: bool,
    /// What was behind is gone, which was not told yet.
    lost: bool,
}

/// A place in the chain: so many bytes of the file, and the line that ends there.
#[derive(Clone, Debug)]
pub(super) struct Place {
    bytes: u64,
    end: End,
}

/// An event as it was written.
pub(super) struct Line {
    pub event: Event,
    pub end: End,
    pub bytes: Vec<u8>,
}

impl Book {
    /// Takes it up where it was left.
    pub fn open(path: &Path, key: Key, instance: &str) -> io::Result<(Self, Left)> {
        let (file, left) = LogFile::open(path, &key)?;
        let sure = Place { bytes: file.bytes, end: left.end.clone() };
        let end = left.end.clone();
        Ok((Self { file, key, instance: instance.into(), end, sure, doubtful: false, lost: false }, left))
    }

    /// Where it ends.
    pub fn place(&self) -> Place {
        Place { bytes: self.file.bytes, end: self.end.clone() }
    }

    /// May some of it not be on the disk, though it was to be?
    pub const fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Adds events; at an error none of them is there.
    pub fn add(&mut self, events: Vec<Event>) -> io::Result<Vec<Line>> {
        let Some(at) = events.first().map(|event| event.at.millis()) else { return Ok(Vec::new()) };
        let mut end = self.end.clone();
        let seal = |event: Event| {
            let bytes = end.seal(&self.key, &self.instance, &event);
            Line { event, end: end.clone(), bytes }
        };
        let lines: Vec<Line> = events.into_iter().map(seal).collect();
        let bytes: Vec<u8> = lines.iter().flat_map(|line| &line.bytes).copied().collect();
        self.file.add(&bytes)?;
        self.file.first = self.file.first.or(Some((at, self.end.seq + 1)));
        self.end = end;
        Ok(lines)
    }

    /// Takes back what was added since; it is not durable that it is gone.
    pub fn back(&mut self, place: Place) {
        self.file.back(place.bytes);
        self.end = place.end;
    }

    /// Makes durable what was written since the last time that this went well. Not, if the disk lost some of it meanwhile:
    /// then all of it is taken back.
    pub fn settle(&mut self) -> io::Result<bool> {
        if self.doubtful && !self.is_rewritten()? {
            self.lost = true;
            self.back(self.sure.clone());
        }
        self.doubtful = true;
        self.file.sync()?;
        (self.doubtful, self.sure) = (false, self.place());
        Ok(!std::mem::take(&mut self.lost))
    }

    /// Moves the file, which is settled, aside and begins another.
    pub fn rotate(&mut self, keep: usize) -> io::Result<Rotated> {
        let rotated = self.file.rotate(keep)?;
        self.sure = self.place();
        Ok(rotated)
    }

    /// Goes on in a file of its own, wherever the one before is: the next line is tied to the last. Returns the number of
    /// that, and the name of what stood there.
    pub fn anew(&mut self) -> io::Result<(u64, Option<PathBuf>)> {
        let aside = self.file.anew(self.end.seq + 1)?;
        (self.sure, self.doubtful, self.lost) = (self.place(), false, false);
        Ok((self.end.seq, aside))
    }

    /// Writes what is in doubt once more, piece by piece, so that the system has to bring it to the disk again. Not, if it
    /// is not what was written.
    fn is_rewritten(&mut self) -> io::Result<bool> {
        let Place { bytes: mut from, mut end } = self.sure.clone();
        while from < self.file.bytes {
            let length = (self.file.bytes - from).min(2 * LONGEST);
            let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
            self.file.read(&mut piece, from)?;
            let whole = piece.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            piece.truncate(whole);
            if whole == 0 || !self.follow(&piece, &mut end) {
                return Ok(false);
            }
            self.file.rewrite(&piece, from)?;
            from += whole as u64;
        }
        Ok(end == self.end)
    }

    /// Are these the lines that follow this one?
    fn follow(&self, lines: &[u8], end: &mut End) -> bool {
        lines.strip_suffix(b"\n").is_some_and(|lines| {
            lines.split(|byte| *byte == b'\n').all(|line| {
                let sealed = unseal(line, &self.key);
                let next = sealed.filter(|line| line.holds && line.seq == end.seq + 1 && line.prev == end.hash);
                next.map(|line| *end = End { seq: line.seq, hash: line.hash }).is_some()
            })
        })
    }
}
