//! What is said to Redis of sessions, and what its answers say. Instants are milliseconds of Redis's own clock, so that those of instances may differ.
//!
//! Sessions are fields of a few hashes, so that many are written by one command. What is written goes into the hash of now;
//! one lasts as long as a session may be needed, and is there for as long again: so a session is found in the hash of now or
//! in one before, and a hash that nobody needs expires. All keys begin with the prefix in braces, so that a cluster has them
//! in one slot; a session's field is its fingerprint, under a key that Redis does not know.

use super::record::{Found, before, bounded, write};
use crate::decide::id::Fingerprint;
use crate::decide::session::Life;
use crate::decide::time::millis;
use crate::idp::fleet::ServerError;
use crate::state::sessions::{LINGER, Terms};
use redis::{FromRedisValue, Pipeline, RedisError, Value};
use std::time::Duration;

/// Joins what is told with what is there.
const MERGE: &str = include_str!("merge.lua");

/// What the store says of itself.
const SEE: &str = include_str!("see.lua");

/// Into so many parts sessions are divided, each with a hash of its own.
const PARTS: u8 = 16;

/// In so many hashes before that of now a session is looked for at most.
const MOST: i64 = 32;

/// What settles says this where it has all but what was used while it was out of reach (`see.lua`).
const AWAY: &str = "2";

/// How far the clocks of instances may be apart, where a new hash begins.
pub(super) const SKEW: i64 = 60_000;

/// The keys. `2` in them is for another format than this one.
pub(super) struct Keys {
    epoch: String,
    check: String,
    seen: String,
    settling: String,
    mark: String,
    sessions: String,
}

/// What is asked of the store itself.
pub(super) struct Asks<'a> {
    /// For how long it is kept from now on, if that is said anew.
    pub(super) keep: Option<&'a Terms>,
    /// How long it settles if it is new.
    pub(super) settle: Duration,
    /// How late it is there at least, by the count of who asks; in milliseconds.
    pub(super) counted: i64,
    /// How late it was there when it was asked last, which is written there.
    pub(super) mark: i64,
    /// The shortest silence that ends a session for some policy, in milliseconds.
    pub(super) strictest: i64,
    /// Which store was joined last.
    pub(super) known: Option<&'a Store>,
}

/// What the store says of itself.
pub(super) struct Seen {
    pub(super) check: String,
    /// How late it is there, in milliseconds. That is never set back.
    pub(super) late: i64,
    /// Whether what is not there may be known to an instance that did not tell it yet.
    pub(super) settles: bool,
}

/// What is known there of some sessions.
pub(super) struct Looked {
    pub(super) found: Vec<(Fingerprint, Found)>,
    pub(super) late: i64,
    pub(super) settles: bool,
    /// Whether it was out of reach a moment ago: what was used meanwhile may not be told yet.
    pub(super) was_away: bool,
}

/// Which store it is, and how it is divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    name: String,
    /// How long a hash is written to, in milliseconds.
    span: i64,
}

/// How long a session may be needed, in milliseconds.
fn needed(terms: &Terms) -> i64 {
    millis(terms.remember.max(terms.absolute.unwrap_or_default()) + LINGER)
}

impl Store {
    /// What a new one is called, for sessions that are kept by these terms; if it takes the place of one that was known, it is
    /// divided like that.
    pub(super) fn named(name: &str, terms: &Terms, known: Option<&Self>) -> String {
        let span = known.filter(|known| known.bears(terms)).map_or_else(|| needed(terms), |known| known.span);
        format!("{name}-{span}")
    }

    fn of(name: String) -> Option<Self> {
        let span = name.rsplit('-').next()?.parse().ok().filter(|span| *span >= millis(LINGER))?;
        Some(Self { name, span })
    }

    /// Whether a session that is kept by these terms is in one of a few hashes.
    pub(super) fn bears(&self, terms: &Terms) -> bool {
        needed(terms) / self.span < MOST
    }

    /// The hashes in which a session may be, that of now first. One that is just ahead counts as well.
    fn hashes(&self, now: i64, terms: &Terms) -> impl Iterator<Item = i64> + Clone + use<> {
        let (of_now, before) = (now.div_euclid(self.span), (needed(terms) / self.span).min(MOST) + 1);
        let ahead = now.saturating_add(SKEW).div_euclid(self.span);
        std::iter::once(of_now)
            .chain((of_now < ahead).then_some(ahead))
            .chain((1..=before).map(move |ago| of_now - ago))
    }
}

impl Keys {
    /// Those of an instance of this name.
    pub(super) fn new(prefix: &str, instance: &str) -> Self {
        let key = |name: &str| format!("{{{prefix}}}:{name}");
        Self {
            epoch: key("sessions:2:name"),
            check: key("sessions:2:key"),
            seen: key("sessions:2:seen"),
            settling: key("sessions:2:settling"),
            mark: key(&format!("sessions:2:at-{instance}")),
            sessions: key("sessions:2"),
        }
    }

    fn hash(&self, at: i64, part: u8) -> String {
        format!("{}:{at}:{part:x}", self.sessions)
    }

    /// Names the store and the key of the fleet, if nobody did; or, without names, asks whether it is still there, and the
    /// same. Either way it says how late it is there.
    pub(super) fn ask(&self, names: Option<(&str, &str)>, asks: &Asks<'_>) -> Pipeline {
        let (mut ask, keep) = (Pipeline::new(), asks.keep.map_or(0, |terms| 2 * needed(terms)));
        let (name, check) = names.unwrap_or_default();
        ask.cmd("EVAL").arg(SEE).arg(5).arg(&self.epoch).arg(&self.check).arg(&self.seen).arg(&self.settling);
        ask.arg(&self.mark);
        ask.arg(name).arg(check).arg(u8::from(names.is_some())).arg(keep).arg(millis(asks.settle));
        ask.arg(asks.counted.max(0)).arg(asks.mark);
        ask.arg(asks.known.map_or("", |known| &known.name)).arg(asks.strictest);
        ask
    }

    /// What was answered to that, and by which store.
    pub(super) fn seen(answers: Vec<Value>) -> Result<(Store, Seen), ServerError> {
        let (name, check, late, settles): (String, String, i64, bool) = next(&mut answers.into_iter())?;
        Ok((Store::of(name).ok_or(ServerError::Lost)?, Seen { check, late, settles }))
    }

    /// What is not there may be known to others for so long yet; or, where nothing `is_lost`, what was used while somebody was
    /// away.
    pub(super) fn settle(&self, settle: Duration, is_lost: bool) -> Pipeline {
        let (mut ask, settle) = (Pipeline::new(), millis(settle).max(1));
        if is_lost {
            ask.cmd("SET").arg(&self.settling).arg(1).arg("PX").arg(settle).ignore();
        } else {
            ask.cmd("SET").arg(&self.settling).arg(AWAY).arg("PX").arg(settle).arg("NX").ignore();
            ask.cmd("PEXPIRE").arg(&self.settling).arg(settle).arg("GT").ignore();
        }
        ask
    }

    /// Tells of these sessions. Now is Redis's time.
    pub(super) fn tell(&self, (store, now): (&Store, i64), told: &[(Fingerprint, Life)], terms: &Terms) -> Pipeline {
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
        ask
    }

    /// Whether it was told to the store that was joined.
    pub(super) fn told(answers: Vec<Value>) -> Result<(), ServerError> {
        let done: u8 = next(&mut answers.into_iter())?;
        if done == 1 { Ok(()) } else { Err(ServerError::Lost) }
    }

    /// Asks what is known of these. Now is Redis's time.
    pub(super) fn look(&self, (store, now): (&Store, i64), prints: &[Fingerprint], terms: &Terms) -> Pipeline {
        let mut ask = Pipeline::new();
        // First: what is not found after it has settled was told by nobody.
        ask.cmd("GET").arg(&self.settling).cmd("GET").arg(&self.seen).cmd("TIME");
        for (part, prints) in divided(prints, |print| *print) {
            for at in store.hashes(now, terms) {
                ask.cmd("HMGET").arg(self.hash(at, part));
                prints.iter().for_each(|print| {
                    ask.arg(&print.0[..]).arg(&before(**print)[..]);
                });
            }
        }
        // Last: if it was emptied meanwhile, it has another name by then, or none; and an old copy has an older mark.
        ask.cmd("GET").arg(&self.epoch).cmd("GET").arg(&self.mark);
        ask
    }

    /// What was found; they may come in another order.
    pub(super) fn looked(
        answers: Vec<Value>,
        (store, now, mark): (&Store, i64, i64),
        prints: &[Fingerprint],
        terms: &Terms,
    ) -> Result<Looked, ServerError> {
        let mut answers = answers.into_iter();
        let settling: Option<String> = next(&mut answers)?;
        let was_away = settling.as_deref() == Some(AWAY);
        let settles = settling.is_some() && !was_away;
        let late = late(next(&mut answers)?, next(&mut answers)?);
        let mut found = Vec::with_capacity(prints.len());
        for (_, prints) in divided(prints, |print| *print) {
            let mut lives = vec![Found::Nothing; prints.len()];
            for answer in answers.by_ref().take(store.hashes(now, terms).count()) {
                let fields: Vec<Option<Vec<u8>>> = redis::from_redis_value(answer).map_err(RedisError::from)?;
                if fields.len() != 2 * lives.len() {
                    return Err(ServerError::Lost);
                }
                lives.iter_mut().zip(fields.chunks(2)).for_each(|(life, theirs)| *life = life.with(theirs));
            }
            found.extend(prints.into_iter().copied().zip(lives));
        }
        let name: Option<String> = next(&mut answers)?;
        let is_old = next::<Option<i64>>(&mut answers)?.is_none_or(|there| there < mark);
        if name.as_ref() == Some(&store.name) && !is_old {
            Ok(Looked { found, late, settles, was_away })
        } else {
            Err(ServerError::Lost)
        }
    }
}

fn next<T: FromRedisValue>(answers: &mut impl Iterator<Item = Value>) -> Result<T, ServerError> {
    Ok(redis::from_redis_value(answers.next().unwrap_or(Value::Nil)).map_err(RedisError::from)?)
}

/// How late it is there, as `see.lua` tells it, though nobody is told.
fn late(seen: Option<String>, (seconds, micros): (i64, i64)) -> i64 {
    let now = seconds.saturating_mul(1000).saturating_add(micros / 1000);
    let seen = seen.as_deref().and_then(|seen| seen.split_once(' '));
    let seen = seen.and_then(|(late, by)| Some((late.parse::<i64>().ok()?, by.parse::<i64>().ok()?)));
    seen.map_or(now, |(late, by)| now.max(late).max(now.saturating_add(late.saturating_sub(by))))
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
        let store = Store::of(Store::named("a-1", &terms(24), None)).unwrap();
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
