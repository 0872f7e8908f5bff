//! What the system lets a process have: open files.

use super::finding::Finding;
use crate::control::settings::Config;

const PAGE: &str = "doctor.md#open-files";

/// What is open besides connections: files, sockets, timers.
const BESIDES: u64 = 256;

pub(super) fn look(config: &Config) -> Option<Finding> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let soft = soft(&limits)?;
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, |all| all.count() as u64);
    Some(judge(soft, open, config.limits.connections as u64))
}

/// The soft limit on open files; none is the largest number.
fn soft(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let number = line.split_whitespace().next()?;
    if number == "unlimited" { Some(u64::MAX) } else { number.parse().ok() }
}

/// Each connection may need one to an upstream.
fn judge(soft: u64, open: u64, connections: u64) -> Finding {
    let needed = connections.saturating_mul(2).saturating_add(BESIDES);
    let bound = if soft == u64::MAX { "without a bound".to_owned() } else { format!("{soft} at most") };
    let says = format!("open files: {open} now, {bound}");
    let then = "connections cannot be taken, and none can be made to upstreams or to providers";
    let cure = "raise `ulimit -n` (systemd: `LimitNOFILE`), or lower `limits.connections`";
    if open.saturating_mul(10) >= soft.saturating_mul(9) {
        Finding::wrong("limits", says).then(then).cure(cure, PAGE)
    } else if soft < needed {
        let says = format!("{says}; `limits.connections` {connections} may need {needed}");
        let most = soft.saturating_sub(BESIDES) / 2;
        Finding::unwise("limits", says).then(format!("from about {most} connections on {then}")).cure(cure, PAGE)
    } else {
        Finding::fine("limits", says)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outlook;

    #[test]
    fn the_bound_on_open_files_is_compared_with_connections() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 524288               files\n";
        assert_eq!(soft(text), Some(1024));
        assert_eq!(soft("Max open files   unlimited unlimited files"), Some(u64::MAX));
        assert_eq!(judge(1024, 40, 10_000).outlook, Outlook::Unwise);
        assert_eq!(judge(1024, 40, 10_000).then.unwrap().split(" connections").next(), Some("from about 384"));
        assert_eq!(judge(65_536, 40, 10_000).outlook, Outlook::Fine);
        assert_eq!(judge(1024, 1000, 10).outlook, Outlook::Wrong);
        assert_eq!(judge(u64::MAX, 1000, 10).outlook, Outlook::Fine);
    }
}
