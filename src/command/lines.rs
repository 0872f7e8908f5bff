//! The lines of an import: read from a file or standard input, and the position up to which they were taken, from which
//! the same command goes on. What a line says is not told here.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

/// No line is longer.
const LINE: u64 = 64 << 10;

/// One line.
pub(super) struct Line {
    /// As it was read, as far as a line may be long.
    pub(super) raw: Vec<u8>,
    /// Whether there was more of it.
    pub(super) long: bool,
}

/// All of them.
pub(super) struct Lines {
    input: Box<dyn BufRead>,
    /// Of all lines that were taken: that a position is one in this file, and in no other.
    seen: blake3::Hasher,
    /// How many were taken.
    pub(super) taken: usize,
    bytes: u64,
    /// How many bytes there are, if that is known.
    total: Option<u64>,
}

impl Lines {
    /// Those of a file; `-` is standard input.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let told = |error: io::Error| format!("{}: {error}", path.display());
        let (input, total): (Box<dyn BufRead>, _) = if path.as_os_str() == "-" {
            (Box::new(BufReader::new(io::stdin())), None)
        } else {
            let file = File::open(path).map_err(told)?;
            let total = file.metadata().ok().map(|metadata| metadata.len());
            (Box::new(BufReader::new(file)), total)
        };
        Ok(Self { input, seen: blake3::Hasher::new(), taken: 0, bytes: 0, total })
    }

    /// The next line, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Line>, String> {
        let mut raw = Vec::new();
        let told = |error: io::Error| format!("after line {}: {error}", self.taken);
        let read = self.input.by_ref().take(LINE).read_until(b'\n', &mut raw).map_err(told)?;
        if read == 0 {
            return Ok(None);
        }
        let long = read as u64 == LINE && raw.last() != Some(&b'\n');
        if long {
            self.input.skip_until(b'\n').map_err(told)?;
        }
        Ok(Some(Line { raw, long }))
    }

    /// This one is done with.
    pub(super) fn take(&mut self, line: &Line) {
        self.seen.update(&line.raw);
        self.bytes += line.raw.len() as u64;
        self.taken += 1;
    }

    /// Passes over what was taken before, as far as this file says.
    ///
    /// # Errors
    /// If it is a position in another file.
    pub(super) fn go_on(&mut self, position: &Path) -> Result<(), String> {
        let text = match std::fs::read_to_string(position) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            text => text.map_err(|error| format!("{}: {error}", position.display()))?,
        };
        let wrong = || format!("{}: not a position in this import; remove it to begin anew", position.display());
        let (lines, hash) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let lines: usize = lines.parse().map_err(|_| wrong())?;
        while self.taken < lines {
            let line = self.next()?.ok_or_else(wrong)?;
            self.take(&line);
        }
        if self.seen.finalize().to_hex().as_str() == hash { Ok(()) } else { Err(wrong()) }
    }

    /// Keeps how far it came. Written beside, then moved in place: it is the old or the new one, never half of it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn keep(&self, position: &Path) -> Result<(), String> {
        let beside = position.with_extension("new");
        let text = format!("{} {}\n", self.taken, self.seen.finalize().to_hex());
        let kept = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, position));
        kept.map_err(|error| format!("{}: {error}", position.display()))
    }

    /// How far it came, in percent, if that can be told.
    pub(super) fn share(&self) -> Option<u64> {
        self.total.filter(|total| *total > 0).map(|total| (self.bytes * 100 / total).min(100))
    }
}
