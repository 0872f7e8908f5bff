//! What was loaded once and ages: the keys of issuers, and revocation sources. What was never loaded is not ready, which
//! is told by `room`.

use super::room::Idp;
use super::running::{RunningIssuer, RunningSource, issuer_place, source_place};
use crate::decide::time::Moment;
use crate::settings::Span;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Something that is not as it should be, and works all the same, or did until it became stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degraded {
    /// What: `issuers.corp`, `revocation.sources.feed`.
    pub what: String,
    /// Whether it is used no more.
    pub stale: bool,
    /// What that means.
    means: &'static str,
    /// How old it is; `None` where not all of it could be kept.
    age: Option<Duration>,
    /// From which age on it is stale, and what the setting is called.
    limit: (Option<Duration>, &'static str),
    /// Why it could not be loaded anew.
    error: Option<Arc<str>>,
}

impl fmt::Display for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.what)?;
        match self.age {
            Some(age) => write!(f, "{} old", Span::from(Duration::from_secs(age.as_secs())))?,
            None => f.write_str("incomplete, more was said than `max_entries` allows")?,
        }
        if let (Some(limit), setting) = self.limit {
            write!(f, " ({setting} {})", Span::from(limit))?;
        }
        if self.stale {
            write!(f, ", {}", self.means)?;
        }
        self.error.iter().try_for_each(|error| write!(f, "; last error: {error}"))
    }
}

impl Idp {
    /// What is older than it may be, or could not be loaded anew when that was tried last.
    #[must_use]
    pub fn degraded(&self, now: Moment) -> Vec<Degraded> {
        let running = self.running();
        let issuers = running.issuers.iter().filter_map(|(name, one)| of_issuer(name, one, now));
        issuers.chain(running.sources.iter().filter_map(|(name, one)| of_source(name, one, now))).collect()
    }
}

fn of_issuer(name: &str, issuer: &RunningIssuer, now: Moment) -> Option<Degraded> {
    let standing = issuer.keys.standing(now);
    let stale = !issuer.keys.is_ready(now);
    let age = Some(standing.age?);
    (stale || standing.last_error.is_some()).then(|| Degraded {
        what: issuer_place(name),
        stale,
        means: "stale: no token of this issuer is admitted",
        age,
        limit: (issuer.settings.patience().max_stale, "max_stale"),
        error: standing.last_error,
    })
}

fn of_source(name: &str, source: &RunningSource, now: Moment) -> Option<Degraded> {
    if !source.feed.was_heard() {
        return None;
    }
    let standing = source.feed.standing(now);
    let stale = standing.age.is_none_or(|age| standing.max_staleness.is_some_and(|max| age >= max));
    (stale || standing.last_error.is_some()).then(|| Degraded {
        what: source_place(name),
        stale,
        means: "stale: policies that ask for fresh revocations admit no token of its issuer",
        age: standing.age,
        limit: (standing.max_staleness, "max_staleness"),
        error: standing.last_error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_how_old_and_why() {
        let mut one = Degraded {
            what: "issuers.corp".into(),
            stale: false,
            means: "stale: no token of this issuer is admitted",
            age: Some(Duration::from_millis(90_400)),
            limit: (Some(Duration::from_secs(60)), "max_stale"),
            error: Some("no route".into()),
        };
        assert_eq!(one.to_string(), "issuers.corp: 1m30s old (max_stale 1m); last error: no route");
        (one.stale, one.error) = (true, None);
        assert_eq!(
            one.to_string(),
            "issuers.corp: 1m30s old (max_stale 1m), stale: no token of this issuer is admitted"
        );
    }
}
