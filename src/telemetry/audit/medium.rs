//! What the audit log is written to: a file of the system. It is a trait so that tests can have a disk that takes a part of
//! what is written, or loses what it was given when it is told to sync.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A file that is written at places of one's choice.
pub(super) trait Medium: Send {
    /// All of it. Some of it may be there after an error.
    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// As many bytes as there is room for.
    fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<()>;
    /// Takes off what is behind this length.
    fn cut(&self, length: u64) -> io::Result<()>;
    /// Makes durable what was written. After an error nobody knows what of it is on the disk, and a second call that goes
    /// well does not tell: the system may have forgotten that it was to be written.
    fn sync(&self) -> io::Result<()>;
}

impl Medium for File {
    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.read_exact_at(bytes, at)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
