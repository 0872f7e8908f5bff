//! `curfew audit verify`: whether the chain holds, whether its beginning is there, and whether lines stand in it whose hashes
//! were kept elsewhere. What it cannot know it does not say.

use super::audit::Verify;
use super::completions::print;
use super::exit::Exit;
use crate::settings::Secret;
use crate::telemetry::audit::{Key, verify};
use crate::telemetry::records::escape::inert;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// So many bytes between two words of progress.
const STEP: u64 = 64 << 20;

/// Tells how far it is, where somebody looks and it takes long.
struct Progress {
    total: Option<u64>,
    part: u64,
}

impl Progress {
    fn of(files: &[PathBuf]) -> Self {
        let total: u64 = files.iter().filter_map(|path| path.metadata().ok()).map(|meta| meta.len()).sum();
        Self { total: Some(total).filter(|total| std::io::stderr().is_terminal() && *total > STEP), part: 0 }
    }

    fn tell(&mut self, bytes: u64) {
        if let Some(total) = self.total.filter(|_| bytes / STEP > self.part) {
            self.part = bytes / STEP;
            eprint!("\r{} of {} MiB ", bytes >> 20, total >> 20);
        }
    }
}

/// Verifies, and says what is proven.
pub(super) fn verified(what: &Verify) -> Result<Exit, String> {
    let secret = what.key_file.as_ref().map(|path| Secret::File(path.clone()).read());
    let secret = secret.transpose().map_err(|error| error.to_string())?;
    let mut progress = Progress::of(&what.files);
    let mut found: Vec<Option<u64>> = vec![None; what.contains.len()];
    let mut ending = None;
    let result = verify::verify(&what.files, &Key::new(secret.as_ref()), |bytes, seq, hash| {
        progress.tell(bytes);
        for (found, wanted) in found.iter_mut().zip(&what.contains) {
            *found = found.or((wanted == hash).then_some(seq));
        }
        ending = ending.or((what.ends_with.as_deref() == Some(hash)).then_some(seq));
    });
    if progress.total.is_some() {
        eprintln!();
    }
    let held = match result {
        Ok(held) => held,
        Err(verify::Failure::Read { path, error }) => return Err(format!("{}: {error}", path.display())),
        Err(wrong) => return Ok(altered(&inert(&wrong.to_string()))),
    };
    if held.lines == 0 {
        eprintln!("curfew audit: there is no line in it: nothing is proven");
        return Ok(Exit::Nothing);
    }
    noted(&held);
    let missing = what.contains.iter().zip(&found).find(|(_, found)| found.is_none());
    let wrong = beginning(what, &held)
        .or_else(|| {
            missing.map(|(hash, _)| format!("no line has the hash {hash}: its end was taken off, or it is another log"))
        })
        .or_else(|| end(what, &held, ending));
    if let Some(wrong) = wrong {
        return Ok(altered(&wrong));
    }
    Ok(print(told(what, &held, &found).as_bytes()))
}

fn altered(why: &str) -> Exit {
    eprintln!("curfew audit: {why}");
    Exit::Altered
}

/// What is no fault, and worth a look.
fn noted(held: &verify::Held) {
    if let Some(path) = &held.torn {
        eprintln!("curfew audit: {}: the last line is not whole: it is being written, or was cut off", path.display());
    }
    if held.unstopped > 0 {
        let times = if held.unstopped == 1 { "once".to_owned() } else { format!("{} times", held.unstopped) };
        eprintln!(
            "curfew audit: it was begun {times} without a stop before: the gateway was killed, or lines were taken off the end \
             while it was down"
        );
    }
}

/// Is its beginning where it should be?
fn beginning(what: &Verify, held: &verify::Held) -> Option<String> {
    let (first, from) = (held.first, what.first.unwrap_or(held.from));
    (first > from).then(|| {
        format!(
            "it begins at line {first}, and should at line {from}: the files before are not here, and the log does not say that \
             it removed them; where you did, say --first {first}"
        )
    })
}

/// Is its end where it should be?
fn end(what: &Verify, held: &verify::Held, found: Option<u64>) -> Option<String> {
    let hash = what.ends_with.as_ref().filter(|hash| **hash != held.hash)?;
    Some(match found {
        Some(seq) => format!("the line with the hash {hash} is {seq}, and {} came after it", held.last - seq),
        None => format!("no line has the hash {hash}: its end was taken off, or it is another log"),
    })
}

/// What holds.
fn told(what: &Verify, held: &verify::Held, found: &[Option<u64>]) -> String {
    let mut out =
        format!("{} lines hold, {} to {}; the last has the hash {}\n", held.lines, held.first, held.last, held.hash);
    for (hash, seq) in what.contains.iter().zip(found.iter().flatten()) {
        out += &format!("line {seq} has the hash {hash}; {} came after it\n", held.last - seq);
    }
    out
}
