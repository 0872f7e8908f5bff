//! Which files there are. `snapshot-7` holds all that `journal-1` to `journal-6` said; then come `journal-7` and those
//! after it. A crash between any two steps of exchanging them leaves files that one of these numbers makes void.

use super::batch::Batch;
use super::disk::Disk;
use super::frame::{Check, Form, JournalError};
use super::load::note;
use super::reader::{Next, Reader};
use super::voice::Voice;
use std::collections::BTreeSet;

/// The files that hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    /// The snapshot: its number and its length.
    pub(super) snapshot: Option<(u64, u64)>,
    /// The journals after it: their numbers and lengths.
    pub(super) journals: Vec<(u64, u64)>,
    /// The number of the next file.
    pub(super) next: u64,
    /// The last group that is on the disk.
    pub(super) group: u64,
    /// Ends that were torn off when the process died: the file, and where it was cut.
    pub(super) torn: Vec<(String, u64)>,
    /// Whose words they hold.
    pub(super) voices: BTreeSet<Voice>,
    /// Whether an older version wrote some of them, which did not say who of these was told.
    pub(super) older: bool,
}

/// What a file that is not whole yet is called besides.
const ASIDE: &str = ".new";

/// A journal's name.
pub(super) fn journal(number: u64) -> String {
    format!("journal-{number:010}")
}

/// A snapshot's name.
pub(super) fn snapshot(number: u64) -> String {
    format!("snapshot-{number:010}")
}

/// The name of a snapshot that is being written.
pub(super) fn aside(number: u64) -> String {
    snapshot(number) + ASIDE
}

fn number(name: &str, kind: &str) -> Option<u64> {
    name.strip_prefix(kind).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

impl Inventory {
    /// Looks through the directory: every journal is read to its end, torn ends are cut off, what is void is removed.
    pub(super) fn take(disk: &dyn Disk, check: &Check) -> Result<Self, JournalError> {
        let names = disk.list()?;
        let all = |kind| names.iter().filter_map(move |name| number(name, kind));
        let mut found = Self { next: 1, ..Self::default() };
        if let Some(number) = all("snapshot-").max() {
            found.add_snapshot(disk, number, check)?;
        }
        let first = found.snapshot.map_or(0, |(number, _)| number);
        let mut journals: Vec<u64> = all("journal-").filter(|number| *number >= first).collect();
        journals.sort_unstable();
        for number in journals {
            found.add_journal(disk, number, check)?;
        }
        let void = |name: &&String| {
            let old = |kind| number(name, kind).is_some_and(|number| number < first);
            name.ends_with(ASIDE) || old("snapshot-") || old("journal-")
        };
        names.iter().filter(void).try_for_each(|name| disk.remove(name))?;
        Ok(found)
    }

    /// That it is whole is seen when it is loaded.
    fn add_snapshot(&mut self, disk: &dyn Disk, number: u64, check: &Check) -> Result<(), JournalError> {
        let name = snapshot(number);
        let opened = Reader::open(disk, &name, Form::Snapshot, 0, check)?;
        let Some((mut reader, header)) = opened.filter(|(_, header)| header.number == number) else {
            return Err(JournalError::Damaged { file: name, at: 0, why: "it does not begin as it was written" });
        };
        self.snapshot = Some((number, disk.open(&name)?.0));
        self.older |= reader.older;
        (self.next, self.group) = (number, header.follows);
        // It begins with a record without entries for each source.
        while let Next::Record(payload) = reader.next()? {
            let Some(batch) = Batch::read(payload).filter(|batch| batch.head.count == 0) else { break };
            note(&mut self.voices, &batch);
        }
        Ok(())
    }

    fn add_journal(&mut self, disk: &dyn Disk, number: u64, check: &Check) -> Result<(), JournalError> {
        let name = journal(number);
        self.next = number.saturating_add(1);
        let Some((mut reader, header)) = Reader::open(disk, &name, Form::Journal, self.group, check)? else {
            self.torn.push((name.clone(), 0));
            return Ok(disk.remove(&name)?);
        };
        if header.number != number || header.follows > self.group {
            return Err(reader.damaged("what came before it is missing"));
        }
        let torn = loop {
            match reader.next()? {
                Next::Record(payload) => Batch::read(payload).iter().for_each(|batch| note(&mut self.voices, batch)),
                Next::End => break None,
                Next::Torn(at) => break Some(at),
            }
        };
        if let Some(at) = torn {
            disk.cut(&name, at)?;
            self.torn.push((name, at));
        }
        self.journals.push((number, reader.at));
        self.group = reader.group;
        self.older |= reader.older;
        Ok(())
    }

    /// How long all journals are.
    pub(super) fn journal_bytes(&self) -> u64 {
        self.journals.iter().map(|(_, bytes)| bytes).sum()
    }

    /// How long all files are.
    pub(super) fn bytes(&self) -> u64 {
        self.journal_bytes() + self.snapshot.map_or(0, |(_, bytes)| bytes)
    }

    /// A new journal was begun.
    pub(super) fn begun(&mut self, number: u64, bytes: u64) {
        self.journals.push((number, bytes));
        self.next = number.saturating_add(1);
    }

    /// The last journal has this length now.
    pub(super) fn grew(&mut self, length: u64) {
        self.journals.last_mut().into_iter().for_each(|(_, bytes)| *bytes = length);
    }

    /// A snapshot holds all before its number. Tells which files are void now.
    pub(super) fn snapped(&mut self, number: u64, bytes: u64) -> Vec<String> {
        let before = self.snapshot.replace((number, bytes)).filter(|(before, _)| *before != number);
        let mut void: Vec<String> = before.iter().map(|(before, _)| snapshot(*before)).collect();
        void.extend(self.journals.iter().filter(|(one, _)| *one < number).map(|(one, _)| journal(*one)));
        self.journals.retain(|(one, _)| *one >= number);
        void
    }
}
