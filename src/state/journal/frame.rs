//! A file's header, and its records. A record tells its length, its checksum and its group: all that was made durable
//! at once is one group, and groups are counted through all files, so that what is missing shows.

use std::io;
use thiserror::Error;

/// Why a journal cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Another process has it.
    #[error("another process uses it: a `state_dir` is for one process")]
    Locked,
    /// It was written under another key, so its entries name nobody.
    #[error(
        "it was written under another key of fingerprints: bring back the former `telemetry.hash_key`, or the former \
         `fingerprints.key`; or move the directory away, and what events said before is forgotten"
    )]
    Key,
    /// A newer version wrote it.
    #[error("`{0}` has a format that this version does not know: start the version that wrote it")]
    Version(String),
    /// What was once on the disk is not there any more.
    #[error(
        "`{file}` is damaged at byte {at}: {why}. Bring the directory back from a copy; or move it away, and what \
         events said before is forgotten"
    )]
    Damaged {
        /// Which file.
        file: String,
        /// Where in it.
        at: u64,
        /// What is wrong there.
        why: &'static str,
    },
    /// The system does not let us.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Form {
    /// What was said since.
    Journal = 1,
    /// All that was held.
    Snapshot = 2,
}

/// Changes when the format does, so that no older version takes what it cannot read for what is not there.
const MAGIC: [u8; 8] = *b"CURFEWJ2";

/// What is read besides: there, a source's name does not say of what kind it is.
const OLDER: [u8; 8] = *b"CURFEWJ1";

/// What every version begins with.
const FAMILY: &[u8] = b"CURFEWJ";

/// How long a header is.
pub(super) const HEADER: usize = 48;

/// How long a record is without what it says.
pub(super) const FRAME: usize = 16;

/// No record says more.
pub(super) const MAX_PAYLOAD: usize = 8 << 20;

/// Tells one key of fingerprints from another, and nothing of either.
pub type Check = [u8; 16];

/// How a file begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) form: Form,
    pub(super) number: u64,
    /// The last group before this file.
    pub(super) follows: u64,
    pub(super) check: Check,
}

/// Why a header is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// Half written, or overwritten.
    Torn,
    /// Whole, but of another version.
    Version,
}

impl Header {
    pub(super) fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let parts: [&[u8]; 5] = [
            &MAGIC,
            &u32::from(self.form as u8).to_le_bytes(),
            &self.number.to_le_bytes(),
            &self.follows.to_le_bytes(),
            &self.check,
        ];
        let told = parts.concat();
        let crc = crc32fast::hash(&told).to_le_bytes();
        bytes.iter_mut().zip(told.iter().chain(&crc)).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Did an older version write it?
    pub(super) fn is_older(bytes: &[u8; HEADER]) -> bool {
        bytes.starts_with(&OLDER)
    }

    pub(super) fn read(bytes: &[u8; HEADER]) -> Result<Self, NoHeader> {
        let mut at = Bytes(bytes);
        let (magic, form) = (at.array().unwrap_or(MAGIC), at.u32().unwrap_or_default());
        let (number, follows) = (at.u64().unwrap_or_default(), at.u64().unwrap_or_default());
        let (check, crc) = (at.array().unwrap_or_default(), at.u32().unwrap_or_default());
        let known = [MAGIC, OLDER].contains(&magic);
        if magic.starts_with(FAMILY) && !known {
            return Err(NoHeader::Version);
        }
        let told = bytes.split_last_chunk::<4>().map_or(0, |(told, _)| crc32fast::hash(told));
        let form = [Form::Journal, Form::Snapshot].into_iter().find(|one| u32::from(*one as u8) == form);
        match form {
            Some(form) if known && told == crc => Ok(Self { form, number, follows, check }),
            _ => Err(NoHeader::Torn),
        }
    }
}

/// Writes a record to the end of a buffer.
pub(super) fn push(out: &mut Vec<u8>, group: u64, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(length, group, payload).to_le_bytes());
    out.extend_from_slice(&group.to_le_bytes());
    out.extend_from_slice(payload);
}

/// What stands before a record's payload.
#[derive(Clone, Copy)]
pub(super) struct Prefix {
    pub(super) length: usize,
    crc: u32,
    pub(super) group: u64,
}

impl Prefix {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut at = Bytes(bytes);
        let (length, crc, group) = (at.u32()? as usize, at.u32()?, at.u64()?);
        (length <= MAX_PAYLOAD && group > 0).then_some(Self { length, crc, group })
    }

    pub(super) fn fits(&self, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
        checksum(length, self.group, payload) == self.crc
    }
}

fn checksum(length: [u8; 4], group: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(&group.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// Bytes, taken one thing after the other.
#[derive(Clone)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
}
