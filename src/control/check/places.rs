//! Places that are written to: none is written by two. What is one place is told by the file system, for a name may be
//! relative, or a link.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use super::tell::Faults;
use crate::control::admin::AuditLog;
use crate::control::config::{Fault, Spans};
use crate::control::settings::Config;
use crate::state::journal;
use crate::telemetry::AccessLog;

/// No chain of links is longer: Linux follows as many.
const LINKS: usize = 40;

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    logs(config, &mut faults);
    directories(config, &mut faults);
    faults.list()
}

/// The chain of the audit log holds only while nobody else adds lines to its file.
fn logs(config: &Config, faults: &mut Faults<'_>) {
    let Some(chain) = config.telemetry.audit.as_ref().on() else { return };
    let is_same = |path: &Path| Place::of(path) == Place::of(&chain.file);
    let message = "`telemetry.audit.file` is the same file: another's lines in it break its chain";
    if let Some(AuditLog::File(path)) = config.admin.as_ref().on().map(|admin| &admin.audit)
        && is_same(path)
    {
        let help = "write `audit: stderr`, or name another file: what operators do stands in the audit log in any case";
        faults.error("admin.audit.file", message, help);
    }
    if let AccessLog::File(path) = &config.telemetry.access_log
        && is_same(path)
    {
        faults.error("telemetry.access_log.file", message, "name another file");
    }
}

fn directories(config: &Config, faults: &mut Faults<'_>) {
    let (records, state) = (&config.telemetry.records.directory, &config.gateway.state_dir);
    if let (Some(records), Some(state)) = (records, state)
        && Place::of(records) == Place::of(&state.join(journal::DIRECTORY))
    {
        let message = "the journal of revocations is kept in this directory, by `gateway.state_dir`";
        let help = "name a directory of its own, such as `/var/lib/curfew/records`";
        faults.error("telemetry.records.directory", message, help);
    }
}

/// Where a name leads, be there something or not.
struct Place {
    path: PathBuf,
    /// A file may have several names.
    file: Option<(u64, u64)>,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path || (self.file.is_some() && self.file == other.file)
    }
}

impl Place {
    fn of(path: &Path) -> Self {
        let file = fs::metadata(path).ok().map(|there| (there.dev(), there.ino()));
        Self { path: resolved(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()), LINKS), file }
    }
}

/// The name without links, as far as there are any.
fn resolved(path: &Path, links: usize) -> PathBuf {
    let mut so_far = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                so_far.pop();
            }
            part => so_far.push(part),
        }
        if let (Ok(target), Some(links)) = (fs::read_link(&so_far), links.checked_sub(1)) {
            so_far.pop();
            so_far = resolved(&so_far.join(target), links);
        }
    }
    so_far
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_place_is_the_same_by_every_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/log"), "").unwrap();
        fs::hard_link(at("real/log"), at("hard")).unwrap();
        symlink("real", at("link")).unwrap();
        symlink("link/log", at("twice")).unwrap();
        symlink(at("real/later"), at("dangling")).unwrap();
        symlink("round", at("round")).unwrap();
        for (one, other) in [
            ("real/log", "real/./log"),
            ("real/log", "link/../real/log"),
            ("real/log", "link/log"),
            ("real/log", "twice"),
            ("real/log", "hard"),
            ("real/later", "dangling"),
            ("real/none/later", "link/none/x/../later"),
            ("round", "round"),
        ] {
            assert!(Place::of(&at(one)) == Place::of(&at(other)), "{one} {other}");
        }
        for (one, other) in [("real/log", "real/later"), ("real", "real/log"), ("log", "real/log")] {
            assert!(Place::of(&at(one)) != Place::of(&at(other)), "{one} {other}");
        }
        let here = std::env::current_dir().unwrap();
        assert!(Place::of(Path::new("some.log")) == Place::of(&here.join("some.log")));
    }
}
