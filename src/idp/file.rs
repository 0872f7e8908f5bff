//! A file that is watched by looking at it. No notification is needed, so it works on every file system,
//! and with the renames and links by which settings are mounted.

use crate::settings::read_bounded;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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
    /// What it was at the last look, if it was not read then; and how often it was something else since it was.
    coming: (Option<Mark>, u8),
}

/// A look at a file that may be written where it is.
pub(super) enum Look {
    /// It is the same.
    Same,
    /// It is another one than it was at the last look: who writes it may not be at the end.
    Changing,
    /// What it says.
    Read(Vec<u8>),
}

/// A file that was another one at so many looks is read as it is.
const CHANGES: u8 = 8;

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
        Self { path: path.into(), max, seen: None, coming: (None, 0) }
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
        let mark = self.mark()?;
        if self.seen == Some(mark) {
            return Ok((mark, None));
        }
        Ok((mark, Some(read_bounded(&self.path, self.max).map_err(at(&self.path))?)))
    }

    /// The same of a file that may be written where it is: it is read once it is the same at two looks that follow each
    /// other, and while it is read.
    pub(super) async fn look_twice(&mut self) -> io::Result<Look> {
        let mut next = self.clone();
        let looked = tokio::task::spawn_blocking(move || (next.look_twice_now(), next)).await;
        let (look, next) = looked.map_err(io::Error::other)?;
        *self = next;
        look.inspect_err(|_| self.seen = None)
    }

    fn look_twice_now(&mut self) -> io::Result<Look> {
        let mark = self.mark()?;
        if self.seen == Some(mark) {
            self.coming = (None, 0);
            return Ok(Look::Same);
        }
        let patient = self.coming.1 < CHANGES;
        if self.coming.0 != Some(mark) && patient {
            return Ok(self.changing(mark));
        }
        let content = read_bounded(&self.path, self.max).map_err(at(&self.path))?;
        let after = self.mark()?;
        if after != mark && patient {
            return Ok(self.changing(after));
        }
        (self.seen, self.coming) = (Some(mark), (None, 0));
        Ok(Look::Read(content))
    }

    fn changing(&mut self, mark: Mark) -> Look {
        self.coming = (Some(mark), self.coming.1.saturating_add(1));
        Look::Changing
    }

    fn mark(&self) -> io::Result<Mark> {
        Ok(Mark::of(&std::fs::metadata(&self.path).map_err(at(&self.path))?))
    }

    /// What was read could not be used: the next look reads again.
    pub(super) const fn forget(&mut self) {
        (self.coming, self.seen) = ((self.seen, 0), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(look: io::Result<Look>) -> Option<Vec<u8>> {
        match look.unwrap() {
            Look::Read(content) => Some(content),
            Look::Same | Look::Changing => None,
        }
    }

    #[tokio::test]
    async fn what_is_being_written_is_read_when_it_is_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut watched = Watched::new(file.path(), 100);
        assert!(read(watched.look_twice().await).is_none());
        assert_eq!(read(watched.look_twice().await), Some(Vec::new()));
        assert!(matches!(watched.look_twice().await, Ok(Look::Same)));
        for text in ["a", "a\nb", "a\nb\nc"] {
            std::fs::write(file.path(), text).unwrap();
            assert!(matches!(watched.look_twice().await, Ok(Look::Changing)), "{text}");
        }
        assert_eq!(read(watched.look_twice().await).as_deref(), Some(&b"a\nb\nc"[..]));
        watched.forget();
        assert_eq!(read(watched.look_twice().await).as_deref(), Some(&b"a\nb\nc"[..]), "at once");
        // Who never stops writing is read nevertheless.
        let looks = (0..20_usize).map(|number| "x".repeat(number + 10));
        let mut times = 0;
        for text in looks {
            std::fs::write(file.path(), text).unwrap();
            times += usize::from(read(watched.look_twice().await).is_some());
        }
        assert_eq!(times, 2);
        std::fs::write(file.path(), "x".repeat(101)).unwrap();
        assert!(watched.look_twice().await.is_ok() && watched.look_twice().await.is_err());
    }
}
