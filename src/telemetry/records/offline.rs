//! A directory of records, read without its gateway: it may be running, or gone.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use super::decision::DecisionRecord;
use super::directory::files;
use super::frame::{self, Frames};
use super::kept::Kept;
use super::line;

/// As many of one name are told.
const MOST: usize = 16;

/// The records of this trace id or request id, the newest first.
///
/// # Errors
/// If the directory cannot be read.
pub fn find(directory: &Path, id: &str) -> io::Result<Vec<DecisionRecord>> {
    let (mut found, mut unread) = (Vec::new(), None);
    for path in files(directory)?.iter().rev() {
        let mut here = Vec::new();
        if let Err(error) = search(path, id, &mut here) {
            unread = Some(io::Error::new(error.kind(), format!("{}: {error}", path.display())));
        }
        found.extend(here.into_iter().rev());
        if found.len() >= MOST {
            found.truncate(MOST);
            break;
        }
    }
    // One that cannot be read hides no other; but where nothing is found, it may be there.
    match unread {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// Only what has this name is made into words.
fn search(path: &Path, id: &str, found: &mut Vec<DecisionRecord>) -> io::Result<()> {
    let trace = line::trace(id);
    let mut frames = Frames::of(BufReader::with_capacity(1 << 16, File::open(path)?));
    while let Some((_, frame)) = frames.next()? {
        let Some(kept) = frame::body(frame).and_then(Kept::read) else { continue };
        if kept.request_id.is_some() || trace.is_some_and(|trace| trace == kept.trace || trace == kept.caller) {
            found.extend(Some(DecisionRecord::of(&kept)).filter(|record| record.is_called(id)));
        }
    }
    Ok(())
}
