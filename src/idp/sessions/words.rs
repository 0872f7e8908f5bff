//! What is said to Redis of sessions. Instants are milliseconds of Redis's own clock, so that those of instances may differ.
//! All keys begin with the prefix in braces, so that a cluster has them in one slot; the last part of a session's key is
//! its fingerprint, under a key that Redis does not know.

use crate::decide::id::Fingerprint;
use crate::decide::session::Life;
use crate::decide::time::{Timestamp, millis};
use crate::idp::fleet::{Link, ServerError};
use crate::state::sessions::Terms;
use redis::Pipeline;
use std::fmt::Write;
use std::time::Duration;

/// Joins what is told with what is there.
const MERGE: &str = include_str!("merge.lua");

/// What stands for an instant that there is not.
const NONE: i64 = -(1 << 47);

/// For how long a session is kept beyond the instant until which it is needed, as `state/sessions` does.
const LINGER: Duration = Duration::from_secs(300);

/// The keys. `2` in them is for another format than this one.
pub(super) struct Keys {
    epoch: String,
    check: String,
    session: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        let key = |name: &str| format!("{{{prefix}}}:{name}");
        Self { epoch: key("sessions:1"), check: key("sessions:key"), session: key("session:1:") }
    }

    fn of(&self, print: Fingerprint) -> String {
        print.0.iter().fold(self.session.clone(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Names the store and the key of the fleet, if nobody did. Tells both, and what time it is there.
    pub(super) async fn join(
        &self,
        link: &mut Link,
        (name, key): (&str, &str),
        within: Duration,
    ) -> Result<(String, String, i64), ServerError> {
        let mut ask = Pipeline::new();
        ask.cmd("SET").arg(&self.epoch).arg(name).arg("NX").ignore().cmd("GET").arg(&self.epoch);
        ask.cmd("SET").arg(&self.check).arg(key).arg("NX").ignore().cmd("GET").arg(&self.check);
        ask.cmd("TIME");
        let (name, key, (seconds, micros)): (Option<String>, Option<String>, (i64, i64)) =
            link.ask(&ask, within).await?;
        Ok((name.unwrap_or_default(), key.unwrap_or_default(), seconds.saturating_mul(1000) + micros / 1000))
    }

    /// Tells of these sessions.
    pub(super) async fn tell(
        &self,
        link: &mut Link,
        name: &str,
        told: &[(Fingerprint, Life)],
        terms: &Terms,
        within: Duration,
    ) -> Result<(), ServerError> {
        let mut ask = Pipeline::new();
        let absolute = terms.absolute.map_or(0, |absolute| millis(absolute + LINGER));
        ask.cmd("EVAL").arg(MERGE).arg(told.len() + 1).arg(&self.epoch);
        told.iter().for_each(|(print, _)| {
            ask.arg(self.of(*print));
        });
        ask.arg(name).arg(millis(terms.remember + LINGER)).arg(absolute);
        told.iter().for_each(|(_, life)| {
            ask.arg(write(life));
        });
        let (done,): (u8,) = link.ask(&ask, within).await?;
        if done == 1 { Ok(()) } else { Err(ServerError::Lost) }
    }

    /// What is known of these, in the same order. The store has to be the one of this name.
    pub(super) async fn look(
        &self,
        link: &mut Link,
        name: &str,
        prints: &[Fingerprint],
        within: Duration,
    ) -> Result<Vec<Option<Life>>, ServerError> {
        let mut ask = Pipeline::new();
        ask.cmd("MGET").arg(&self.epoch);
        prints.iter().for_each(|print| {
            ask.arg(self.of(*print));
        });
        let (found,): (Vec<Option<String>>,) = link.ask(&ask, within).await?;
        let (epoch, found) = found.split_first().ok_or(ServerError::Lost)?;
        if epoch.as_deref() != Some(name) || found.len() != prints.len() {
            return Err(ServerError::Lost);
        }
        Ok(found.iter().map(|text| text.as_deref().and_then(read)).collect())
    }
}

fn write(life: &Life) -> String {
    let bounded = |at: i64| at.clamp(NONE, -NONE);
    let signed_in = life.signed_in.map_or(NONE, Timestamp::millis);
    let [last, began, signed_in, broken] = [life.last, life.began, signed_in, life.broken].map(bounded);
    format!("{last} {began} {signed_in} {broken} {} {}", bounded(life.silence), bounded(life.earlier))
}

/// `None` for what no instance of this version wrote.
fn read(text: &str) -> Option<Life> {
    if text.len() > 128 {
        return None;
    }
    let fields: Option<Vec<i64>> = text.split(' ').map(|field| field.parse().ok()).collect();
    let [last, began, signed_in, broken, silence, earlier] = *fields?.as_slice() else { return None };
    let none = |at: i64| (at != NONE).then_some(at);
    let signed_in = none(signed_in).map(Timestamp::from_millis);
    Some(Life { last, began, signed_in, broken: none(broken).unwrap_or(i64::MIN), silence, earlier })
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use crate::decide::session::Life;
    use crate::decide::time::Timestamp;

    #[test]
    fn what_was_written_is_read_and_nothing_else_is() {
        let signed_in = Some(Timestamp::from_secs(1_793_594_096));
        let life = Life { last: 9, began: -3, signed_in, silence: 7, broken: i64::MIN, earlier: 1 };
        for life in [life, Life { signed_in: None, broken: 4, ..life }] {
            assert_eq!(read(&write(&life)), Some(life));
        }
        for bad in ["", "1 2 3 4 5", "1 2 3 4 5 6 7", "1 2 3 4 5 x", "1 2 3 4 5 99999999999999999999", &"1".repeat(200)]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
