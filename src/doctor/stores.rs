//! The Redis that instances share: is it there, and may it forget what it was told?

use super::checkup::PROBE;
use super::finding::Finding;
use super::issuers::words;
use crate::control::settings::Config;
use crate::idp::fleet::settings::RedisSettings;
use crate::idp::fleet::{Redis, examine};

const PAGE: &str = "doctor.md#redis";

/// What the stream asks of it.
const OLDEST: u64 = 5;

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let fleet = async {
        let then = "what one instance is told, the others do not know; past `max_staleness` policies go by `on_stale`";
        match &config.revocation.fleet {
            Some(fleet) => one("revocation.fleet.redis", &fleet.redis, then).await,
            None => Vec::new(),
        }
    };
    let sessions = async {
        let then = "what one instance sees of a session, the others do not know; policies go by what they say of that";
        match config.sessions.store() {
            Some(redis) => one("sessions.redis", redis, then).await,
            None => Vec::new(),
        }
    };
    let (mut found, more) = tokio::join!(fleet, sessions);
    found.extend(more);
    found
}

async fn one(what: &str, settings: &RedisSettings, then: &str) -> Vec<Finding> {
    let seen = match examine(settings, PROBE).await {
        Ok(seen) => seen,
        Err(why) => {
            let cure = "see whether it runs, and whether address, user, password and certificates are right";
            return vec![Finding::wrong(what, format!("it cannot be used: {why}")).then(then).cure(cure, PAGE)];
        }
    };
    let version = seen.version.as_deref().unwrap_or("of a version that this user may not see");
    let mut found = vec![Finding::fine(what, format!("Redis {version}, answers in {}", words(seen.took)))];
    if settings.is_exposed() {
        let says = "it is spoken to without TLS, over a network";
        let then = "whoever reads along has its password, and sees the fingerprints of who is revoked, or signed in";
        found.push(Finding::unwise(what, says).then(then).cure("write `rediss://`, and give it a certificate", PAGE));
    }
    found.extend(inside(what, &seen));
    found
}

fn inside(what: &str, seen: &Redis) -> Vec<Finding> {
    let mut found = Vec::new();
    let major = seen.version.as_deref().and_then(|version| version.split('.').next()?.parse::<u64>().ok());
    if major.is_some_and(|major| major < OLDEST) {
        let says = format!("it is older than Redis {OLDEST}, which has streams first");
        found
            .push(Finding::wrong(what, says).then("nothing comes over it").cure("have a newer one: 7 is tested", PAGE));
    }
    if seen.role.as_deref().is_some_and(|role| role != "master") {
        let says = "it is a replica, which takes no writes";
        found.push(
            Finding::wrong(what, says).then("nothing comes over it").cure("name the primary, or its sentinels", PAGE),
        );
    }
    if let Some(policy) = seen.policy.as_deref().filter(|policy| *policy != "noeviction") {
        let says = format!("when it is full it forgets keys: `maxmemory-policy {policy}`");
        let then = "what it was told may be gone at any time, and is told again by all instances at once";
        found.push(Finding::unwise(what, says).then(then).cure("`CONFIG SET maxmemory-policy noeviction`", PAGE));
    }
    if let Some((used, most)) = seen.memory.filter(|(used, most)| *most > 0 && used * 5 >= most * 4) {
        let says = format!("it uses {} MiB of {} MiB", used >> 20, most >> 20);
        let then = "it takes no more writes, or forgets";
        found.push(Finding::soon(what, says).then(then).cure("raise `maxmemory`, or give the fleet its own", PAGE));
    }
    if seen.saved == Some(false) {
        let says = "it cannot save to its disk";
        let then = "by default it takes no more writes then (`stop-writes-on-bgsave-error`)";
        found.push(Finding::wrong(what, says).then(then).cure("look at its log and at its disk", PAGE));
    }
    if seen.appends == Some(false) {
        let says = "it does not append to its disk: after its restart it is as old as its last snapshot, or empty";
        found.push(Finding::fine(what, format!("{says}; the instances tell it again")));
    }
    found
}
