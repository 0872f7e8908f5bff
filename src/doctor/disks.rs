//! The disks: is there room for records, journal and audit, and may they be written?

use super::finding::Finding;
use crate::control::admin::AuditLog;
use crate::control::settings::Config;
use crate::settings::OrOff;
use crate::telemetry::AccessLog;
use rustix::fs::{Access, access, statvfs};
use std::path::{Path, PathBuf};

const PAGE: &str = "doctor.md#disks";

/// Less than this is full before anybody is awake.
const LITTLE: u64 = 256 << 20;

/// With less than this much of a hundred left, and less than so much, it is time to look.
const SHARE: (u64, u64) = (10, 2 << 30);

/// More files are not looked at.
const MANY: usize = 10_000;

/// About what one record takes.
const RECORD: u64 = 4 << 10;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let records = &config.telemetry.records;
    // With what each may still grow by.
    let mut all: Vec<(&str, PathBuf, u64)> = Vec::new();
    all.extend(config.gateway.state_dir.iter().map(|dir| ("gateway.state_dir", dir.clone(), 0)));
    let needed = (records.max_records as u64).saturating_mul(RECORD);
    let more = |dir: &PathBuf| needed.saturating_sub(held(dir, ""));
    all.extend(records.directory.iter().map(|dir| ("telemetry.records.directory", dir.clone(), more(dir))));
    if let OrOff::On(audit) = &config.telemetry.audit {
        // Those that were rotated, and the one that is written.
        let files = u64::try_from(audit.keep).unwrap_or(u64::MAX).saturating_add(1);
        let dir = parent(&audit.file);
        let name = audit.file.file_name().unwrap_or_default().to_string_lossy();
        let more = audit.rotate_bytes.get().saturating_mul(files).saturating_sub(held(&dir, &name));
        all.push(("telemetry.audit.file", dir, more));
    }
    if let AccessLog::File(path) = &config.telemetry.access_log {
        all.push(("telemetry.access_log", parent(path), 0));
    }
    if let OrOff::On(admin) = &config.admin
        && let AuditLog::File(path) = &admin.audit
    {
        all.push(("admin.audit", parent(path), 0));
    }
    all.iter().map(|(what, dir, needed)| one(what, dir, *needed)).collect()
}

/// What the files take that are there and whose names begin so.
fn held(dir: &Path, name: &str) -> u64 {
    let files = std::fs::read_dir(dir).into_iter().flatten().take(MANY).flatten();
    let ours = files.filter(|file| file.file_name().to_string_lossy().starts_with(name));
    ours.filter_map(|file| file.metadata().ok().filter(std::fs::Metadata::is_file))
        .fold(0, |sum, file| sum.saturating_add(file.len()))
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => ".".into(),
    }
}

fn one(what: &str, dir: &Path, needed: u64) -> Finding {
    // The gateway makes the last parts of a path itself.
    let there = dir.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("."));
    let shown = dir.display();
    let then = "what is to be kept there is counted as lost, and is not there after a restart";
    if let Err(error) = access(there, Access::WRITE_OK | Access::EXEC_OK) {
        return Finding::wrong(what, format!("{shown} cannot be written by this user: {error}"))
            .then(then)
            .cure("chown it to the user of the gateway; if that is another one, look with its account", PAGE);
    }
    let space = match statvfs(there) {
        Ok(space) => space,
        Err(error) => return Finding::unknown(what, format!("{shown}: the free space cannot be told: {error}")),
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let share = free.saturating_mul(100).checked_div(space.f_blocks.saturating_mul(space.f_frsize)).unwrap_or(100);
    let files = space.f_files == 0 || space.f_favail > 1000;
    let says = format!("{shown}: {} free, {share} %", size(free));
    let cure = "make room, or make what is kept less (`max_records`, `max_age`, `rotate_bytes`, `keep`)";
    if free < LITTLE || !files {
        let says = if files { says } else { format!("{says}, and no more files can be made") };
        Finding::wrong(what, says).then(then).cure(cure, PAGE)
    } else if (share < SHARE.0 && free < SHARE.1) || free < needed {
        let needed =
            if free < needed { format!("; up to {} more may be kept there", size(needed)) } else { String::new() };
        Finding::soon(what, says + &needed).then(then).cure(cure, PAGE)
    } else {
        Finding::fine(what, says)
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_already_needs_no_more_room() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, size: usize| std::fs::write(dir.path().join(name), vec![0; size]).unwrap();
        write("audit.log", 10);
        write("audit.log-2026-11-20", 200);
        write("other", 4000);
        std::fs::create_dir(dir.path().join("audit.log.d")).unwrap();
        assert_eq!((held(dir.path(), "audit.log"), held(dir.path(), "")), (210, 4210));
        assert_eq!(held(&dir.path().join("nothing"), ""), 0);
    }

    #[test]
    fn what_may_still_come_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let told = serde_json::to_string(&one("telemetry.audit.file", dir.path(), u64::MAX >> 1)).unwrap();
        assert!(told.contains("more may be kept there"), "{told}");
    }
}
