//! Files that settings name, read whole, and never more of them than they may hold.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// No file of certificates or keys is longer, in bytes: all roots of a system take a quarter of a mebibyte.
pub const LONGEST_PEM: u64 = 4 << 20;

/// Reads a file that may not have more bytes than this. What is no file, such as a directory, a pipe or a device, is not
/// opened: it may never end, or never begin. Blocks for the disk.
///
/// # Errors
/// What the system says, or that it is no file, or is too long.
pub fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_that_has_no_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "1234").unwrap();
        assert_eq!(read_bounded(&file, 4).unwrap(), b"1234");
        assert_eq!(read_bounded(&file, 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_bounded(dir.path(), 4).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(read_bounded(Path::new("/dev/zero"), 4).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(read_bounded(&dir.path().join("none"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
