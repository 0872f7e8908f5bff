//! How records stand in a file: each behind a mark, its length and its checksum. Where one is damaged, the next is found
//! by its mark.

use std::io::{self, BufRead};

use memchr::memmem;

/// What every record begins with.
const MARK: [u8; 4] = *b"\x9dCR1";
/// The mark, the length and the checksum.
pub(super) const HEAD: usize = 12;
/// No record is longer: what is in one is bounded, piece by piece.
pub(super) const LONGEST: usize = 1 << 20;

/// Writes one at the end.
pub(super) fn push(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    body(out);
    let Some((head, body)) = out.get_mut(start..).and_then(|frame| frame.split_at_mut_checked(HEAD)) else { return };
    head.copy_from_slice(&told(body));
}

fn told(body: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let all = MARK.into_iter().chain(length).chain(crc32fast::hash(body).to_le_bytes());
    head.iter_mut().zip(all).for_each(|(to, from)| *to = from);
    head
}

/// The length of the body behind a head, if it is one.
fn length(head: &[u8]) -> Option<usize> {
    let (mark, rest) = head.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*rest.first_chunk::<4>()?) as usize;
    (*mark == MARK && length <= LONGEST).then_some(length)
}

/// What is in a whole frame.
pub(super) fn body(frame: &[u8]) -> Option<&[u8]> {
    let (head, body) = frame.split_at_checked(HEAD)?;
    (length(head)? == body.len() && told(body) == head).then_some(body)
}

/// The records of a file, one after the other.
pub(super) struct Frames<R> {
    from: R,
    /// What was read and not passed over yet; a frame is its beginning.
    ahead: Vec<u8>,
    /// How long the frame is that was given last.
    given: usize,
    /// How many bytes were passed over: all before the frame that was given last.
    read: u64,
    /// Where the last whole frame ends.
    pub whole: u64,
    /// How often something was damaged.
    pub damaged: u64,
}

impl<R: BufRead> Frames<R> {
    pub const fn of(from: R) -> Self {
        Self { from, ahead: Vec::new(), given: 0, read: 0, whole: 0, damaged: 0 }
    }

    /// The next: where it begins, and its frame. At a torn end there is none.
    pub fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.drop(self.given);
        self.given = 0;
        let mut damaged = 0;
        loop {
            if !self.fill(HEAD)? {
                return Ok(None);
            }
            if let Some(wanted) = length(&self.ahead).map(|length| HEAD + length)
                && self.fill(wanted)?
            {
                if self.ahead.get(..wanted).and_then(body).is_some() {
                    self.given = wanted;
                    break;
                }
                self.damaged += 1 - std::mem::replace(&mut damaged, 1);
            }
            if !self.skip()? {
                // What is not whole at the end was being written.
                return Ok(None);
            }
            self.damaged += 1 - std::mem::replace(&mut damaged, 1);
        }
        self.whole = self.read + self.given as u64;
        Ok(self.ahead.get(..self.given).map(|frame| (self.read, frame)))
    }

    /// Reads on until there are as many bytes; not, if there are no more.
    fn fill(&mut self, length: usize) -> io::Result<bool> {
        let missing = length.saturating_sub(self.ahead.len()) as u64;
        io::Read::read_to_end(&mut io::Read::take(&mut self.from, missing), &mut self.ahead)?;
        Ok(self.ahead.len() >= length)
    }

    /// Passes over what cannot be read, up to the next mark.
    fn skip(&mut self) -> io::Result<bool> {
        let mut from = 1;
        loop {
            let rest = self.ahead.get(from..).unwrap_or_default();
            if let Some(found) = memmem::find(rest, &MARK) {
                self.drop(from + found);
                return Ok(true);
            }
            // A mark may begin at the end of what is there.
            self.drop(self.ahead.len().saturating_sub(MARK.len() - 1).max(from));
            from = 0;
            let before = self.ahead.len();
            if !self.fill(before + (1 << 12))? && self.ahead.len() == before {
                return Ok(false);
            }
        }
    }

    fn drop(&mut self, count: usize) {
        let count = count.min(self.ahead.len());
        self.ahead.drain(..count);
        self.read += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<u8> {
        let mut out = Vec::new();
        for text in ["one", "two, and longer", "three"] {
            push(&mut out, |out| out.extend_from_slice(text.as_bytes()));
        }
        out
    }

    fn read(bytes: &[u8]) -> (Vec<String>, u64, u64) {
        let (mut frames, mut all) = (Frames::of(bytes), Vec::new());
        while let Some((at, frame)) = frames.next().unwrap() {
            assert_eq!(bytes.get(at as usize..at as usize + frame.len()), Some(frame));
            all.push(String::from_utf8(body(frame).unwrap().to_vec()).unwrap());
        }
        (all, frames.damaged, frames.whole)
    }

    #[test]
    fn whatever_is_damaged_the_others_are_read() {
        let whole = three();
        assert_eq!(read(&whole), (vec!["one".into(), "two, and longer".into(), "three".into()], 0, whole.len() as u64));
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let (all, damaged, _) = read(&bytes);
            let hit = [15, 42, 59].iter().position(|end| at < *end).unwrap();
            let left: Vec<&str> = ["one", "two, and longer", "three"]
                .into_iter()
                .enumerate()
                .filter(|(nth, _)| *nth != hit)
                .map(|(_, text)| text)
                .collect();
            // A last one whose mark or length is wrong is a torn end.
            let torn = (42..50).contains(&at);
            assert_eq!(
                (all, damaged),
                (left.iter().map(|text| (*text).to_owned()).collect(), u64::from(!torn)),
                "at {at}"
            );
        }
    }

    #[test]
    fn a_torn_end_is_no_record() {
        let whole = three();
        for end in 0..whole.len() {
            let (all, damaged, read) = read(&whole[..end]);
            assert_eq!(all.len(), [15, 42, 59].iter().filter(|one| **one <= end).count(), "to {end}");
            assert!(damaged == 0 && read == [0, 15, 42].into_iter().rev().find(|one| one <= &end).unwrap() as u64);
        }
    }
}
