//! Whether the chain holds, asked without the gateway: of files in any order, each read from its beginning to its end.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::chain::{BEGINNING, End, Key, Sealed, unseal};
use super::file::{self, LONGEST};
use super::line::Members;
use serde_json::Value;

/// What was found, where it all holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How many lines.
    pub lines: u64,
    /// The number of the first; where it is not 1, earlier files are not here.
    pub first: u64,
    /// The first that is still to be here, as the log itself says: what stood before was removed when its time was over.
    pub from: u64,
    /// How often it was begun after a `start` without a `stop`: killed, or its end was taken off meanwhile.
    pub unstopped: u64,
    /// Was `stop` the last that the gateway said of itself?
    stopped: bool,
    /// The number of the last.
    pub last: u64,
    /// Its hash: who keeps it elsewhere sees later whether it, or anything before it, was taken away.
    pub hash: String,
    /// The file whose last line is not whole: it is being written, or was when the process was killed.
    pub torn: Option<PathBuf>,
}

/// Why it does not.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It could not be read.
    #[error("{path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The first line that is wrong.
    #[error("{path}:{line}: {why}")]
    Wrong {
        /// Its file.
        path: PathBuf,
        /// Its place there, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// The files in the order of their first lines. One that has none comes last.
///
/// # Errors
/// If one cannot be read.
pub fn in_order(files: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::with_capacity(files.len());
    for path in files {
        let mut line = Vec::new();
        let failed = |error| Failure::Read { path: path.clone(), error };
        next(&mut open(path).map_err(failed)?, &mut line).map_err(failed)?;
        let seq = unseal(line.trim_ascii_end(), &Key::new(None)).map_or(u64::MAX, |sealed| sealed.seq);
        all.push((seq, path.clone()));
    }
    all.sort();
    all.dedup();
    Ok(all.into_iter().map(|(_, path)| path).collect())
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(1 << 18, File::open(path)?))
}

/// The next line, with its line feed; one that is too long is cut.
fn next(reader: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<usize> {
    line.clear();
    reader.take(LONGEST + 1).read_until(b'\n', line)
}

/// Goes through all lines. `look` is told how many bytes were read, and the number and the hash of each line that holds.
///
/// # Errors
/// The first line that is wrong.
pub fn verify(files: &[PathBuf], key: &Key, mut look: impl FnMut(u64, u64, &str)) -> Result<Held, Failure> {
    let (mut held, mut end, mut bytes) = (Held { from: 1, ..Held::default() }, None::<End>, 0);
    let files = in_order(files)?;
    for (at, path) in files.iter().enumerate() {
        let failed = |error| Failure::Read { path: path.clone(), error };
        let (mut reader, mut text, mut number) = (open(path).map_err(failed)?, Vec::new(), 0);
        loop {
            let length = next(&mut reader, &mut text).map_err(failed)?;
            if length == 0 {
                break;
            }
            number += 1;
            bytes += length as u64;
            let wrong = |why: String| Failure::Wrong { path: path.clone(), line: number, why };
            let Some(line) = text.strip_suffix(b"\n") else {
                if at + 1 == files.len() && length as u64 <= LONGEST {
                    held.torn = Some(path.clone());
                    break;
                }
                return Err(wrong("the line is not whole".into()));
            };
            let sealed = unseal(line, key).ok_or_else(|| wrong("this is no line of an audit log".into()))?;
            judge(&sealed, end.as_ref(), key).map_err(wrong)?;
            look(bytes, sealed.seq, &sealed.hash);
            held.count(&sealed);
            end = Some(End { seq: sealed.seq, hash: sealed.hash });
        }
    }
    if let Some(end) = end {
        (held.last, held.hash) = (end.seq, end.hash);
    }
    Ok(held)
}

impl Held {
    /// One line more.
    fn count(&mut self, line: &Sealed) {
        let is = |event: &str| line.members.get("event").is_some_and(|name| name == event);
        if self.lines == 0 {
            self.first = line.seq;
        } else if is("start") && !self.stopped {
            self.unstopped += 1;
        }
        // After its stop the log may still tell something of itself.
        self.stopped = is("stop") || (self.stopped && !is("start"));
        if is("rotated") {
            // Former versions told which files left, and not where what is left begins.
            let left = line.members.get("removed").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
            let from = line.members.get("from").and_then(Value::as_u64);
            self.from = from.or(left.then_some(self.first)).unwrap_or(self.from);
        }
        self.lines += 1;
    }
}

/// Is this what comes after that?
fn judge(line: &Sealed, before: Option<&End>, key: &Key) -> Result<(), String> {
    let seq = line.seq;
    if !line.holds {
        return Err(format!("line {seq} was changed, or sealed otherwise than by {} with this key", key.algorithm()));
    }
    let Some(before) = before else {
        let forged = seq == 1 && line.prev != BEGINNING;
        return if forged { Err("line 1 follows another one".into()) } else { Ok(()) };
    };
    let expected = before.seq + 1;
    if line.prev == BEGINNING {
        return Err(format!("a new chain begins at line {seq}: the lines before it were changed, or its key was"));
    }
    if seq > expected {
        return Err(format!("{} removed before line {seq}: it follows line {}", lines(seq - expected), before.seq));
    }
    if seq < expected {
        return Err(format!("line {seq} stands after line {}: lines were moved, or stand here twice", before.seq));
    }
    if line.prev != before.hash {
        return Err(format!("line {} before it is not the one that line {seq} was tied to", before.seq));
    }
    Ok(())
}

fn lines(count: u64) -> String {
    if count == 1 { "a line was".into() } else { format!("{count} lines were") }
}

/// Hands over the members of each line, with its text; what is no line of ours is passed over and counted.
///
/// # Errors
/// If a file cannot be read.
pub fn each(files: &[PathBuf], mut look: impl FnMut(&Members, &[u8])) -> Result<u64, Failure> {
    let mut strange = 0;
    for path in in_order(files)? {
        let failed = |error| Failure::Read { path: path.clone(), error };
        let (mut reader, mut text) = (open(&path).map_err(failed)?, Vec::new());
        while next(&mut reader, &mut text).map_err(failed)? > 0 {
            match super::line::read(&text) {
                Some(members) => look(&members, text.trim_ascii_end()),
                None => strange += 1,
            }
        }
    }
    Ok(strange)
}

/// The instant of a line, in milliseconds.
#[must_use]
pub fn instant(members: &Members) -> Option<i64> {
    file::instant(members.get("time")?.as_str()?)
}
