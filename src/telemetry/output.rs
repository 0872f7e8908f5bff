//! Where the access log is written to. A line that cannot be written is lost and counted, which is told once, and so is
//! the end of the trouble; a file that was moved away or removed is begun anew in its place.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::notice::Trouble;

/// An output that never fails: whoever writes to it goes on with the next line. It is asked for one whole line at a time.
pub(super) struct Output<W> {
    to: W,
    lost: Arc<AtomicU64>,
    trouble: Trouble,
    /// The last line was written in part: the next one begins on a line of its own.
    torn: bool,
}

/// What lines are written to.
pub(super) trait Sink: Write {
    /// Called before the first of several lines that come together.
    fn prepare(&mut self) -> io::Result<()>;
}

impl Sink for io::Stdout {
    fn prepare(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Sink> Output<W> {
    pub fn new(to: W, lost: Arc<AtomicU64>) -> Self {
        Self { to, lost, trouble: Trouble::default(), torn: false }
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.to.prepare()?;
        if self.torn {
            self.to.write_all(b"\n")?;
            self.torn = false;
        }
        let mut left = line;
        while !left.is_empty() {
            let written = match self.to.write(left) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                other => other,
            };
            left = left.get(written.inspect_err(|_| self.torn = left.len() < line.len())?..).unwrap_or_default();
        }
        Ok(())
    }
}

impl<W: Sink> Write for Output<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.line(line) {
            Ok(()) => {
                if let Some(out) = self.trouble.over() {
                    tracing::info!(%out, "the access log is written again");
                }
            }
            Err(error) => {
                self.lost.fetch_add(1, Relaxed);
                if let Some(repeats) = self.trouble.met(&error.to_string()) {
                    tracing::warn!(%error, repeats, "lines of the access log are lost: they cannot be written");
                }
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A file, and the path that it is to be found at.
pub(super) struct Placed {
    path: PathBuf,
    file: File,
    /// Lines that come together are written without looking whether the file is still there.
    looked: bool,
}

impl Placed {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: open(path)?, looked: false })
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Paths, addresses and who asked: for nobody but the owner, whatever the process's mask is.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.create(true).append(true).open(path)?;
    // By another name, or of another process, an audit log whose lines are a chain may be kept here.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(io::Error::other("an audit log is kept in this file: name another")),
        _ => Ok(file),
    }
}

/// Names the file in what the system says of it.
fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Is this file the one at this path?
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let id = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match std::fs::metadata(path) {
        Ok(there) => Ok(id(there) == id(file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

impl Sink for Placed {
    fn prepare(&mut self) -> io::Result<()> {
        if !self.looked && !is_at(&self.file, &self.path).map_err(at(&self.path))? {
            self.file = open(&self.path).map_err(at(&self.path))?;
        }
        self.looked = true;
        Ok(())
    }
}

impl Write for Placed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(at(&self.path))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.looked = false;
        self.file.flush()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::Placed;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn nobody_else_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        let _placed = Placed::open(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
