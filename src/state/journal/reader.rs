//! One file, read record by record: to its end, to an end that was torn off while it was written, or to a damage.
//!
//! A group is written only after the one before it was made durable. So what is broken is a torn end as long as
//! nothing whole comes after it but the rest of the same group; else something was lost that was on the disk once.

use super::disk::Disk;
use super::frame::{Check, FRAME, Form, HEADER, Header, JournalError, NoHeader, Prefix};
use std::io::{self, Read};

/// What comes next in a file.
pub(super) enum Next<'a> {
    /// A whole record.
    Record(&'a [u8]),
    /// The file ends after its last record.
    End,
    /// From here on there is nothing whole.
    Torn(u64),
}

/// A file, as far as it was read.
pub(super) struct Reader {
    name: String,
    bytes: Box<dyn Read + Send>,
    payload: Vec<u8>,
    /// How far it was read.
    pub(super) at: u64,
    /// The last group that was read, or the last before this file.
    pub(super) group: u64,
    /// Whether an older version wrote it.
    pub(super) older: bool,
}

/// What cannot be read is looked through this far for something whole.
const MAX_REST: u64 = 256 << 20;

/// Groups of an intact file follow each other; what looks like one this far ahead is none.
const FAR: u64 = 1 << 32;

impl Reader {
    /// Opens a file after the group that came before it. `None` if not even its header was written whole.
    pub(super) fn open(
        disk: &dyn Disk,
        name: &str,
        form: Form,
        group: u64,
        check: &Check,
    ) -> Result<Option<(Self, Header)>, JournalError> {
        let (_, bytes) = disk.open(name)?;
        let mut reader = Self { name: name.to_owned(), bytes, payload: Vec::new(), at: 0, group, older: false };
        let mut bytes = [0; HEADER];
        let read = fill(&mut reader.bytes, &mut bytes)?;
        match Header::read(&bytes) {
            Ok(header) if read == HEADER && header.form == form => {
                if header.check != *check {
                    return Err(JournalError::Key);
                }
                (reader.at, reader.group) = (HEADER as u64, header.follows);
                reader.older = Header::is_older(&bytes);
                Ok(Some((reader, header)))
            }
            Err(NoHeader::Version) if read == HEADER => Err(JournalError::Version(name.to_owned())),
            _ => {
                let rest = bytes.get(..read).unwrap_or_default().to_vec();
                // A header is made durable before anything comes after it.
                reader.torn(rest, 1).map(|_| None)
            }
        }
    }

    /// The next record.
    pub(super) fn next(&mut self) -> Result<Next<'_>, JournalError> {
        let mut prefix = [0; FRAME];
        let read = fill(&mut self.bytes, &mut prefix)?;
        if read == 0 {
            return Ok(Next::End);
        }
        let mut rest = prefix.get(..read).unwrap_or_default().to_vec();
        let follows = |prefix: &Prefix| prefix.group == self.group || prefix.group == self.group.saturating_add(1);
        let Some(prefix) = Prefix::read(&rest).filter(follows) else { return self.torn(rest, 2) };
        self.payload.resize(prefix.length, 0);
        let read = fill(&mut self.bytes, &mut self.payload)?;
        if read < prefix.length || !prefix.fits(&self.payload) {
            rest.extend_from_slice(self.payload.get(..read).unwrap_or_default());
            return self.torn(rest, 2);
        }
        self.group = prefix.group;
        self.at = self.at.saturating_add((FRAME + prefix.length) as u64);
        Ok(Next::Record(&self.payload))
    }

    /// What was read from here on is not whole. Is anything after it, later by so many groups?
    fn torn(&mut self, mut rest: Vec<u8>, later: u64) -> Result<Next<'_>, JournalError> {
        (&mut self.bytes).take(MAX_REST).read_to_end(&mut rest)?;
        let later = self.group.saturating_add(later)..self.group.saturating_add(FAR);
        let whole = |at: usize| {
            let rest = rest.get(at..)?;
            let prefix = Prefix::read(rest).filter(|prefix| later.contains(&prefix.group))?;
            rest.get(FRAME..FRAME + prefix.length).filter(|payload| prefix.fits(payload))
        };
        if (1..rest.len()).any(|at| whole(at).is_some()) {
            return Err(self.damaged("what follows it is whole, so it was too"));
        }
        Ok(Next::Torn(self.at))
    }

    /// A fault of the file at the place that was read to.
    pub(super) fn damaged(&self, why: &'static str) -> JournalError {
        JournalError::Damaged { file: self.name.clone(), at: self.at, why }
    }
}

/// Reads until the buffer is full or the file ends; tells how much was read.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(left) = buffer.get_mut(filled..).filter(|left| !left.is_empty()) {
        match from.read(left) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
