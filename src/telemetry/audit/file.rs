//! The file of the audit log: where it was left, what is added, and how it is rotated. A line that was cut off when the
//! process was killed was promised to nobody: it is taken off, and that is told.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::chain::{BEGINNING, End, Key, unseal};
use super::line;
use super::medium::Medium;

/// No line is longer.
pub(super) const LONGEST: u64 = 1 << 20;

/// The file that lines are added to.
pub(super) struct LogFile {
    path: PathBuf,
    pub(super) file: Box<dyn Medium>,
    /// By what the system knows it, whatever it is called.
    id: (u64, u64),
    /// Where the next line goes.
    pub bytes: u64,
    /// There may be something behind: it is cut off before anything is added.
    ragged: bool,
    /// When its first line was written, in milliseconds, and the number of that.
    pub first: Option<(i64, u64)>,
}

/// What a rotation did.
pub(super) struct Rotated {
    /// What the file is called now.
    pub aside: PathBuf,
    /// The oldest ones, which left.
    pub gone: Vec<PathBuf>,
    /// Where some left, the number of the first line that is still here. Else nothing is said of it: whatever else is not
    /// here was not removed by the log.
    pub from: Option<u64>,
}

/// How the log was left by whoever wrote it last.
pub(super) struct Left {
    pub end: End,
    /// So many bytes of a line that was cut off.
    pub torn: u64,
    /// The last line is not what was sealed: a chain begins anew.
    pub broken: bool,
}

/// The file, for this process alone, and by what the system knows it.
fn take(path: &Path) -> io::Result<(File, (u64, u64))> {
    let mut options = OpenOptions::new();
    // Whoever may read it reads who did what: nobody but the owner.
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => {
            let id = id(&file.metadata()?);
            Ok((file, id))
        }
        Err(TryLockError::WouldBlock) => Err(io::Error::other(
            "another process writes to this file, or the same one twice: an audit log is written by one alone",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn id(of: &fs::Metadata) -> (u64, u64) {
    (of.dev(), of.ino())
}

/// The files that were rotated, the oldest first, with the numbers of their first lines.
pub(super) fn rotated(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut all = Vec::new();
    for entry in fs::read_dir(parent(path))? {
        let path = entry?.path();
        let other = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = other.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')).filter(|rest| rest.len() == 20);
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            all.push((number, path));
        }
    }
    all.sort();
    Ok(all)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

impl LogFile {
    /// Takes it up where it was left.
    pub fn open(path: &Path, key: &Key) -> io::Result<(Self, Left)> {
        DirBuilder::new().recursive(true).mode(0o700).create(parent(path))?;
        let (file, id) = take(path)?;
        let length = file.metadata()?.len();
        let tail = tail(&file, length)?;
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let torn = (tail.len() - whole) as u64;
        if torn > 0 {
            file.set_len(length - torn)?;
        }
        let first = first(&file);
        let log = Self { path: path.to_owned(), file: Box::new(file), id, bytes: length - torn, ragged: false, first };
        let last = tail.get(..whole).and_then(last_line);
        let older = rotated(path)?;
        let last = match last {
            Some(last) => Some(last.to_vec()),
            None => older.last().map(|(_, path)| last_of(path)).transpose()?.flatten(),
        };
        let Some(last) = last else { return Ok((log, Left { end: End::beginning(), torn, broken: false })) };
        let left = match unseal(&last, key) {
            Some(sealed) if sealed.holds => {
                Left { end: End { seq: sealed.seq, hash: sealed.hash }, torn, broken: false }
            }
            other => {
                let known = older.last().map_or(0, |(number, _)| *number).max(log.first.map_or(0, |(_, seq)| seq));
                let seq = other.map_or(known, |sealed| sealed.seq.max(known));
                Left { end: End { seq, hash: BEGINNING.to_owned() }, torn, broken: true }
            }
        };
        Ok((log, left))
    }

    /// Adds lines; what is not written as a whole is not there.
    pub fn add(&mut self, lines: &[u8]) -> io::Result<()> {
        self.trim()?;
        if let Err(error) = self.file.write(lines, self.bytes) {
            self.back(self.bytes);
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Takes back what was added since. What cannot be taken off now is before anything else is done.
    pub fn back(&mut self, bytes: u64) {
        (self.bytes, self.ragged) = (bytes, true);
        let _ = self.trim();
    }

    fn trim(&mut self) -> io::Result<()> {
        if self.ragged {
            self.file.cut(self.bytes)?;
        }
        self.ragged = false;
        Ok(())
    }

    /// As many bytes as there is room for, from here on.
    pub fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read(bytes, at)
    }

    /// Writes what is there once more.
    pub fn rewrite(&self, lines: &[u8], at: u64) -> io::Result<()> {
        self.file.write(lines, at)
    }

    pub fn sync(&mut self) -> io::Result<()> {
        self.trim()?;
        self.file.sync()
    }

    /// What is wrong with it, if it is not what was left at its path: nobody else is to touch it there.
    pub fn amiss(&self) -> io::Result<Option<&'static str>> {
        let there = match fs::metadata(&self.path) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some("it was removed")),
            Err(error) => return Err(error),
        };
        if id(&there) != self.id {
            return Ok(Some("another file stood in its place"));
        }
        let is_whole = there.len() == self.bytes || (self.ragged && there.len() > self.bytes);
        Ok((!is_whole).then_some("somebody else changed its length"))
    }

    /// Begins a file in place of the one that is amiss; what stands there now is set aside, by the number of the next line.
    pub fn anew(&mut self, next: u64) -> io::Result<Option<PathBuf>> {
        DirBuilder::new().recursive(true).mode(0o700).create(parent(&self.path))?;
        let aside = self.beside(&format!(".{next:020}.aside"));
        let aside = match fs::symlink_metadata(&self.path) {
            Ok(there) if there.is_file() && there.len() == 0 => fs::remove_file(&self.path).map(|()| None)?,
            Ok(_) if aside.exists() => return Err(is_there(&aside)),
            Ok(_) => fs::rename(&self.path, &aside).map(|()| Some(aside))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let (file, id) = take(&self.path)?;
        (self.file, self.id, self.bytes, self.ragged, self.first) = (Box::new(file), id, 0, false, None);
        self.name();
        Ok(aside)
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut aside = self.path.clone().into_os_string();
        aside.push(ending);
        PathBuf::from(aside)
    }

    /// Its name is to outlive the machine's end too.
    fn name(&self) {
        let _ = File::open(parent(&self.path)).and_then(|directory| directory.sync_all());
    }

    /// Moves the file, which is on the disk, aside and begins another; the oldest leave.
    pub fn rotate(&mut self, keep: usize) -> io::Result<Rotated> {
        let number = self.first.map_or(0, |(_, seq)| seq);
        let aside = self.beside(&format!(".{number:020}"));
        if aside.exists() {
            return Err(is_there(&aside));
        }
        fs::rename(&self.path, &aside)?;
        match take(&self.path) {
            Ok((file, id)) => (self.file, self.id, self.bytes, self.first) = (Box::new(file), id, 0, None),
            Err(error) => {
                let _ = fs::rename(&aside, &self.path);
                return Err(error);
            }
        }
        self.name();
        let mut older = rotated(&self.path)?;
        let over = older.len().saturating_sub(keep.max(1));
        let left: Vec<PathBuf> = older.drain(..over).map(|(_, path)| path).collect();
        let gone: Vec<PathBuf> = left.into_iter().filter(|path| fs::remove_file(path).is_ok()).collect();
        let from = rotated(&self.path)?.first().filter(|_| !gone.is_empty()).map(|(first, _)| *first);
        Ok(Rotated { aside, gone, from })
    }
}

fn is_there(path: &Path) -> io::Error {
    io::Error::other(format!("{} is there already", path.display()))
}

fn tail(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let from = length.saturating_sub(2 * LONGEST);
    let mut bytes = vec![0; usize::try_from(length - from).unwrap_or(0)];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// The last whole line, without its line feed.
fn last_line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_suffix(b"\n")?.rsplit(|byte| *byte == b'\n').next()
}

fn last_of(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let tail = tail(&file, file.metadata()?.len())?;
    Ok(last_line(&tail).map(<[u8]>::to_vec))
}

/// The instant and the number of the first line.
fn first(file: &File) -> Option<(i64, u64)> {
    let mut bytes = vec![0; usize::try_from(LONGEST).ok()?];
    let length = file.read_at(&mut bytes, 0).ok()?;
    let members = line::read(bytes.get(..length)?.split(|byte| *byte == b'\n').next()?)?;
    Some((instant(members.get("time")?.as_str()?)?, members.get("seq")?.as_u64()?))
}

/// An instant of a line, in milliseconds.
pub(super) fn instant(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}
