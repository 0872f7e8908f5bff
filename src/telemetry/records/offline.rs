//! A directory of records, read without its gateway: it may be running, or gone.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use memchr::memmem;

use super::decision::DecisionRecord;
use super::directory::files;
use super::parts::field;

/// As many of one name are told.
const MOST: usize = 16;

/// The records of this trace id or request id, the newest first.
///
/// # Errors
/// If the directory cannot be read.
pub fn find(directory: &Path, id: &str) -> io::Result<Vec<DecisionRecord>> {
    let mut found = Vec::new();
    for path in files(directory)?.iter().rev() {
        let mut here = Vec::new();
        search(path, id, &mut here)?;
        found.extend(here.into_iter().rev());
        if found.len() >= MOST {
            found.truncate(MOST);
            break;
        }
    }
    Ok(found.into_iter().map(DecisionRecord::completed).collect())
}

/// Most lines have nothing to do with it, and are not read as JSON.
fn search(path: &Path, id: &str, found: &mut Vec<DecisionRecord>) -> io::Result<()> {
    let needles = [id.to_ascii_lowercase(), id.to_owned(), field(id.as_bytes())].map(as_json);
    let needles = needles.each_ref().map(memmem::Finder::new);
    let mut lines = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        if needles.iter().any(|needle| needle.find(&line).is_some())
            && let Ok(record) = serde_json::from_slice::<DecisionRecord>(&line)
            && record.is_called(id)
        {
            found.push(record);
        }
        line.clear();
    }
    Ok(())
}

/// As it stands in a line.
fn as_json(text: String) -> Vec<u8> {
    serde_json::to_vec(&text).unwrap_or_default()
}
