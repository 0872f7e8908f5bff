//! The files of one directory: frames, as many to a file as come and go together. A file is named by the number of
//! its first record.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const BEGIN: &str = "records-";
const END: &str = ".bin";
const LOCK: &str = "records.lock";

/// A directory that is this process's alone.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

/// The files of records in a directory, the oldest first.
pub(super) fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        all.extend(number(&path).map(|number| (number, path)));
    }
    all.sort();
    Ok(all.into_iter().map(|(_, path)| path).collect())
}

/// The number of a file's first record.
fn number(path: &Path) -> Option<u64> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END))?.parse().ok()
}

/// A number that no record of a file has which nobody can read, nor any after it.
pub(super) fn beyond(path: &Path) -> u64 {
    let bytes = fs::metadata(path).map_or(super::writer::MAX_BYTES, |metadata| metadata.len());
    number(path).unwrap_or(0).saturating_add(bytes / super::frame::HEAD as u64).saturating_add(1)
}

/// Whoever may read records reads who asked for what: nobody but the owner.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options
}

impl Directory {
    /// Makes it, if need be, and takes it.
    pub fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = private().open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(io::Error::other("another process keeps its records here")),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn files(&self) -> io::Result<Vec<PathBuf>> {
        files(&self.path)
    }

    /// A new file, the first record of which has this number.
    pub fn begin(&self, number: u64) -> io::Result<(File, PathBuf)> {
        let path = self.path.join(format!("{BEGIN}{number:020}{END}"));
        Ok((private().open(&path)?, path))
    }
}

/// One that was there before.
pub(super) fn reopen(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}
