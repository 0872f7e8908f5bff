//! The key of fingerprints, kept in the state directory: entries that are kept name what they name only as long as the
//! key is the same. Whoever may read it can tell whether a name is among them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Its file in the state directory.
pub const FILE: &str = "fingerprints.key";

/// A key.
pub type Key = [u8; 32];

/// The key that is kept in a directory; made, and kept, where there is none.
///
/// # Errors
/// If it cannot be read or written, or is no key.
pub fn load_or_make(dir: &Path) -> io::Result<Key> {
    let path = dir.join(FILE);
    match File::open(&path) {
        Ok(file) => read(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(dir, &path),
        Err(error) => Err(error),
    }
}

fn read(file: File) -> io::Result<Key> {
    let mut bytes = Vec::new();
    file.take(33).read_to_end(&mut bytes)?;
    bytes.try_into().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not the 32 bytes that were written"))
}

/// Written aside and linked into place: of two processes that start at once, both have the key of the first.
fn make(dir: &Path, path: &Path) -> io::Result<Key> {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| io::Error::other("the system gave no random bytes"))?;
    fs::create_dir_all(dir)?;
    let aside = dir.join(format!("{FILE}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(&key)?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    File::open(dir)?.sync_all()?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(File::open(path)?),
        Err(error) => Err(error),
    }
}
