//! What is said to Redis of sessions. Instants are milliseconds of Redis's own clock, so that those of instances may differ.
//!
//! Sessions are fields of a few hashes, so that many are written by one command. What is written goes into the hash of now;
//! one lasts as long as a session may be needed, and is there for as long again: so a session is found in the hash of now or
//! in one before, and a hash that nobody needs expires. All keys begin with the prefix in braces, so that a cluster has them
//! in one slot; a session's field is its fingerprint, under a key that Redis does not know.

use super::record::{Found, before, bounded, write};
use crate::decide::id::Fingerprint;
use crate::decide::session::Life;
use crate::decide::time::millis;
use crate::idp::fleet::{Link, ServerError};
use crate::state::sessions::Terms;
use redis::Pipeline;
use std::time::Duration;

/// Joins what is told with what is there.
const MERGE: &str = include_str!("merge.lua");

/// For how long a session is kept beyond the instant until which it is needed, as `state/sessions` does.
const LINGER: Duration = Duration::from_secs(300);

/// Into so many parts sessions are divided, each with a hash of its own.
const PARTS: u8 = 16;

/// How far the clocks of instances may be apart, where a new hash begins.
const SKEW: i64 = 60_000;

/// The keys. `2` in them is for another format than this one.
pub(super) struct Keys {
    epoch: String,
    check: String,
    sessions: String,
}

/// Which store it is, and how it is divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Store {
    name: String,
    /// How long a hash is written to, in milliseconds.
    span: i64,
}

/// How long a session may be needed, in milliseconds.
fn needed(terms: &Terms) -> i64 {
    millis(terms.remember.max(terms.absolute.unwrap_or_default()) + LINGER)
}

impl Store {
    /// What a new one is called, for sessions that are kept by these terms.
    pub(super) fn named(name: &str, terms: &Terms) -> String {
        format!("{name}-{}", needed(terms))
    }

    fn of(name: String) -> Option<Self> {
        let span = name.rsplit('-').next()?.parse().ok().filter(|span| *span >= millis(LINGER))?;
        Some(Self { name, span })
    }

    /// The hashes in which a session may be, that of now first. One that is just ahead counts as well.
    fn hashes(&self, now: i64, terms: &Terms) -> impl Iterator<Item = i64> + Clone + use<> {
        let (of_now, before) = (now.div_euclid(self.span), needed(terms) / self.span + 1);
        let ahead = now.saturating_add(SKEW).div_euclid(self.span);
        std::iter::once(of_now)
            .chain((of_now < ahead).then_some(ahead))
            .chain((1..=before).map(move |ago| of_now - ago))
    }
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        let key = |name: &str| format!("{{{prefix}}}:{name}");
        Self { epoch: key("sessions:2:name"), check: key("sessions:2:key"), sessions: key("sessions:2") }
    }

    fn hash(&self, at: i64, part: u8) -> String {
        format!("{}:{at}:{part:x}", self.sessions)
    }

    /// Names the store and the key of the fleet, if nobody did. Tells both, and what time it is there.
    pub(super) async fn join(
        &self,
        link: &mut Link,
        (name, key): (&str, &str),
        terms: &Terms,
        within: Duration,
    ) -> Result<(Store, String, i64), ServerError> {
        let (mut ask, until) = (Pipeline::new(), 2 * needed(terms));
        for (at, said) in [(&self.epoch, name), (&self.check, key)] {
            ask.cmd("SET").arg(at).arg(said).arg("NX").ignore().cmd("GET").arg(at);
            // Whoever is there keeps it: they outlive the last session.
            ask.cmd("PEXPIRE").arg(at).arg(until).ignore();
        }
        ask.cmd("TIME");
        let (name, key, (seconds, micros)): (Option<String>, Option<String>, (i64, i64)) =
            link.ask(&ask, within).await?;
        let store = name.and_then(Store::of).ok_or(ServerError::Lost)?;
        Ok((store, key.unwrap_or_default(), seconds.saturating_mul(1000) + micros / 1000))
    }

    /// Tells of these sessions. Now is Redis's time.
    pub(super) async fn tell(
        &self,
        link: &mut Link,
        (store, now): (&Store, i64),
        told: &[(Fingerprint, Life)],
        terms: &Terms,
        within: Duration,
    ) -> Result<(), ServerError> {
        let hashes = store.hashes(now, terms);
        let parts = divided(told, |(print, _)| *print);
        let until = (now.div_euclid(store.span) + 1).saturating_mul(store.span).saturating_add(needed(terms));
        let mut ask = Pipeline::new();
        ask.cmd("EVAL").arg(MERGE).arg(1 + parts.len() * hashes.clone().count()).arg(&self.epoch);
        for (part, _) in &parts {
            hashes.clone().for_each(|at| {
                ask.arg(self.hash(at, *part));
            });
        }
        ask.arg(&store.name).arg(hashes.count()).arg(until);
        for (_, sessions) in &parts {
            ask.arg(sessions.len());
            for (print, life) in sessions {
                let before = life.before.map(|at| bounded(at).to_string()).unwrap_or_default();
                ask.arg(&print.0[..]).arg(write(life)).arg(before);
            }
        }
        let (done,): (u8,) = link.ask(&ask, within).await?;
        if done == 1 { Ok(()) } else { Err(ServerError::Lost) }
    }

    /// Whether the store is still there, and the same; keeps it there.
    pub(super) async fn see(
        &self,
        link: &mut Link,
        store: &Store,
        keep: Option<&Terms>,
        within: Duration,
    ) -> Result<(), ServerError> {
        let mut ask = Pipeline::new();
        for at in [&self.epoch, &self.check] {
            keep.iter().for_each(|terms| {
                ask.cmd("PEXPIRE").arg(at).arg(2 * needed(terms)).ignore();
            });
        }
        let (epoch,): (Option<String>,) = link.ask(ask.cmd("GET").arg(&self.epoch), within).await?;
        if epoch.as_deref() == Some(&store.name) { Ok(()) } else { Err(ServerError::Lost) }
    }

    /// What is known of these; they may come in another order. Now is Redis's time.
    pub(super) async fn look(
        &self,
        link: &mut Link,
        (store, now): (&Store, i64),
        prints: &[Fingerprint],
        terms: &Terms,
        within: Duration,
    ) -> Result<Vec<(Fingerprint, Found)>, ServerError> {
        let (mut ask, parts) = (Pipeline::new(), divided(prints, |print| *print));
        for (part, prints) in &parts {
            for at in store.hashes(now, terms) {
                ask.cmd("HMGET").arg(self.hash(at, *part));
                prints.iter().for_each(|print| {
                    ask.arg(&print.0[..]).arg(&before(**print)[..]);
                });
            }
        }
        // Last: if it was emptied meanwhile, it has another name by then, or none.
        ask.cmd("GET").arg(&self.epoch);
        let answers: Vec<redis::Value> = link.ask(&ask, within).await?;
        let mut answers = answers.into_iter();
        let mut found = Vec::with_capacity(prints.len());
        for (_, prints) in parts {
            let mut lives = vec![Found::Nothing; prints.len()];
            for answer in answers.by_ref().take(store.hashes(now, terms).count()) {
                let fields: Vec<Option<Vec<u8>>> = redis::from_redis_value(answer).map_err(redis::RedisError::from)?;
                if fields.len() != 2 * lives.len() {
                    return Err(ServerError::Lost);
                }
                lives.iter_mut().zip(fields.chunks(2)).for_each(|(life, theirs)| *life = life.with(theirs));
            }
            found.extend(prints.into_iter().copied().zip(lives));
        }
        let name = answers.next().map(redis::from_redis_value::<Option<String>>);
        let name = name.transpose().map_err(redis::RedisError::from)?.flatten();
        if name.as_ref() == Some(&store.name) { Ok(found) } else { Err(ServerError::Lost) }
    }
}

/// The part that a session is in.
pub(super) fn part(print: Fingerprint) -> u8 {
    let Fingerprint([.., last]) = print;
    last % PARTS
}

/// By the parts they are in, which are not empty.
fn divided<T>(all: &[T], print: impl Fn(&T) -> Fingerprint) -> Vec<(u8, Vec<&T>)> {
    let of = |number: u8| (number, all.iter().filter(|one| part(print(one)) == number).collect::<Vec<_>>());
    (0..PARTS).map(of).filter(|(_, some)| !some.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::Store;
    use crate::decide::session::OnFull;
    use crate::state::sessions::Terms;
    use std::time::Duration;

    /// Whoever wrote it, and whatever their terms were: it is found as long as it is needed.
    #[test]
    fn what_is_needed_is_in_a_hash_that_is_looked_at() {
        let terms = |hours: u64| Terms {
            max: 1,
            remember: Duration::from_secs(hours * 3600),
            absolute: None,
            on_full: OnFull::Deny,
        };
        let store = Store::of(Store::named("a-1", &terms(24))).unwrap();
        assert_eq!((Store::of("x".into()), Store::of("x-0".into())), (None, None));
        for (hours, now) in [(24_u64, 1_790_000_000_000), (72, 1_790_000_000_000), (1, store.span * 20_000 + 5)] {
            let (needed, written) = (super::needed(&terms(hours)), |ago: i64| (now - ago).div_euclid(store.span));
            let looked: Vec<i64> = store.hashes(now, &terms(hours)).collect();
            assert!([0, 1, needed / 2, needed].iter().all(|ago| looked.contains(&written(*ago))), "{looked:?}");
            assert!(looked.len() <= 6 && looked[0] == written(0));
        }
        let edge = store.span * 20_000 - 1;
        assert!(store.hashes(edge, &terms(24)).any(|at| at == 20_000), "another's clock is a little ahead");
    }
}
