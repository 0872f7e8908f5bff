//! A file that is watched by looking at it. No notification is needed, so it works on every file system,
//! and with the renames and links by which settings are mounted.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Reads a file that may not be longer than `max` bytes.
pub(super) fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("the file is over {max} bytes")));
    }
    Ok(bytes)
}

/// Names the file in what the system says of it.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A watched file.
#[derive(Clone)]
pub(super) struct Watched {
    path: PathBuf,
    max: u64,
    seen: Option<Mark>,
}

/// What tells one content of a file from another, as far as can be seen from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self { inode: metadata.ino(), length: metadata.len(), modified: (metadata.mtime(), metadata.mtime_nsec()) }
    }
}

impl std::fmt::Display for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.path.display().fmt(f)
    }
}

impl Watched {
    pub(super) fn new(path: &Path, max: u64) -> Self {
        Self { path: path.into(), max, seen: None }
    }

    /// Looks again; reads only if the file is another than before. `None`: it is the same. Does not block
    /// the caller's thread. A fault forgets what was seen, so the next look reads.
    pub(super) async fn look(&mut self) -> io::Result<Option<Vec<u8>>> {
        let before = self.clone();
        let looked = tokio::task::spawn_blocking(move || before.look_now()).await.map_err(io::Error::other)?;
        self.seen = looked.as_ref().ok().map(|(mark, _)| *mark);
        looked.map(|(_, content)| content)
    }

    /// The mark is taken before the reading: if the file changes in between, the next look reads it again.
    fn look_now(&self) -> io::Result<(Mark, Option<Vec<u8>>)> {
        let mark = Mark::of(&std::fs::metadata(&self.path).map_err(at(&self.path))?);
        if self.seen == Some(mark) {
            return Ok((mark, None));
        }
        Ok((mark, Some(read_bounded(&self.path, self.max).map_err(at(&self.path))?)))
    }

    /// What was read could not be used: the next look reads again.
    pub(super) const fn forget(&mut self) {
        self.seen = None;
    }
}
