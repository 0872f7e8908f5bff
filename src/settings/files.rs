//! Files that settings name, read whole, and never more of them than they may hold.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
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
    let (found, over) = (std::fs::metadata(path)?, || format!("the file is over {most} bytes"));
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    // Asked before it is read, as it may be looked at often; and it may grow while it is.
    if found.len() > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, over()));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, over()));
    }
    Ok(bytes)
}

/// The certificates of a PEM file, in its order; there may be none. Blocks for the disk.
///
/// # Errors
/// What the system says, or that it is no PEM, or is too long.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(&read_bounded(path, LONGEST_PEM).map_err(pem::Error::Io)?).collect()
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
