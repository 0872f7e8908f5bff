//! The files of one directory, and the lock by which one process has them at a time. It is a trait so that tests can
//! have a disk that is full, or that fails when it is told to sync.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A directory of files.
pub trait Disk: Send + Sync {
    /// The names of its files.
    ///
    /// # Errors
    /// If the system gives none.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Begins a new file, which must not be there yet.
    ///
    /// # Errors
    /// If the system does not let us.
    fn create(&self, name: &str) -> io::Result<Box<dyn Tape>>;

    /// Reads a file from its beginning; tells its length.
    ///
    /// # Errors
    /// If the system does not let us.
    fn open(&self, name: &str) -> io::Result<(u64, Box<dyn Read + Send>)>;

    /// Cuts a file to a length, durably.
    ///
    /// # Errors
    /// If the system does not let us.
    fn cut(&self, name: &str, length: u64) -> io::Result<()>;

    /// Gives a file another name.
    ///
    /// # Errors
    /// If the system does not let us.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// If the system does not let us.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes durable which files there are.
    ///
    /// # Errors
    /// If the system does not let us.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is written.
pub trait Tape: Send {
    /// Writes all of it at the end.
    ///
    /// # Errors
    /// Some of it may have been written then.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was written.
    ///
    /// # Errors
    /// Then nobody knows what of it is on the disk, and trying again does not tell.
    fn sync(&mut self) -> io::Result<()>;

    /// Takes back what was written after a length.
    ///
    /// # Errors
    /// If the system does not let us.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// A directory of the system, locked.
pub struct Folder {
    path: PathBuf,
    /// Unlocked when it is dropped, and when the process dies, however it does.
    _lock: File,
}

/// Read so many bytes at once: a snapshot is hundreds of megabytes.
const BUFFER: usize = 1 << 20;

impl Folder {
    /// Opens the directory; makes it where it is not there.
    ///
    /// # Errors
    /// `ResourceBusy` if another process has it.
    pub fn lock(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            // That it is there must be as durable as what is in it.
            path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).try_for_each(sync)?;
        }
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::ResourceBusy.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
        fs::read_dir(&self.path)?.filter_map(|entry| name(entry).transpose()).collect()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Tape>> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(self.path.join(name))?;
        Ok(Box::new(file))
    }

    fn open(&self, name: &str) -> io::Result<(u64, Box<dyn Read + Send>)> {
        let file = File::open(self.path.join(name))?;
        Ok((file.metadata()?.len(), Box::new(BufReader::with_capacity(BUFFER, file))))
    }

    fn cut(&self, name: &str, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.path.join(name))?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        sync(&self.path)
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

impl Tape for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
